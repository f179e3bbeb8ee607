"""`aftercart sends`: every send, and why it went, waits or did not go."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer


def sends(
    state: Annotated[str | None, typer.Option(help="Only sends in this state (scheduled, sent, skipped, ...).")] = None,
    reason: Annotated[str | None, typer.Option(help="Only sends with this reason.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only sends of this campaign.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many (50 on screen, all with --json).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List sends, newest first, each with its state and reason."""
    from aftercart.cli.open import read_database
    from aftercart.reports import sends as report

    with read_database().read() as connection:
        shown = limit or (0 if as_json else 50)
        rows = report.listed(connection, state=state, reason=reason, campaign=campaign, limit=shown)
        if as_json:
            for row in rows:
                print(json.dumps(row))
            return
        _print_table(rows)
        _print_counts(report.counts(connection))


def _print_table(rows: Iterable[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("send", "order", "recipient", "campaign / step", "state", "reason", "due (UTC)"):
        table.add_column(title, overflow="fold")
    for row in rows:
        step = f"{row['campaign']} / {row['step']}"
        due = row["due_at"][:16].replace("T", " ")
        table.add_row(row["send_id"], row["order_id"], row["email"], step, row["state"], row["reason"] or "", due)
    Console().print(table)


def _print_counts(counts: dict[tuple[str, str | None], int]) -> None:
    from rich.console import Console

    total = sum(counts.values())
    parts = [
        f"{count:,} {state}{f' ({reason})' if reason else ''}"
        for (state, reason), count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    Console().print(f"\n{total:,} sends in all" + (": " + ", ".join(parts) if parts else ""), highlight=False)
