"""A mail server that does to each mail what it is told to, and remembers what it answered for.

A mail counts as taken from its final dot on, unless the server clearly refuses it: whatever becomes of the answer, it
may be delivered. So nothing that was taken may come again.
"""

import asyncio
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic


class Does(Enum):
    """What it does in place of an answer."""

    HANG_UP = "hangs up"
    RESET = "resets the connection"
    STAY_SILENT = "says nothing until `let_go`, then hangs up"
    ANSWER_WHEN_LET_GO = "says nothing until `let_go`, then answers as usual"
    TRICKLE = "answers a letter at a time"
    GARBAGE = "answers with what is no SMTP"
    BREAK_TLS = "breaks off the handshake"


FOR_EVER = 1_000_000


@dataclass(frozen=True)
class Fault:
    """What happens `times` times at one point of the conversation; then all is well."""

    at: str
    """connect, ehlo, starttls, mail, rcpt, data or body."""
    does: str | Does
    times: int = 1
    leaves_in_doubt: bool = False
    """The sender cannot know whether the mail was taken."""

    @property
    def is_refusal(self) -> bool:
        """Whether it clearly says no."""
        return isinstance(self.does, str) and self.does.startswith(("4", "5"))

    @property
    def is_final(self) -> bool:
        """The mail need not arrive: refused for good, or for ever."""
        return self.times == FOR_EVER or (isinstance(self.does, str) and self.does.startswith("5"))


@dataclass(frozen=True)
class Taken:
    """A mail that arrived whole and was not refused."""

    message_id: str
    recipient: str
    campaign: str
    step: str
    at: float


USUAL = {
    "connect": "220 ready",
    "mail": "250 2.1.0 fine",
    "rcpt": "250 2.1.5 fine",
    "data": "354 go ahead",
    "body": "250 2.0.0 queued",
    "rset": "250 2.0.0 flushed",
    "starttls": "220 2.0.0 go on",
}
EXTENSIONS = ("PIPELINING", "SIZE 1000000", "8BITMIME")
DRAWN_OUT_S = 0.02
_MESSAGE_ID = re.compile(rb"(?im)^message-id:\s*(\S+)")
_FEEDBACK_ID = re.compile(rb"(?im)^feedback-id:\s*([^:\s]+):([^:\s]+):")


@dataclass
class _Last:
    """Of one connection: for whom the last go-ahead was, whose body came last, and when it ended."""

    begun: str = ""
    arrived: str = ""
    ended: float = float("inf")


RECENTLY_S = 2.0


