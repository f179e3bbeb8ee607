"""`aftercart sends`: every send, and why it went, waits or did not go."""

import json
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from aftercart.cli.table import instant, print_table
from aftercart.ledger.states import SendState


def known_reason(name: str | None) -> str | None:
    """The same name, if it is that of a reason; else the one that was probably meant is said."""
    from aftercart.policy.reason import Reason

    if name is not None and name not in set(Reason):
        near = get_close_matches(name, list(Reason), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(Reason)}"
        raise typer.BadParameter(f"{name} is no reason: {hint}")
    return name


def sends(
    state: Annotated[SendState | None, typer.Option(help="Only sends in this state.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only sends with this reason.", callback=known_reason)] = None,
    campaign: Annotated[str | None, typer.Option(help="Only sends of this campaign.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many (50 on screen, all with --json).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List sends, newest first, each with its state and reason."""
    from aftercart.cli.open import reading
    from aftercart.pipeline.watch import held
    from aftercart.policy.store import pauses
    from aftercart.reports import sends as report

    with reading() as connection:
        shown = limit or (0 if as_json else 50)
        rows = report.listed(connection, state=state, reason=reason, campaign=campaign, limit=shown)
        if as_json:
            for row in rows:
                print(json.dumps(row))
            return
        titles = ("send", "order", "recipient", "campaign / step", "state", "reason", "due (UTC)")
        print_table(titles, map(_cells, rows))
        _print_counts(report.counts(connection))
        for pause in pauses(connection):
            print(f"{str(pause).capitalize()}; {pause.way_out}.")
        if cause := held(connection):
            print(f"All mail is held: {cause.because}. `aftercart resume` explains it and lets it go.")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    step = f"{row['campaign']} / {row['step']}"
    about = (row["send_id"], row["order_id"], row["email"], step, row["state"], row["reason"] or "")
    return *about, instant(row["due_at"])


def _print_counts(counts: dict[tuple[str, str | None], int]) -> None:
    total = sum(counts.values())
    parts = [
        f"{count:,} {state}{f' ({reason})' if reason else ''}"
        for (state, reason), count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    print(f"\n{total:,} sends in all" + (": " + ", ".join(parts) if parts else ""))
