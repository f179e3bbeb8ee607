"""`aftercart init` and `aftercart check`: a deployment that works, and keeping it so."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.quantity import counted

if TYPE_CHECKING:
    from aftercart.campaigns.fault import Fault

WRONG_USAGE = 2


def init(directory: Annotated[Path, typer.Argument(help="The folder to write to.", metavar="DIR")]) -> None:
    """Write a deployment that works as it stands: brand, campaigns, templates, .env with fresh secrets."""
    from aftercart.starter import init as write

    for file in write(directory):
        print(file)
    here = "" if directory.resolve() == Path.cwd() else f"cd {directory} && "
    print(f"\nNext: {here}aftercart check && aftercart up")
    print("Then: name your shop in campaigns/brand.yaml, and your mail server in .env")


def check(
    path: Annotated[
        Path | None,
        typer.Argument(help="A deployment, a folder of campaigns, or one campaign file; without it, this deployment."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    github: Annotated[bool, typer.Option("--github", help="Print annotations for GitHub Actions.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of campaign files, and stop.")
    ] = False,
    brand_schema: Annotated[bool, typer.Option("--brand-schema", help="Print that of brand.yaml, and stop.")] = False,
) -> None:
    """Check campaigns and templates: each fault with file, line, column, key, fix. Exit code 1 if there is an error."""
    if schema or brand_schema:
        _print_schema(brand=brand_schema)
        return
    from aftercart.cli.faults import find_faults, folders_at

    folders = folders_at(path)
    if folders is None:
        typer.echo(
            f"aftercart: there are no campaigns at {path or Path.cwd()}: `aftercart init DIR` writes some", err=True
        )
        raise typer.Exit(WRONG_USAGE)
    faults = find_faults(folders)
    _print_faults(faults, as_json=as_json, github=github)
    if any(fault.severity == "error" for fault in faults):
        raise typer.Exit(1)


def _print_schema(*, brand: bool) -> None:
    from aftercart.campaigns.brand import Brand
    from aftercart.campaigns.json_schema import schema_text
    from aftercart.campaigns.schema import Campaign

    print(schema_text(Brand if brand else Campaign), end="")


def _print_faults(faults: Sequence["Fault"], *, as_json: bool, github: bool) -> None:
    if as_json:
        import json

        print(json.dumps({"faults": [fault.as_json() for fault in faults]}, ensure_ascii=False))
        return
    for line in map(_annotation, faults) if github else map(str, faults):
        print(line)
    print(", ".join(_totals(faults)))


def _totals(faults: Sequence["Fault"]) -> Iterator[str]:
    for severity in ("error", "warning", "note"):
        count = sum(fault.severity == severity for fault in faults)
        yield counted(count, severity)


def _annotation(fault: "Fault") -> str:
    """A workflow command of GitHub Actions; `%` and line ends would end it."""
    where = f"file={fault.place.file},line={fault.place.line or 1},col={fault.place.column or 1}"
    about = ": ".join(part for part in (fault.key, fault.message) if part) + (f" — {fault.fix}" if fault.fix else "")
    level = {"note": "notice"}.get(fault.severity, fault.severity)
    escaped = about.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} {where}::{escaped}"
