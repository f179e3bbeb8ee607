"""An SMTP server that answers as it is told: any reply at any point, a broken connection, or silence."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from time import monotonic, sleep
from types import TracebackType
from typing import Self


class Does(Enum):
    """What a server does instead of answering."""

    HANG_UP = "hang up"
    STAY_SILENT = "stay silent"
    ANSWER_LATE = "answer as usual after half a second"
    WAIT_FOR_LEAVE = "answer as usual once `leave` is set"


OK = ""
"""The answer of a server that works."""
Answer = str | Does
Answers = Answer | Sequence[Answer] | Callable[[str], Answer]
"""One answer for ever, several of which the last stays, or a function of what was said."""

PATIENCE_S = 30
ROUNDS = 5
"""Of asyncio's loop: from where it accepts a connection to where `_talk` begins, and until one is gone."""

USUAL = {
    "connect": "220 ready",
    "mail": "250 2.1.0 fine",
    "rcpt": "250 2.1.5 fine",
    "data": "354 go ahead",
    "body": "250 2.0.0 queued",
    "rset": "250 2.0.0 flushed",
    "quit": "221 bye",
}


class ScriptedServer:
    """Listens on a free port of this machine while the `with` block lasts."""

    def __init__(self, extensions: Sequence[str] = ("PIPELINING", "SIZE 1000000"), **answers: Answers) -> None:
        """`answers` by where in the conversation: connect, ehlo, auth, mail, rcpt, data, body, rset."""
        self.port = 0
        self.connections = 0
        self.commands: list[str] = []
        self.bodies: list[bytes] = []
        """Bodies with their final dot, still dot-stuffed, whatever was answered to them."""
        self.most_late_answers = 0
        """How many were awaited at the same time."""
        self.leave = threading.Event()
        self._late_answers = 0
        self._extensions = extensions
        self._answers = answers
        self._used: dict[str, int] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def said(self, verb: str) -> list[str]:
        """The commands so far that begin with a verb."""
        return [command for command in self.commands if command.upper().startswith(verb)]

    def wait_for_bodies(self, count: int) -> None:
        """What has left may be on its way still."""
        deadline = monotonic() + PATIENCE_S
        while len(self.bodies) < count:
            assert monotonic() < deadline, f"{len(self.bodies)} of {count} bodies came"
            sleep(0.01)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        for socket in server.sockets:  # nobody else is let in; whoever was let in just now is among the writers soon
            self._loop.remove_reader(socket.fileno())
        await self._some_rounds()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._some_rounds()

    async def _some_rounds(self) -> None:
        for _ in range(ROUNDS):
            await asyncio.sleep(0)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        going_on = await self._answer("connect", "", reader, writer)
        while going_on and (line := await reader.readline()):
            said = line.decode().rstrip()
            self.commands.append(said)
            point = {"mail": "mail", "rcpt": "rcpt"}.get(said[:4].lower(), said.split(" ")[0].lower())
            going_on = await self._answer(point, said, reader, writer)

    async def _answer(self, point: str, said: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer, and read the body after a 354. False: the conversation is over."""
        answer = self._choose(point, said)
        if answer is Does.STAY_SILENT:
            await reader.read()  # until the client gives up
        if answer is Does.ANSWER_LATE:
            self._late_answers += 1
            self.most_late_answers = max(self.most_late_answers, self._late_answers)
            await asyncio.sleep(0.5)
            self._late_answers -= 1
            answer = OK
        if answer is Does.WAIT_FOR_LEAVE:
            await asyncio.to_thread(self.leave.wait, PATIENCE_S)
            answer = OK
        if isinstance(answer, Does):
            return False
        reply = answer or self._usual(point)
        writer.write(f"{reply}\r\n".encode())
        await writer.drain()
        if reply.startswith(("421", "221")):
            return False
        if reply.startswith("354"):
            await self._read_body(reader)
            return await self._answer("body", "", reader, writer)
        return True

    async def _read_body(self, reader: asyncio.StreamReader) -> None:
        body = await reader.readline()
        while not (body == b".\r\n" or body.endswith(b"\r\n.\r\n")):
            line = await reader.readline()
            if not line:
                raise ConnectionError("the client hung up within the body")
            body += line
        self.bodies.append(body)

    def _choose(self, point: str, said: str) -> Answer:
        answers = self._answers.get(point, OK)
        if callable(answers):
            return answers(said)
        if isinstance(answers, str | Does):
            return answers
        used = self._used.get(point, 0)
        self._used[point] = used + 1
        return answers[min(used, len(answers) - 1)]

    def _usual(self, point: str) -> str:
        if point != "ehlo":
            return USUAL.get(point, "502 5.5.1 not here")
        return "\r\n".join([*(f"250-{line}" for line in ("here", *self._extensions)), "250 HELP"])
