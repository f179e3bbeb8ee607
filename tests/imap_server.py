"""A mail server's IMAP side (RFC 3501), as much of it as reading a mailbox takes."""

import re
import socketserver
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

USER, PASSWORD = "bounces@shop.example", "s3cret/with:odd@letters"
CERTIFICATE = Path(__file__).parent / "delivery" / "localhost.pem"


class Box(socketserver.ThreadingTCPServer):
    """One folder. `refuses`: commands that it answers with NO; `forgets`: it does not keep what was marked as read.

    `is_secure`: TLS from the first byte; else it offers STARTTLS.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: dict[int, bytes] = {}
        self.read: set[int] = set()
        self.logins = 0
        self.refuses: set[str] = set()
        self.forgets = False
        self.is_secure = False
        self.password = PASSWORD
        self.folder = "INBOX"
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(CERTIFICATE)

    def put(self, body: bytes) -> None:
        """A mail arrives."""
        self.mails[len(self.mails) + 1] = body

    @property
    def url(self) -> str:
        user, password = quote(USER, safe=""), quote(self.password, safe="")
        return f"imap://{user}:{password}@127.0.0.1:{self.server_address[1]}/INBOX"


class _Session(socketserver.StreamRequestHandler):
    server: Box

    def handle(self) -> None:
        if self.server.is_secure and not self._secure():
            return
        self._say("* OK IMAP4rev1 ready")
        while line := self.rfile.readline():
            tag, _, command = line.decode().strip().partition(" ")
            name = " ".join(command.upper().split()[: 2 if command.upper().startswith("UID") else 1])
            if name in self.server.refuses:
                self._say(f"{tag} NO not now")
                continue
            if name == "STARTTLS":
                self._say(f"{tag} OK begin")
                if not self._secure():
                    return
                continue
            fine = self._do(name, command)
            self._say(f"{tag} OK done" if fine else f"{tag} NO that is wrong")
            if name == "LOGOUT":
                return

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def _secure(self) -> bool:
        """False: the other side does not trust us."""
        try:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        except (ssl.SSLError, OSError):
            return False
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        return True

    def _do(self, name: str, command: str) -> bool:
        if name == "CAPABILITY":
            self._say("* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN")
        elif name == "LOGIN":
            self.server.logins += 1
            return self.server.password in command and USER in command
        elif name == "AUTHENTICATE":
            self._say("+ ")
            self.server.logins += 1
            return b64decode(self.rfile.readline()).decode().split("\0") == ["", USER, self.server.password]
        elif name == "SELECT":
            self._say(f"* {len(self.server.mails)} EXISTS")
            return f'"{self.server.folder}"' in command
        elif name == "UID SEARCH":
            unread = [str(uid) for uid in self.server.mails if uid not in self.server.read]
            self._say(f"* SEARCH {' '.join(unread)}")
        elif name == "UID FETCH":
            self._fetch(command)
        elif name == "UID STORE":
            self.server.read |= set() if self.server.forgets else {int(uid) for uid in command.split()[2].split(",")}
        return True

    def _fetch(self, command: str) -> None:
        wanted = re.fullmatch(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command)
        assert wanted is not None, command
        uid, size = int(wanted[1]), int(wanted[2])
        body = self.server.mails[uid][:size]
        self._say(f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(body)}}}")
        self.wfile.write(body + b")\r\n")

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


@contextmanager
def imap_server() -> Iterator[Box]:
    with Box() as box:
        thread = threading.Thread(target=box.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield box
        box.shutdown()
