"""An endpoint of somebody else: keeps what it is told, and answers what it is asked to."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + b64encode(b"a secret of the receiver's own..").decode()
OLD_SECRET = "whsec_" + b64encode(b"the one that it had before......").decode()


@dataclass(frozen=True)
class Told:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def verified(self, secret: str) -> Any:
        """As the library of the specification's authors reads it, now. Raises where the signature does not hold."""
        return Webhook(secret).verify(self.body.decode(), self.headers)

    def is_signed_with(self, secret: str) -> bool:
        """The same, whenever it was sent."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        signature = Webhook(secret).sign(self.id, at, self.body.decode())
        return signature in self.headers["webhook-signature"].split()


@dataclass
class Receiver:
    """`answers`: status, headers and body, once each; afterwards it takes everything."""

    url: str = ""
    told: list[Told] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    connections: int = 0

    def answers_with(self, status: int, times: int = 1, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers += [(status, named, b"")] * times

    @property
    def types(self) -> list[str]:
        return [one.content["type"] for one in self.told]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listens on this machine meanwhile."""
    receiver, lock = Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            receiver.connections += 1

        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                told = Told(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                receiver.told.append(told)
                status, headers, answer = receiver.answers.pop(0) if receiver.answers else (204, {}, b"")
            self.send_response(status)
            for name, value in {"content-length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
