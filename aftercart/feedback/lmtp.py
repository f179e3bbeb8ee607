"""A door at which a mail server hands bounces over by LMTP (RFC 2033), one answer for each recipient.

A mail is answered with 250 once it is kept, and with 451 as long as it cannot be: then the mail server comes again with
it. Whatever cannot be understood is kept, too: a refusal would make the server bounce the bounce.
"""

import asyncio
import signal
import socket
from asyncio import LimitOverrunError
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

from aftercart.errors import ConfigError, MissingExtraError

try:
    from aiosmtpd.lmtp import LMTP
    from aiosmtpd.smtp import Envelope, Session
except ImportError as err:
    raise MissingExtraError("lmtp", "aftercart feedback --lmtp") from err

log = structlog.get_logger()

Keep = Callable[[Sequence[bytes]], None]
"""Mails, on disk when it returns."""

AT_ONCE = 50
"""Mails taken at the same time, whose bodies are in memory together. Further ones wait for their turn."""
WRITERS = 4
"""Threads that keep mails; the database lets one write at a time, or a few."""
END_WITHIN_S = 30.0
"""Mails that are being kept when it is told to stop are answered within this time; all others come again."""
KEPT = "250 2.0.0 kept"
COME_AGAIN = "451 4.3.0 cannot be kept now, come again"


@dataclass(frozen=True, slots=True)
class Place:
    """Where it listens: a port of an address, or a socket in the file system."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or f"{host}:{self.port}"


def place_of(text: str) -> Place:
    """The place that somebody wrote. Raises ConfigError."""
    if "/" in text:
        return Place(path=text.removeprefix("unix:"))
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ConfigError(f"--lmtp {text}: write HOST:PORT, as in 127.0.0.1:2424, or the path of a socket")
    return Place(host.strip("[]"), int(port))


def listen(place: Place, keep: Keep, max_bytes: int) -> None:
    """Take mails until SIGTERM or Ctrl-C; of a mail larger than `max_bytes` the beginning. Raises ConfigError."""
    with ThreadPoolExecutor(WRITERS, thread_name_prefix="lmtp") as writers:
        asyncio.run(_Door(keep, max_bytes, writers).serve(place))


class _Door:
    """What all conversations share."""

    def __init__(self, keep: Keep, max_bytes: int, writers: ThreadPoolExecutor) -> None:
        self.max_bytes = max_bytes
        self.conversations: set[_Conversation] = set()
        self.turns = asyncio.Semaphore(AT_ONCE)
        self.is_ending = False
        self._keep, self._writers = keep, writers

    async def serve(self, place: Place) -> None:
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(which, told.set)
        server = await self._listen(place)
        log.info("lmtp_listens", at=str(place))
        await told.wait()
        server.close()
        self.is_ending = True
        for conversation in list(self.conversations):
            if not conversation.is_answering:  # else it does so itself
                conversation.hang_up()
        deadline = loop.time() + END_WITHIN_S
        while self.conversations and loop.time() < deadline:
            await asyncio.sleep(0.02)
        if place.path:
            Path(place.path).unlink(missing_ok=True)

    async def _listen(self, place: Place) -> asyncio.Server:
        loop, name = asyncio.get_running_loop(), socket.gethostname()
        try:
            if not place.path:
                return await loop.create_server(lambda: _Conversation(self, name), place.host, place.port)
            server = await loop.create_unix_server(lambda: _Conversation(self, name), place.path)
            Path(place.path).chmod(0o666)  # who may reach it is for the rights of its folder to say
        except OSError as err:
            raise ConfigError(f"cannot listen on {place} ({err.strerror}): choose another with --lmtp") from err
        return server

    async def take_in(self, content: bytes, recipients: Sequence[str]) -> str:
        """The answer to a mail: it is kept once for each recipient, whose address says which mail it is about."""
        bodies = [_delivered_to(recipient) + content for recipient in dict.fromkeys(recipients)]
        keeping = asyncio.get_running_loop().run_in_executor(self._writers, self._keep, bodies)
        await asyncio.wait([keeping])
        if err := keeping.exception():  # whatever it is, the mail must not be lost
            log.error("feedback_not_kept", error=str(err.__cause__ or err))
            return COME_AGAIN
        return KEPT

    # What aiosmtpd asks, under its names.

    async def handle_EHLO(  # noqa: N802
        self, _server: LMTP, session: Session, _envelope: Envelope, host_name: str, answers: list[str]
    ) -> list[str]:
        session.host_name = host_name
        return [*answers[:-1], "250-PIPELINING", "250 ENHANCEDSTATUSCODES"]

    async def handle_MAIL(  # noqa: N802
        self, _server: LMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 fine"

    async def handle_RCPT(  # noqa: N802
        self, _server: LMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 fine"

    async def handle_exception(self, error: Exception) -> str:
        log.error("lmtp_fault", error=f"{type(error).__name__}: {error}")
        return COME_AGAIN


class _Conversation(LMTP):
    """With one client. aiosmtpd's own way of taking a mail refuses a large one for good, and answers once."""

    def __init__(self, door: _Door, name: str) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(door, data_size_limit=None, enable_SMTPUTF8=True, hostname=name, loop=loop)
        self._door = door
        self.is_answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._door.conversations.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._door.conversations.discard(self)

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        if await self.check_helo_needed("LHLO"):
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 name the recipients first")
            return
        if arg:
            await self.push("501 5.5.4 DATA stands alone")
            return
        async with self._door.turns:
            await self.push("354 go ahead, and end with a dot")
            content = await self._content()
            recipients, self.envelope = self.envelope.rcpt_tos, Envelope()
            self.is_answering = True
            answer = await self._door.take_in(content, recipients)
            await self.push("\r\n".join(answer for _ in recipients))
            self.is_answering = False
        if self._door.is_ending:
            self.hang_up()

    async def _content(self) -> bytes:
        """As it was before it was sent; of a very large mail the beginning, where the report stands."""
        content, begins_a_line = bytearray(), True
        while True:
            try:
                piece: bytes = await self._reader.readuntil(b"\r\n")
            except LimitOverrunError as err:
                piece = await self._reader.readexactly(err.consumed)
            if begins_a_line:
                if piece == b".\r\n":
                    return bytes(content)
                piece = piece.removeprefix(b".")
            begins_a_line = piece.endswith(b"\r\n")
            content += piece[: max(self._door.max_bytes - len(content), 0)]


def _delivered_to(recipient: str) -> bytes:
    """The header in which the reader of mails looks for the address that one came to."""
    return b"Delivered-To: " + recipient.encode("utf-8", "surrogateescape") + b"\r\n"
