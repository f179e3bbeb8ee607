"""`aftercart init` and `aftercart check`: a deployment that works, and keeping it so."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from aftercart.campaigns.fault import Fault
    from aftercart.campaigns.loader import Inspection

WRONG_USAGE = 2


class Folders(NamedTuple):
    """What is looked at. `only`: report faults of this one file."""

    campaigns: Path
    templates: Path
    only: Path | None = None


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
    """Check campaigns and templates: each fault with file, line, key and fix. Exit code 1 if there is an error."""
    if schema or brand_schema:
        _print_schema(brand=brand_schema)
        return
    folders = _folders(path)
    if folders is None:
        typer.echo(
            f"aftercart: there are no campaigns at {path or Path.cwd()}: `aftercart init DIR` writes some", err=True
        )
        raise typer.Exit(WRONG_USAGE)
    faults = find_faults(folders)
    _print_faults(faults, as_json=as_json, github=github)
    if any(fault.severity == "error" for fault in faults):
        raise typer.Exit(1)


def find_faults(folders: Folders) -> list["Fault"]:
    """Everything to say about the campaigns and the templates of a deployment."""
    from aftercart.campaigns.fault import by_place
    from aftercart.campaigns.loader import inspect_campaigns

    inspection = inspect_campaigns(folders.campaigns, folders.templates)
    faults = sorted([*inspection.faults, *_foreseen(inspection)], key=by_place)
    if folders.only:
        return [fault for fault in faults if fault.place.file in (folders.only, _brand_file(folders))]
    return [*faults, *_template_faults(folders.templates)]


def _foreseen(inspection: "Inspection") -> Iterator["Fault"]:
    """What will come of the campaigns in which there is no error."""
    from aftercart.enrollment.foresight import foresee

    faulty = {fault.place.file for fault in inspection.errors}
    for read in inspection.campaign_files:
        if inspection.brand_file and read.document.file not in faulty:
            yield from map(read.fault, foresee(read.value, inspection.brand_file.value))


def _brand_file(folders: Folders) -> Path:
    """A campaign cannot be judged without its brand, so faults there are reported as well."""
    from aftercart.campaigns.loader import BRAND_FILE

    return folders.campaigns / BRAND_FILE


def _template_faults(templates_dir: Path) -> list["Fault"]:
    """What is wrong with a file that several templates include is told once."""
    from aftercart.campaigns.fault import Fault, Severity
    from aftercart.rendering.check import check_template
    from aftercart.rendering.source import template_folders

    names = template_folders(templates_dir)
    found = dict.fromkeys(fault for name in names for fault in check_template(templates_dir, name))
    return [
        Fault(one.place, "", one.message, one.fix, Severity.WARNING if one.warning else Severity.ERROR) for one in found
    ]


def _folders(path: Path | None) -> Folders | None:
    """Where the campaigns and templates lie that `path` means; None where there are none."""
    if path is None:
        from aftercart.settings import read_settings

        settings = read_settings(secret_key=("unused" * 6,))
        return Folders(settings.campaigns_dir, settings.templates_dir) if settings.campaigns_dir.is_dir() else None
    if path.is_file() and path.suffix == ".yaml":
        return Folders(path.parent, _beside(path.parent), only=path)
    if (path / "campaigns").is_dir():
        return Folders(path / "campaigns", path / "templates")
    return Folders(path, _beside(path)) if any(path.glob("*.yaml")) else None


def _beside(campaigns_dir: Path) -> Path:
    parent = campaigns_dir.parent if campaigns_dir.name not in ("", "..") else campaigns_dir / ".."
    return parent / "templates"


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
        yield f"{count} {severity}{'' if count == 1 else 's'}"


def _annotation(fault: "Fault") -> str:
    """A workflow command of GitHub Actions; `%` and line ends would end it."""
    where = f"file={fault.place.file},line={fault.place.line or 1},col={fault.place.column or 1}"
    about = ": ".join(part for part in (fault.key, fault.message) if part) + (f" — {fault.fix}" if fault.fix else "")
    level = {"note": "notice"}.get(fault.severity, fault.severity)
    escaped = about.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} {where}::{escaped}"
