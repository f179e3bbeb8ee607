"""Carries messages to endpoints over HTTP, on connections that are kept.

No redirect is followed, no proxy of the environment asked, and the whole of a message takes a few seconds at most: an
endpoint that lets its answer drip holds nobody up.
"""

import socket
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit

from aftercart import __version__
from aftercart.outward.answer import Answer, NotToldError, StoppingError, retry_after
from aftercart.outward.outlet import Request
from aftercart.outward.place import Resolve, address_of, resolved

CONNECT_S, ALL_S = 5.0, 15.0
PORTS = {"http": 80, "https": 443}
ANSWER_BYTES = 64_000
"""Of an answer's body, which nobody reads: a longer one costs its connection."""
KEPT = 8
"""Connections to one endpoint that wait for the next message."""


class Courier:
    """Safe to share between threads."""

    def __init__(
        self,
        *,
        to_loopback: bool = False,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve = resolved,
        all_s: float = ALL_S,
    ) -> None:
        """`trust`: whose certificates are believed; None: those that the system believes. `all_s`: seconds for all of
        a message."""
        self._to_loopback = to_loopback
        self._trust = trust
        self._resolve = resolve
        self._all_s = all_s
        self._lock = threading.Lock()
        self._idle: dict[str, list[_Line]] = defaultdict(list)
        self._busy: set[_Line] = set()
        self._is_stopping = False

    def post(self, request: Request) -> Answer:
        """Tell it once. Raises NotToldError."""
        parts = urlsplit(request.url)
        kept = self._kept(parts)
        if kept is not None:
            try:
                return self._posted(kept, parts, request)
            except _StaleError:  # it was closed while it waited, and nobody has read a byte
                pass
        return self._posted(self._opened(parts), parts, request)

    def stop(self) -> None:
        """Break off what is under way: it counts as not told, and is told again later under the same id."""
        with self._lock:
            self._is_stopping = True
            busy = list(self._busy)
        for line in busy:
            _break(line)

    def close(self) -> None:
        """Close what is kept."""
        self.stop()
        with self._lock:
            lines = [line for kept in self._idle.values() for line in kept]
            self._idle.clear()
        for line in lines:
            line.close()

    # ---------------------------------------------------------------- one message

    def _posted(self, line: "_Line", parts: SplitResult, request: Request) -> Answer:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        headers = {"user-agent": f"aftercart/{__version__}", **request.headers}
        try:
            with self._watched(line):
                line.request("POST", path, request.body, headers)
                response = line.getresponse()
                answer = Answer(response.status, retry_after(response.headers.get("retry-after")))
                with suppress(OSError, HTTPException):  # it has said what counts
                    response.read(ANSWER_BYTES)
        except NotToldError:
            line.close()
            raise
        except (OSError, HTTPException) as err:
            line.close()
            if line.was_used and not line.is_broken_off and isinstance(err, ConnectionError):
                raise _StaleError from err
            if self._is_stopping:
                raise StoppingError("the engine is stopping") from err
            why = "it took too long" if line.is_broken_off else str(err) or type(err).__name__
            raise NotToldError(f"no answer: {why}") from err
        self._keep(parts, line, is_whole=response.isclosed() and not line.is_broken_off)
        return answer

    @contextmanager
    def _watched(self, line: "_Line") -> Iterator[None]:
        """Broken off when its time is over, or the engine stops."""
        timer = threading.Timer(self._all_s, _break, (line,))
        timer.daemon = True
        with self._lock:
            if self._is_stopping:
                raise StoppingError("the engine is stopping")
            self._busy.add(line)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._busy.discard(line)

    # ---------------------------------------------------------------- connections

    def _opened(self, parts: SplitResult) -> "_Line":
        host = parts.hostname or ""
        line = _Line(host, parts.port or PORTS[parts.scheme], parts.scheme, self._all_s)
        address = address_of(host, line.port, self._resolve, to_loopback=self._to_loopback)
        try:
            plain = socket.create_connection((address, line.port), timeout=CONNECT_S)
            line.sock = self._secured(plain, host) if parts.scheme == "https" else plain
            line.sock.settimeout(self._all_s)
        except ssl.SSLCertVerificationError as err:
            raise NotToldError(f"its certificate is not valid: {err.verify_message}") from err
        except OSError as err:
            raise NotToldError(f"cannot be reached: {err}") from err
        return line

    def _secured(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        with self._lock:
            self._trust = self._trust or ssl.create_default_context()
        try:
            return self._trust.wrap_socket(plain, server_hostname=host)
        except OSError:
            plain.close()
            raise

    def _kept(self, parts: SplitResult) -> "_Line | None":
        with self._lock:
            kept = self._idle[f"{parts.scheme}://{parts.netloc}"]
            return kept.pop() if kept else None

    def _keep(self, parts: SplitResult, line: "_Line", *, is_whole: bool) -> None:
        with self._lock:
            kept = self._idle[f"{parts.scheme}://{parts.netloc}"]
            if is_whole and line.sock is not None and len(kept) < KEPT and not self._is_stopping:
                line.was_used = True
                kept.append(line)
                return
        line.close()


class _Line(HTTPConnection):
    """A connection that was opened to an address that we may speak to: it never opens itself anew."""

    auto_open = 0

    def __init__(self, host: str, port: int, scheme: str, timeout: float) -> None:
        self.default_port = PORTS[scheme]  # is left out of the Host header
        super().__init__(host, port, timeout=timeout)
        self.was_used = False
        self.is_broken_off = False


class _StaleError(Exception):
    """A kept connection had been closed by the other side."""


def _break(line: _Line) -> None:
    line.is_broken_off = True
    with suppress(OSError, AttributeError):
        line.sock.shutdown(socket.SHUT_RDWR)
