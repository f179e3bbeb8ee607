"""Ports of this machine, for servers that cannot choose one themselves, and for servers that are not there."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

NOBODY_S = range(10_000, 32_000)
"""Whoever asks for any port gets one above, and so does each connection that goes out: tests beside this one, say."""


def free_port() -> int:
    """A port that was free just now, and is nobody's next."""
    for port in random.SystemRandom().sample(NOBODY_S, len(NOBODY_S)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError("no port is free")


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that is taken, so that nobody else comes to listen on it meanwhile, and does not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
