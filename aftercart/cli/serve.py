"""`aftercart up` and `aftercart web`: the processes that stay."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:
    from aftercart.bootstrap import App

PROXIES = "FORWARDED_ALLOW_IPS"
"""Uvicorn's own name for them, which it would look for in the environment alone."""
HOST = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")]
PORT = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")]


def up(host: HOST = "127.0.0.1", port: PORT = 8000) -> None:
    """Run everything in this one process: web, worker and scheduler. Ctrl-C stops it cleanly."""
    _end_at_once_when_told_to_stop()
    from aftercart.bootstrap import build
    from aftercart.errors import ConfigError
    from aftercart.logs import configure
    from aftercart.settings import environment, read_settings
    from aftercart.web.app import create_web
    from aftercart.web.server import THIS_MACHINE, listen, serve, url_of
    from workers.embedded import Embedded

    configure()
    settings = read_settings()
    if not settings.broker_url.startswith("inproc"):
        raise ConfigError(
            "`aftercart up` does everything in one process and takes no AFTERCART_BROKER_URL: remove it, "
            "or run a fleet: `aftercart web`, `celery -A workers worker` and `celery -A workers beat`"
        )
    clean = True
    with _until_told_to_stop(), listen(host, port) as listening:
        app = build(settings)
        engine = Embedded(app, concurrency=settings.workers)
        engine.start()
        try:
            if sys.stderr.isatty():
                _greet(app, url_of(listening))
            serve(create_web(app), listening, environment().get(PROXIES, THIS_MACHINE))
        finally:
            clean = False  # and stays so if somebody cannot wait and presses Ctrl-C again
            clean = engine.stop()
            app.close()
    if not clean:
        os._exit(0)  # a mail still waits for its server's answer, and Python would wait with it


def web(host: HOST = "127.0.0.1", port: PORT = 8000) -> None:
    """Run the web process of a fleet; `celery -A workers worker` and `celery -A workers beat` do the rest."""
    _end_at_once_when_told_to_stop()
    from aftercart.bootstrap import build
    from aftercart.errors import ConfigError
    from aftercart.logs import configure
    from aftercart.machine import settle_in
    from aftercart.settings import environment, read_settings
    from aftercart.web.app import create_web
    from aftercart.web.server import THIS_MACHINE, listen, serve

    configure()
    settings = read_settings()
    if settings.broker_url.startswith("inproc"):
        raise ConfigError(
            "`aftercart web` needs AFTERCART_BROKER_URL (redis:// or amqp://); for one process: `aftercart up`"
        )
    with _until_told_to_stop(), listen(host, port) as listening:
        app = build(settings)
        settle_in()
        try:
            serve(create_web(app), listening, environment().get(PROXIES, THIS_MACHINE))
        finally:
            app.close()


# ---------------------------------------------------------------- being told to stop


def _end_at_once_when_told_to_stop() -> None:
    """While modules are imported nothing can be lost, and an exception would come out of the middle of any of them."""
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, lambda *_: os._exit(0))


@contextmanager
def _until_told_to_stop() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block from anywhere within; being told to stop is no fault."""
    with suppress(KeyboardInterrupt):
        for told in (signal.SIGINT, signal.SIGTERM):
            signal.signal(told, signal.default_int_handler)
        yield


# ---------------------------------------------------------------- the words at a terminal


def _greet(app: "App", url: str) -> None:
    """What somebody who starts it by hand wants to know. Machines read the log."""
    from aftercart import __version__

    settings = app.settings
    secrets = {name: bool(getattr(settings, f"{name}_secret")) for name in app.shops}
    doors = [f"POST /webhooks/{name}" for name, is_open in secrets.items() if is_open]
    closed = [name for name, is_open in secrets.items() if not is_open]
    about = {
        "public": [f"{settings.base_url} (AFTERCART_BASE_URL)"],
        "webhooks": [*doors, *([f"closed without a secret: {', '.join(closed)}"] if closed else [])],
        "campaigns": [", ".join(f"{name} ({c.status})" for name, c in app.campaigns.by_name.items()) or "none"],
        "mails": [_without_password(url) for url in settings.sender_url.split()],
    }
    print(f"\n  Aftercart {__version__} on {url}\n", file=sys.stderr)
    for title, lines in about.items():
        for number, line in enumerate(lines):
            print(f"  {'' if number else title:<11}{line}", file=sys.stderr)
    print("\n  Ctrl-C ends it; what was planned waits for the next start.\n", file=sys.stderr, flush=True)


def _without_password(url: str) -> str:
    scheme, _, _ = url.partition(":")
    parts = urlsplit(url)
    if not parts.hostname:  # console:, file:DIR
        return url if scheme != "console" else "console: (printed here, sent to nobody)"
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}"
