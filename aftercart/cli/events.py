"""`aftercart events`: what shops told us, and what of it could not be understood."""

import json
import sys
from collections import Counter
from typing import Annotated, Any

import typer

from aftercart.cli.known import EVENT_STATES, known_event_state
from aftercart.cli.table import instant, print_table
from aftercart.quantity import counted


def events(
    event_id: Annotated[
        int | None, typer.Argument(metavar="[EVENT_ID]", help="Print the body of this one, as the shop sent it.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(help=f"Only events in this state ({', '.join(EVENT_STATES)})."),
    ] = None,
    shop: Annotated[str | None, typer.Option(help="Only events of this shop.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many (50 on screen, all with --json).")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read the failed ones once more (after an upgrade, say); then list.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List webhooks, newest first; a failed one names the field at fault, and is kept until it is understood."""
    from aftercart.cli.open import reading
    from aftercart.reports import events as report

    state = known_event_state(state)
    if again:
        _take_again()
    with reading() as connection:
        if event_id is not None:
            _print_body(report.body(connection, event_id), event_id)
            return
        rows = report.listed(connection, state=state, shop=shop, limit=limit or (0 if as_json else 50))
        if as_json:
            for row in rows:
                print(json.dumps(row))
            return
        titles = ("event", "received (UTC)", "shop", "topic", "order", "state", "fault")
        print_table(titles, map(_cells, rows))
        _print_counts(report.counts(connection))


def _take_again() -> None:
    from aftercart.cli.open import working
    from aftercart.pipeline.incoming.ingest import take_again

    with working() as engine:
        looked_at = take_again(engine)
    print(f"Read {counted(looked_at, 'failed event')} again.", file=sys.stderr)


def _print_body(body: bytes | None, event_id: int) -> None:
    if body is None:
        print(f"There is no event {event_id}: `aftercart events` lists them.", file=sys.stderr)
        raise typer.Exit(1)
    sys.stdout.buffer.write(body)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    about = (row["shop"], row["topic"], row["order_id"] or "", row["state"], row["error"] or "")
    return str(row["event_id"]), instant(row["received_at"]), *about


def _print_counts(counts: Counter[str]) -> None:
    parts = [f"{count:,} {state}" for state, count in counts.most_common()]
    print(f"\n{counted(counts.total(), 'event')} in all" + (": " + ", ".join(parts) if parts else ""))
