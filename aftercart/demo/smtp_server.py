"""A small SMTP server for one machine, so that the demo's mails are really sent and really received.

A subset of RFC 5321 with PIPELINING (RFC 2920), SIZE (1870), 8BITMIME (6152) and SMTPUTF8 (6531); no TLS, no
authentication, no relaying: whatever comes is deposited. Runs in a thread of its own.
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Self

MAX_SIZE = 25_000_000
MAX_LINE = 4_096
MAX_RECIPIENTS = 100
END_OF_DATA = b"\r\n.\r\n"
PATH = re.compile(r"^(?:FROM|TO):\s*<(?:@[^:>]*:)?([^<>]*)>(.*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail as it was handed over, its content byte for byte (dots unstuffed). `sender` is empty for a bounce."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


Deposit = Callable[[Envelope], None]
"""Keeps a mail. Called in the server's thread, before the client gets its 250; OSError makes it a 451."""


class SmtpServer:
    """Use it as a context manager, or `start` and `close`. `port` 0 takes a free one, known after the start."""

    def __init__(self, deposit: Deposit, host: str = "127.0.0.1", port: int = 0, max_size: int = MAX_SIZE) -> None:
        self.host, self.port = host, port
        self._deposit, self._max_size = deposit, max_size
        self._sessions: set[_Session] = set()
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """As AFTERCART_SENDER_URL wants it."""
        return f"smtp://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        listening: Future[int] = Future()
        self._thread = Thread(target=self._run, args=(listening,), name="demo-smtp", daemon=True)
        self._thread.start()
        self.port = listening.result()

    def close(self) -> None:
        """Hang up on everybody and stop listening."""
        if self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, listening: "Future[int]") -> None:
        asyncio.run(self._serve(listening))

    async def _serve(self, listening: "Future[int]") -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await self._loop.create_server(self._session, self.host, self.port)
        except OSError as err:
            listening.set_exception(err)
            return
        listening.set_result(server.sockets[0].getsockname()[1])
        async with server:
            await self._stopping.wait()
            for session in list(self._sessions):
                session.hang_up()

    def _session(self) -> "_Session":
        return _Session(self._deposit, self._max_size, self._sessions)


class _Session(asyncio.Protocol):
    """One connection: reads commands, and between DATA and the lone dot, the mail."""

    def __init__(self, deposit: Deposit, max_size: int, sessions: "set[_Session]") -> None:
        self._deposit, self._max_size, self._sessions = deposit, max_size, sessions
        self._buffer = bytearray()
        self._in_data = self._too_large = self._greeted = False
        self._searched = 0
        self._sender: str | None = None
        self._recipients: list[str] = []

    # ------------------------------------------------------------ asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sessions.add(self)
        self._reply("220 demo.example ESMTP Aftercart demo")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._sessions.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._take_mail() if self._in_data else self._take_command():
            pass

    def hang_up(self) -> None:
        """Say goodbye (RFC 5321 §3.8: a server that must stop sends 421)."""
        self._reply("421 4.3.2 demo.example is stopping")
        self._transport.close()

    # ------------------------------------------------------------ commands

    def _take_command(self) -> bool:
        """Answer one command. False: there is none yet."""
        end = self._buffer.find(b"\r\n")
        if self._transport.is_closing():
            return False
        if end < 0 or end > MAX_LINE:
            if len(self._buffer) > MAX_LINE:
                self._reply("500 5.5.2 line too long")
                self._transport.close()
            return False
        line = bytes(self._buffer[:end]).decode("utf-8", "replace")
        del self._buffer[: end + 2]
        verb, _, rest = line.strip().partition(" ")
        self._answer(verb.upper(), rest.strip())
        return True

    def _answer(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO" | "HELO":
                self._hello(verb)
            case "MAIL":
                self._mail(rest)
            case "RCPT":
                self._rcpt(rest)
            case "DATA":
                self._data()
            case "RSET":
                self._forget_mail()
                self._reply("250 2.0.0 forgotten")
            case "NOOP":
                self._reply("250 2.0.0 fine")
            case "VRFY":
                self._reply("252 2.1.5 try and see")
            case "QUIT":
                self._reply("221 2.0.0 goodbye")
                self._transport.close()
            case _:
                self._reply("502 5.5.1 not a command of this server")

    def _hello(self, verb: str) -> None:
        self._greeted = True
        self._forget_mail()
        if verb == "HELO":
            self._reply("250 demo.example")
            return
        words = ("demo.example", "PIPELINING", f"SIZE {self._max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
        self._reply(*(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}")

    def _mail(self, rest: str) -> None:
        path = PATH.match(rest)
        if not self._greeted or self._sender is not None:
            self._reply("503 5.5.1 EHLO first, and one MAIL at a time")
        elif not path or rest[:4].upper() != "FROM":
            self._reply("501 5.5.4 MAIL FROM:<address> expected")
        elif _declared_size(path[2]) > self._max_size:
            self._reply("552 5.3.4 too large")
        else:
            self._sender = path[1]
            self._reply("250 2.1.0 sender ok")

    def _rcpt(self, rest: str) -> None:
        path = PATH.match(rest)
        if self._sender is None:
            self._reply("503 5.5.1 MAIL first")
        elif not path or not path[1] or rest[:2].upper() != "TO":
            self._reply("501 5.5.4 RCPT TO:<address> expected")
        elif len(self._recipients) >= MAX_RECIPIENTS:
            self._reply("452 4.5.3 too many recipients")
        else:
            self._recipients.append(path[1])
            self._reply("250 2.1.5 recipient ok")

    def _data(self) -> None:
        if not self._recipients:
            self._reply("503 5.5.1 RCPT first")
            return
        self._in_data, self._too_large = True, False
        # The line break before the mail's first line, so that a dot there looks like any other.
        self._buffer[:0] = b"\r\n"
        self._searched = 0
        self._reply("354 end with a dot on a line of its own")

    # ------------------------------------------------------------ the mail

    def _take_mail(self) -> bool:
        """Deposit the mail once its end is here. False: it is not."""
        end = self._buffer.find(END_OF_DATA, self._searched)
        if end < 0:
            self._keep_looking()
            return False
        content = bytes(self._buffer[: end + 2]).replace(b"\r\n..", b"\r\n.")[2:]
        del self._buffer[: end + len(END_OF_DATA)]
        self._in_data = False
        self._accept(content)
        self._forget_mail()
        return True

    def _keep_looking(self) -> None:
        """Remember how far the end was searched; of a mail that is too large, keep no more than its end needs."""
        if len(self._buffer) > self._max_size + MAX_LINE:
            self._too_large = True
            del self._buffer[: -len(END_OF_DATA)]
        self._searched = max(0, len(self._buffer) - len(END_OF_DATA) + 1)

    def _accept(self, content: bytes) -> None:
        if self._too_large or len(content) > self._max_size:
            self._reply("552 5.3.4 too large")
            return
        try:
            self._deposit(Envelope(self._sender or "", tuple(self._recipients), content))
        except OSError as err:
            self._reply(f"451 4.3.0 could not be kept: {err.strerror}")
            return
        self._reply("250 2.0.0 received")

    def _forget_mail(self) -> None:
        self._sender, self._recipients = None, []

    def _reply(self, *lines: str) -> None:
        self._transport.write("".join(f"{line}\r\n" for line in lines).encode())


def _declared_size(parameters: str) -> int:
    """The SIZE that MAIL declares, 0 where it does not."""
    declared = re.search(r"(?i)(?:^|\s)SIZE=(\d{1,20})(?:\s|$)", parameters)
    return int(declared[1]) if declared else 0
