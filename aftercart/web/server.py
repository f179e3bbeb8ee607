"""Serving the web app: in the foreground for `up` and `web`, in a thread for the demo and tests."""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

import structlog
import uvicorn
from starlette.types import ASGIApp

from aftercart.errors import ConfigError

log = structlog.get_logger()

GRACE_S = 5
BACKLOG = 2048
THIS_MACHINE = "127.0.0.1"


def listen(host: str, port: int) -> socket.socket:
    """Take an address, before anything else is started. Port 0 takes a free one. Raises ConfigError if it is taken."""
    with ExitStack() as unless_it_listens:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listening = unless_it_listens.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(BACKLOG)
        except OSError as err:
            is_elsewhere = isinstance(err, socket.gaierror) or err.errno == errno.EADDRNOTAVAIL
            option = "--host" if is_elsewhere else "--port"
            raise ConfigError(f"cannot listen on {host}:{port} ({err.strerror}): choose another with {option}") from err
        unless_it_listens.pop_all()
        return listening


def url_of(listening: socket.socket) -> str:
    """The address as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(web: ASGIApp, listening: socket.socket, proxies: str = THIS_MACHINE) -> None:
    """Serve until Ctrl-C or SIGTERM; requests under way get five seconds to finish.

    `proxies`: addresses and networks, commas between, that are believed when they say for whom they ask.
    """
    log.info("serving", url=url_of(listening))
    _server(web, proxies).run(sockets=[listening])


@contextmanager
def serving(web: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread; yields the base URL. Port 0 takes a free one."""
    with listen(host, port) as listening:
        server = _server(web)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True)
        thread.start()
        _wait_until_started(server, thread)
        try:
            yield url_of(listening)
        finally:
            server.should_exit = True
            thread.join(timeout=GRACE_S * 2)


def _server(web: ASGIApp, proxies: str = THIS_MACHINE) -> uvicorn.Server:
    config = uvicorn.Config(
        web,
        log_config=None,
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
        proxy_headers=True,
        forwarded_allow_ips=proxies,
        server_header=False,
    )
    return uvicorn.Server(config)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = monotonic() + 30
    while not server.started:
        if not thread.is_alive() or monotonic() > deadline:
            raise ConfigError("the web server did not start")
        sleep(0.01)
