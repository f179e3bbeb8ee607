"""`aftercart feedback`: hand a bounce to the engine, as a mail server's pipe does, or take them in by LMTP."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

TRY_LATER = 75
"""EX_TEMPFAIL: a mail server keeps the mail and comes again. With any other code it would bounce the bounce."""


def feedback(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Mails, one a file. Without any: one, from the input."),
    ] = None,
    lmtp: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Stay, and take mails by LMTP there; or the path of a socket."),
    ] = None,
) -> None:
    """Take bounces and feedback reports from files, from standard input (a mail server's pipe), or by LMTP."""
    if lmtp is not None:
        if files:
            raise typer.BadParameter("takes mails from a mail server, not from files", param_hint="--lmtp")
        _take_by_lmtp(lmtp)
        return
    try:
        bodies = [_read(file) for file in files] if files else [sys.stdin.buffer.read()]
        _store(bodies)
    except Exception as err:  # a door: whatever it is, the mail must not be lost
        print(f"aftercart: {err}", file=sys.stderr)
        raise typer.Exit(1 if files else TRY_LATER) from err


def _read(file: Path) -> bytes:
    from aftercart.errors import ConfigError

    try:
        return file.read_bytes()
    except OSError as err:
        raise ConfigError(f"cannot read {file}: {err.strerror}") from err


def _store(bodies: list[bytes]) -> None:
    from aftercart.cli.open import working
    from aftercart.pipeline.recipients.collect import store_mails

    with working() as engine:
        store_mails(engine, bodies)


def _take_by_lmtp(where: str) -> None:
    from aftercart.cli.open import working
    from aftercart.feedback.lmtp import listen, place_of
    from aftercart.pipeline.recipients.collect import store_mails

    place = place_of(where)
    with working() as engine:
        listen(place, partial(store_mails, engine), engine.settings.max_body_bytes)
