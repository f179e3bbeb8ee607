"""An SMTP server that takes everything, keeps nothing and costs little, in a process of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from typing import cast

GREETING, GO_AHEAD, FINE, BYE = b"220 sink ESMTP\r\n", b"354 go\r\n", b"250 2.0.0 fine\r\n", b"221 bye\r\n"
HELLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 50000000\r\n"
END = b"\r\n.\r\n"


@contextmanager
def sink(round_trip_s: float = 0.0) -> Iterator[int]:
    """Yields its port. Each answer takes `round_trip_s`, as from a server that is so far away."""
    processes = get_context("spawn")
    ours, theirs = processes.Pipe()
    process = processes.Process(target=_serve, args=(theirs, round_trip_s), daemon=True)
    process.start()
    yield ours.recv()
    process.kill()
    process.join(timeout=10)


def _serve(pipe: Pipe, round_trip_s: float) -> None:
    asyncio.run(_listen(pipe, round_trip_s))


async def _listen(pipe: Pipe, round_trip_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(_Sink, round_trip_s), "127.0.0.1", 0, backlog=256)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class _Sink(asyncio.Protocol):
    def __init__(self, round_trip_s: float) -> None:
        self._delay_s = round_trip_s
        self._heard = bytearray()
        self._in_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._say(GREETING)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while self._understood():
            pass

    def _understood(self) -> bool:
        """Answer one command or body; False if it has not come whole."""
        end, mark = (self._heard.find(END), END) if self._in_body else (self._heard.find(b"\n"), b"\n")
        if end < 0:
            return False
        verb = bytes(self._heard[:4]).upper()
        del self._heard[: end + len(mark)]
        if self._in_body:
            self._in_body = False
            self._say(FINE)
        elif verb == b"DATA":
            self._in_body = True
            self._say(GO_AHEAD)
        else:
            self._say({b"EHLO": HELLO, b"QUIT": BYE}.get(verb, FINE))
        return True

    def _say(self, answer: bytes) -> None:
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)
