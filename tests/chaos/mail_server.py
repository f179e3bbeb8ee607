"""A mail server that does to each mail what it is told to, and remembers what it answered for.

A mail counts as taken from its final dot on, unless the server clearly refuses it: whatever becomes of the answer, it
may be delivered. So nothing that was taken may come again.
"""

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from tests.chaos.conversation import Conversation
from tests.chaos.faults import Fault, Taken


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
        talk = Conversation(self, self._count, reader, writer)
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
