"""`aftercart doctor`: what ails this installation, and what to do about it."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aftercart.doctor.finding import Finding

COLORS = {"fine": "green", "warn": "yellow", "fault": "red"}


def doctor(
    dkim_selector: Annotated[
        list[str] | None, typer.Option(help="A DKIM key that signs your mails, as in SELECTOR._domainkey.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at all that the engine needs, from database to DNS, and say what to do. Sends no mail, changes nothing."""
    from aftercart.cli.faults import find_faults, folders_at
    from aftercart.clock import utc_now
    from aftercart.doctor.examine import Patient, examine
    from aftercart.logs import configure
    from aftercart.settings import read_settings
    from workers.embedded import LOCK_FILE

    configure(own=logging.CRITICAL)
    settings = read_settings()
    folders = folders_at(None)
    patient = Patient(
        settings=settings,
        clock=utc_now,
        find_faults=lambda: find_faults(folders) if folders else [],
        lock_file=settings.data_dir / LOCK_FILE,
        env_file=Path(".env"),
        selectors=tuple(dkim_selector or ()),
    )
    findings = []
    for finding in examine(patient):
        findings.append(finding)
        if not as_json:
            _print(finding)
    worst = max((list(COLORS).index(finding.level) for finding in findings), default=0)
    if as_json:
        told = [finding.as_json() for finding in findings]
        print(json.dumps({"worst": list(COLORS)[worst], "findings": told}, ensure_ascii=False))
    if list(COLORS)[worst] == "fault":
        raise typer.Exit(1)


def _print(finding: "Finding") -> None:
    level = typer.style(f"{finding.level:<6}", fg=COLORS[finding.level])
    typer.echo(f"{level} {finding.check:<11} {finding.found}")
    if finding.do:
        typer.echo(f"{'':<18} → {finding.do}")
