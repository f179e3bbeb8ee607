"""`aftercart up` and `aftercart web`: the processes that stay."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

HOST = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")]
PORT = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]


def up(host: HOST = "127.0.0.1", port: PORT = 8000) -> None:
    """Run everything in this one process: web, worker and scheduler. Ctrl-C stops it cleanly."""
    from aftercart.bootstrap import build
    from aftercart.logs import configure
    from aftercart.settings import read_settings
    from aftercart.web.app import create_web
    from aftercart.web.server import listen, serve
    from workers.embedded import Embedded

    configure()
    clean = True
    with _until_told_to_stop(), listen(host, port) as listening:
        app = build(read_settings(broker_url="inproc://"))
        engine = Embedded(app, concurrency=app.settings.workers)
        engine.start()
        try:
            serve(create_web(app), listening)
        finally:
            clean = False  # and stays so if somebody cannot wait and presses Ctrl-C again
            clean = engine.stop()
            app.close()
    if not clean:
        os._exit(0)  # a mail still waits for its server's answer, and Python would wait with it


def web(host: HOST = "127.0.0.1", port: PORT = 8000) -> None:
    """Run the web process of a fleet; `celery -A workers worker` and `celery -A workers beat` do the rest."""
    from aftercart.bootstrap import build
    from aftercart.errors import ConfigError
    from aftercart.logs import configure
    from aftercart.settings import read_settings
    from aftercart.web.app import create_web
    from aftercart.web.server import listen, serve

    configure()
    settings = read_settings()
    if settings.broker_url.startswith("inproc"):
        raise ConfigError(
            "`aftercart web` needs AFTERCART_BROKER_URL (redis:// or amqp://); for one process: `aftercart up`"
        )
    with _until_told_to_stop(), listen(host, port) as listening:
        app = build(settings)
        try:
            serve(create_web(app), listening)
        finally:
            app.close()


@contextmanager
def _until_told_to_stop() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block from anywhere within; being told to stop is no fault."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield
