"""One conversation of the mail server, from its greeting on."""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from time import monotonic
from typing import Protocol

from tests.chaos.faults import Does, Fault, Taken

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


class Server(Protocol):
    """What a conversation needs to know and to tell."""

    tls: ssl.SSLContext | None
    bodies: int

    def answers_after_s(self) -> float: ...

    def fault_of(self, recipient: str, point: str) -> Fault | None: ...

    async def be_held(self) -> None: ...

    def goes_ahead(self, connection: int, recipient: str) -> None: ...

    def took(self, connection: int, mail: Taken | None) -> None: ...

    def ended(self, connection: int) -> None: ...


class Conversation:
    """`number`: by which the server knows the connection."""

    def __init__(self, server: Server, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
