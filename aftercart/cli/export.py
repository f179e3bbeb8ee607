"""`aftercart export`: what is kept, as files; of one person, or the figures of all.

Exit codes: 0 done, 1 there is nothing, 2 wrong usage.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from aftercart.cli.address import normalized
from aftercart.quantity import counted, named
from aftercart.reports.out.format import Format

PERSONALIZE = "personalize:"
"""Before a folder: it is to get the datasets of Amazon Personalize."""


def export(
    person: Annotated[str | None, typer.Option("--person", metavar="EMAIL", help="All that is kept of them.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; without it to the screen.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The figures of all mails and orders, without any address. personalize:DIR: the datasets of Amazon "
            "Personalize.",
        ),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="What kind of files for --to.")] = Format.CSV,
    into: Annotated[
        str | None,
        typer.Option("--in", metavar="CURRENCY", help="Convert the amounts of --to, by their days."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--rates", metavar="VERSION", help="By these rates, not those imported last."),
    ] = None,
) -> None:
    """Write files: all that is kept of a person (--person), or the figures for other tools (--to)."""
    if (person is None) == (to is None):
        raise typer.BadParameter("give one of --person EMAIL and --to DIR")
    if to is not None and str(to).startswith(PERSONALIZE):
        _export_datasets(Path(str(to).removeprefix(PERSONALIZE)))
    elif to is not None:
        _export_figures(to, format_, into, version)
    elif person is not None:
        _export_person(normalized(person), out)


def _export_datasets(folder: Path) -> None:
    from aftercart.cli.open import open_database
    from aftercart.reports.out.personalize import write_datasets
    from aftercart.rights.person import ERASED

    with open_database() as database:
        try:
            write_datasets(
                database, folder, lambda name, rows: print(f"{name:<14}{rows:>12,} {named(rows, 'row')}"), ERASED
            )
        except OSError as err:
            raise typer.BadParameter(f"{folder} cannot be written: {err.strerror}", param_hint="--to") from err
    print(f"in {folder}, each with its schema; docs/recommendations.md says how they go on")


def _export_figures(folder: Path, format_: Format, into: str | None, version: str | None) -> None:
    from aftercart.cli.open import open_database
    from aftercart.cli.rates import asked_rates
    from aftercart.reports.out.files import write

    with open_database() as database:
        with database.read() as connection:
            by = asked_rates(connection, into, version)
        try:
            write(
                database, folder, format_, lambda name, rows: print(f"{name:<16}{rows:>12,} {named(rows, 'row')}"), by
            )
        except OSError as err:
            raise typer.BadParameter(f"{folder} cannot be written: {err.strerror}", param_hint="--to") from err
    print(f"in {folder}; docs/figures.md says what each column means")


def _export_person(address: str, out: Path | None) -> None:
    """Every row of theirs, and what it means in words."""
    from aftercart.cli.open import working
    from aftercart.pipeline import rights

    with working() as engine:
        content = rights.export(engine, address)
    if content is None:
        print(f"Nothing is kept of {address}.", file=sys.stderr)
        raise typer.Exit(1)
    if out is None:
        print(json.dumps(content, ensure_ascii=False, indent=1))
        return
    try:
        rights.write_export(out, content)
    except OSError as err:
        raise typer.BadParameter(f"{out} cannot be written: {err.strerror}", param_hint="--out") from err
    rows = sum(len(of_table) for of_table in content["tables"].values())
    print(f"{counted(rows, 'row')} of {counted(len(content['tables']), 'table')} in {out}")