@dataclass
class MailServer:
    """One server on a free port. `faults` by recipient (or, at connect and ehlo, under an empty name)."""

    tls: ssl.SSLContext | None = None
    answers_after_s: Callable[[], float] = lambda: 0.0
    faults: dict[str, Fault] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    port: int = 0
    open_connections: int = 0
    most_connections: int = 0
    bodies: int = 0
    """Conversations that are between the server's go-ahead and its answer."""
    begun: list[tuple[float, str]] = field(default_factory=list)
    """When it gave the go-ahead for whom."""
    _last_on: dict[int, _Last] = field(default_factory=dict)
    _used: Counter[str] = field(default_factory=Counter)
    _held: list[asyncio.Event] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _count: int = 0

    @property
    def url(self) -> str:
        scheme = "smtp+starttls" if self.tls else "smtp"
        return f"{scheme}://localhost:{self.port}"

    def in_doubt(self, since: float) -> set[str]:
        """Whose mails were the last of a connection that was open at this instant, or later, and all begun since.

        If everything died between then and now, nobody but the server could know of these and of no others: the answer
        to a mail is recorded at the latest before the next body leaves on its connection.
        """
        open_then = [last for last in list(self._last_on.values()) if last.ended > since - RECENTLY_S]
        began = {who for when, who in list(self.begun) if when >= since}
        return began | {who for last in open_then for who in (last.begun, last.arrived)}

    def connections_since(self, since: float) -> int:
        """How many connections were open at this instant or later."""
        return sum(last.ended > since for last in list(self._last_on.values()))

    def let_go(self) -> None:
        """End all silence."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._let_go)

    @property
    def held(self) -> int:
        """How many conversations it keeps waiting."""
        return len(self._held)

    def _let_go(self) -> None:
        for event in self._held:
            event.set()
        self._held.clear()

    # ------------------------------------------------------------ one conversation

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_connections += 1
        self.most_connections = max(self.most_connections, self.open_connections)
        self._count += 1
        talk = _Conversation(self, self._count, reader, writer)
        try:
            await talk.hold()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
            pass  # the client went away or broke off, or the server closes
        finally:
            self.open_connections -= 1
            talk.end()
            writer.close()

    def fault_of(self, recipient: str, point: str) -> Fault | None:
        """What shall happen to this one here, once less often than before."""
        fault = self.faults.get(recipient)
        if fault is None or fault.at != point or self._used[recipient] >= fault.times:
            return None
        self._used[recipient] += 1
        return fault

    def forget_what_was_done(self, recipient: str) -> None:
        """A fault that is told next begins from its first time."""
        self._used[recipient] = 0

    async def be_held(self) -> None:
        event = asyncio.Event()
        self._held.append(event)
        await event.wait()

    def goes_ahead(self, connection: int, recipient: str) -> None:
        self.begun.append((monotonic(), recipient))
        self._last_on.setdefault(connection, _Last()).begun = recipient

    def took(self, connection: int, mail: Taken | None) -> None:
        """The body is there; None: it is going to be refused."""
        last = self._last_on[connection]
        last.arrived = last.begun
        if mail:
            self.taken.append(mail)

    def ended(self, connection: int) -> None:
        if last := self._last_on.get(connection):
            last.ended = monotonic()


class _Conversation:
    def __init__(
        self, server: MailServer, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._number = number
        self._server, self._reader, self._writer = server, reader, writer
        self._recipient = ""
        self._has_recipient = False
        self._in_body = False

    async def hold(self) -> None:
        going_on = await self._answer("connect")
        while going_on and (line := await self._reader.readline()):
            said = line.decode("ascii", "replace").strip()
            verb = said.split(" ")[0].lower()
            if verb == "quit":
                await self._write("221 bye")
                return
            if verb == "rcpt":
                self._recipient = said.partition("<")[2].partition(">")[0]
            going_on = await self._answer(verb)

    def end(self) -> None:
        self._server.ended(self._number)
        if self._in_body:
            self._server.bodies -= 1

    async def _answer(self, point: str) -> bool:
        """False: the conversation is over."""
        whose = "" if point in ("connect", "ehlo", "starttls") else self._recipient
        return await self._answer_as(point, self._server.fault_of(whose, point))

    async def _answer_as(self, point: str, fault: Fault | None) -> bool:
        if fault is None:
            return await self._say(point, self._usual(point))
        if isinstance(fault.does, str):
            return await self._say(point, fault.does)
        return await self._misbehave(point, fault.does)

    async def _misbehave(self, point: str, does: Does) -> bool:
        match does:
            case Does.STAY_SILENT:
                await self._server.be_held()
                return False
            case Does.ANSWER_WHEN_LET_GO:
                await self._server.be_held()
                return await self._say(point, self._usual(point))
            case Does.TRICKLE:
                return await self._say(point, self._usual(point), a_letter_each_s=DRAWN_OUT_S)
            case Does.GARBAGE:
                return await self._say(point, "\x00\xff hello? \x1b[2J")
            case Does.RESET:
                sock: socket.socket = self._writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._writer.transport.abort()
                return False
            case Does.BREAK_TLS:
                await self._write("220 2.0.0 go on")
                await self._reader.read(1)  # its first word of the handshake
                return False
            case Does.HANG_UP:
                return False

    async def _say(self, point: str, reply: str, a_letter_each_s: float = 0.0) -> bool:
        if reply.startswith("354"):
            return await self._take_a_body(reply, a_letter_each_s)
        await self._write(reply, a_letter_each_s)
        if point == "rcpt":
            self._has_recipient = reply.startswith("250")
        if point == "starttls" and reply.startswith("220") and self._server.tls:
            await self._protect()
        return not reply.startswith("421")

    async def _protect(self) -> None:
        """`StreamWriter.start_tls` of Python 3.11 takes itself for a client."""
        loop, transport = asyncio.get_running_loop(), self._writer.transport
        protocol = transport.get_protocol()
        assert self._server.tls is not None
        safe = await loop.start_tls(transport, protocol, self._server.tls, server_side=True)
        assert safe is not None
        self._reader._transport = safe  # type: ignore[attr-defined]
        self._writer = asyncio.StreamWriter(safe, protocol, self._reader, loop)

    async def _take_a_body(self, reply: str, a_letter_each_s: float) -> bool:
        if not self._has_recipient:  # pipelined: some servers say 354 all the same (RFC 2920 §3.1)
            await self._write(reply)
            await self._read_body()
            return await self._say("body", "554 5.5.1 for nobody")
        self._server.goes_ahead(self._number, self._recipient)
        await self._write(reply, a_letter_each_s)
        self._server.bodies += 1
        self._in_body = True
        body = await self._read_body()
        fault = self._server.fault_of(self._recipient, "body")
        self._server.took(self._number, None if fault and fault.is_refusal else self._as_taken(body))
        await asyncio.sleep(self._server.answers_after_s())
        going_on = await self._answer_as("body", fault)
        self._server.bodies -= 1
        self._in_body = False
        return going_on

    async def _read_body(self) -> bytes:
        body = await self._reader.readline()
        while not (body == b".\r\n" or body.endswith(b"\r\n.\r\n")):
            line = await self._reader.readline()
            if not line:
                raise ConnectionError("the client hung up within the body")
            body += line
        return body

    def _as_taken(self, body: bytes) -> Taken:
        id_, step = _MESSAGE_ID.search(body), _FEEDBACK_ID.search(body)
        step_name, campaign = (step[1].decode(), step[2].decode()) if step else ("", "")
        return Taken(id_[1].decode() if id_ else "", self._recipient, campaign, step_name, monotonic())

    def _usual(self, point: str) -> str:
        if point == "ehlo":
            is_safe = self._writer.get_extra_info("ssl_object") is not None
            offered = ("STARTTLS",) if self._server.tls and not is_safe else ()
            return "\r\n".join([*(f"250-{line}" for line in ("here", *EXTENSIONS, *offered)), "250 HELP"])
        return USUAL.get(point, "502 5.5.1 not here")

    async def _write(self, reply: str, a_letter_each_s: float = 0.0) -> None:
        content = f"{reply}\r\n".encode("latin-1")
        pieces: Iterator[bytes] = iter([content])
        if a_letter_each_s:
            pieces = (content[at : at + 1] for at in range(len(content)))
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            if a_letter_each_s:
                await asyncio.sleep(a_letter_each_s)


@contextmanager
def mail_server(
    tls: ssl.SSLContext | None = None, answers_after_s: Callable[[], float] = lambda: 0.0
) -> Iterator[MailServer]:
    """A server that listens while the block lasts."""
    server = MailServer(tls, answers_after_s)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail-server", daemon=True)
    thread.start()
    server._loop = loop
    listening = asyncio.run_coroutine_threadsafe(_listen(server), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_close(listening), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(server: MailServer) -> asyncio.Server:
    listening = await asyncio.start_server(server.talk, "127.0.0.1", server.port)
    server.port = listening.sockets[0].getsockname()[1]
    return listening


async def _close(listening: asyncio.Server) -> None:
    listening.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
