"""`aftercart sends`: every send, and why it went, waits or did not go."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from aftercart.cli.known import known_reason, look_up_campaign
from aftercart.cli.table import instant, print_table
from aftercart.ledger.states import SendState
from aftercart.quantity import counted, named


def sends(
    state: Annotated[SendState | None, typer.Option(help="Only sends in this state.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only sends with this reason.", callback=known_reason)] = None,
    campaign: Annotated[str | None, typer.Option(help="Only sends of this campaign.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many (50 on screen, all with --json).")] = None,
    confirmations: Annotated[
        bool, typer.Option("--confirmations", help="The mails that ask to confirm a consent (double opt-in) instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List sends, newest first, each with its state and reason."""
    from aftercart.cli.open import reading
    from aftercart.pipeline.watch import held
    from aftercart.policy.store import pauses
    from aftercart.reports import sends as report

    if confirmations and campaign is not None:
        raise typer.BadParameter("mails that ask to confirm belong to no campaign")
    with reading() as connection:
        look_up_campaign(connection, campaign)
        shown = limit or (0 if as_json else 50)
        if confirmations:
            _print_questions(report.questions(connection, state=state, reason=reason, limit=shown), as_json)
            return
        rows = report.listed(connection, state=state, reason=reason, campaign=campaign, limit=shown)
        if as_json:
            for row in rows:
                print(json.dumps(row))
            return
        titles = ("send", "order", "recipient", "campaign / step", "state", "reason", "due (UTC)")
        print_table(titles, map(_cells, rows))
        _print_counts(report.counts(connection))
        if asked := report.questions_in_doubt(connection):
            print(OF_QUESTIONS.format(asked=counted(asked, "mail"), they=named(asked, "it", "they")))
        for pause in pauses(connection):
            print(f"{str(pause).capitalize()}; {pause.way_out}.")
        if cause := held(connection):
            print(f"All mail is held: {cause.because}. `aftercart resume` explains it and lets it go.")


OF_QUESTIONS = (
    "Of {asked} of double opt-in nobody knows whether {they} left: "
    "`aftercart sends --confirmations --state unknown` lists them, `aftercart settle` takes your word."
)


def _print_questions(rows: Iterable[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    titles = ("confirmation", "recipient", "state", "reason", "planned (UTC)", "confirmed (UTC)")
    print_table(titles, map(_cells_of_question, rows))


def _cells_of_question(row: dict[str, Any]) -> tuple[str, ...]:
    confirmed = instant(row["confirmed_at"]) if row["confirmed_at"] else ""
    return (
        row["confirmation_id"],
        row["email"],
        row["state"],
        row["reason"] or "",
        instant(row["planned_at"]),
        confirmed,
    )


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
    print(f"\n{counted(total, 'send')} in all" + (": " + ", ".join(parts) if parts else ""))
