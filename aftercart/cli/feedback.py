"""`aftercart feedback`: hand a bounce to the engine, as a mail server's pipe does."""

import sys
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
) -> None:
    """Take bounces and feedback reports from files, or one from standard input (for a mail server's pipe)."""
    try:
        bodies = [file.read_bytes() for file in files] if files else [sys.stdin.buffer.read()]
        _store(bodies)
    except Exception as err:  # a door: whatever it is, the mail must not be lost
        print(f"aftercart: {err}", file=sys.stderr)
        raise typer.Exit(1 if files else TRY_LATER) from err


def _store(bodies: list[bytes]) -> None:
    from aftercart.cli.open import working
    from aftercart.pipeline.recipients.collect import store_mails

    with working() as engine:
        store_mails(engine, bodies)
