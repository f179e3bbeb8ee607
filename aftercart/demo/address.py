"""Where the demo is found: on the port that was asked for, else on the first free one from 8000 on."""

import errno
import socket

from aftercart.errors import ConfigError
from aftercart.web.server import listen

HOST = "127.0.0.1"
FIRST_PORT = 8000
HOW_FAR = 50


def reserved(host: str, port: int | None, *, watched: bool = True, first: int = FIRST_PORT) -> socket.socket:
    """Listen there already, so that nobody else can; close it when the demo itself begins to listen.

    Without a port: the first free one from `first` on, and for a run that is not `watched` any. Raises ConfigError
    if the port is taken, with one that is not.
    """
    if port is None:
        return _next_free(host, first) if watched else listen(host, 0)
    try:
        return listen(host, port)
    except ConfigError as err:
        if not _is_taken(err):
            raise
        with _next_free(host, port) as free:
            other = f"--port {free.getsockname()[1]}"
        raise ConfigError(
            f"port {port} on {host} is taken: choose another, such as `aftercart demo {other}` "
            f'(or `make demo ARGS="{other}"`)'
        ) from err


def _next_free(host: str, first: int) -> socket.socket:
    for port in range(first, min(first + HOW_FAR, 65_536)):
        try:
            return listen(host, port)
        except ConfigError as err:
            if not _is_taken(err):
                raise
    return listen(host, 0)


def _is_taken(err: ConfigError) -> bool:
    return isinstance(err.__cause__, OSError) and err.__cause__.errno == errno.EADDRINUSE
