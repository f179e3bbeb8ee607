"""`aftercart retry`, `settle` and `resume`: what only a person may say about mails."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from getpass import getuser
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from aftercart.cli.known import an_id, known_reason, look_up_campaign
from aftercart.cli.table import print_table
from aftercart.ledger.states import Word

if TYPE_CHECKING:
    from aftercart.bootstrap import App
    from aftercart.ledger.store import Choice
    from aftercart.pipeline.sending.retry import Answer
    from aftercart.pipeline.sending.settle import Settlement

SHOWN = 50
"""Rows on screen; `--json` has all."""
ASKS = "(double opt-in)"
"""In place of the campaign that a mail belongs to."""

IDS = Annotated[list[UUID] | None, typer.Argument(metavar="[SEND_ID]...", parser=an_id, help="Only these.")]
REASON = Annotated[str | None, typer.Option(help="Only those with this reason.", callback=known_reason)]
CAMPAIGN = Annotated[str | None, typer.Option(help="Only those of this campaign.")]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and change nothing.")]
AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def retry(
    send_ids: IDS = None,
    reason: REASON = None,
    campaign: CAMPAIGN = None,
    every: Annotated[bool, typer.Option("--all", help="All failed sends.")] = False,
    valid_for: Annotated[
        str | None, typer.Option(help="Worth sending for so long from now on (36h, 2d), in place of the time it had.")
    ] = None,
    dry_run: DRY_RUN = False,
    as_json: AS_JSON = False,
) -> None:
    """Plan failed sends anew, and only those. Each is decided once more, by the whole gate."""
    from aftercart.cli.open import working
    from aftercart.pipeline.sending.retry import retry as plan_anew

    choice, span = _choice(send_ids, reason, campaign, every), _span(valid_for)
    with working() as engine:
        _look_up(engine, campaign)
        answers = list(plan_anew(engine, choice, valid_for=span, only_tell=dry_run))
    if as_json:
        _print_json(answers)
    else:
        print_table(("send", "campaign", "had failed for", "what now"), map(_cells_of_answer, answers[:SHOWN]))
        planned = sum(answer.refused is None for answer in answers)
        _print_sum(f"{planned:,} {'would be planned' if dry_run else 'planned'} anew, {len(answers) - planned:,} not")
    _tell_missing(send_ids, [answer.send_id for answer in answers], "failed")


def settle(
    send_ids: IDS = None,
    sent: Annotated[bool, typer.Option("--sent", help="They did leave, as the provider's log says.")] = False,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="They did not; `retry` may plan them anew.")] = False,
    leave: Annotated[bool, typer.Option("--leave", help="It cannot be known; take note that somebody looked.")] = False,
    look_up: Annotated[bool, typer.Option("--look-up", help="Ask the provider, where it can be asked.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All unknown sends; say which way with --as.")] = False,
    as_: Annotated[Word | None, typer.Option("--as", help="The same words, for --all or a filter.")] = None,
    reason: REASON = None,
    campaign: CAMPAIGN = None,
    dry_run: DRY_RUN = False,
    as_json: AS_JSON = False,
) -> None:
    """Say what became of sends of which nobody knows whether they left. None of them is ever sent again by itself."""
    from aftercart.cli.open import working
    from aftercart.pipeline.sending.settle import settle_by_hand, settle_by_provider

    choice = _choice(send_ids, reason, campaign, every)
    flags = {Word.SENT: sent, Word.NOT_SENT: not_sent, Word.LEAVE: leave}
    said = [word for word, is_said in flags.items() if is_said] + ([as_] if as_ else [])
    if len(said) + look_up != 1:
        raise typer.BadParameter("say one of --sent, --not-sent, --leave, --as WORD and --look-up")
    with working() as engine:
        _look_up(engine, campaign)
        if look_up:
            settled = list(settle_by_provider(engine, choice, only_tell=dry_run))
        else:
            settled = list(settle_by_hand(engine, choice, said[0], only_tell=dry_run))
    if as_json:
        _print_json(settled)
    else:
        print_table(("send", "campaign", "settled as"), map(_cells_of_settlement, settled[:SHOWN]))
        done = sum(settlement.word is not None for settlement in settled)
        _print_sum(f"{done:,} {'would be settled' if dry_run else 'settled'}, {len(settled) - done:,} still in doubt")
    _tell_missing(send_ids, [settlement.send_id for settlement in settled], "unknown")


def resume(
    campaign: Annotated[
        str | None,
        typer.Argument(
            help="A campaign, or an arm of an experiment (as the pause names it), that has paused itself, to let go on."
        ),
    ] = None,
    brand: Annotated[bool, typer.Option("--brand", help="All mail has paused itself: let it go on.")] = False,
    by: Annotated[str | None, typer.Option(help="Whose word it is; without it the name you are logged in by.")] = None,
    nothing_sent: Annotated[
        bool, typer.Option("--nothing-sent", help="Nothing was sent from elsewhere or since the backup: it all goes.")
    ] = False,
    in_doubt: Annotated[
        bool, typer.Option("--in-doubt", help="What is due may have been sent: it becomes unknown; the rest goes on.")
    ] = False,
) -> None:
    """Tell why mail is held or a campaign has paused itself, if so, and let it go."""
    from aftercart.cli.open import working

    if sum((campaign is not None, brand, nothing_sent, in_doubt)) > 1:
        raise typer.BadParameter("say one of CAMPAIGN, --brand, --nothing-sent and --in-doubt")
    with working() as engine:
        if campaign is not None or brand:
            _let_go_on(engine, campaign, by)
        else:
            _let_go(engine, nothing_sent=nothing_sent, in_doubt=in_doubt)


def _let_go_on(engine: "App", campaign: str | None, by: str | None) -> None:
    from aftercart.pipeline.upkeep.guard import resume as let_go_on

    lifted = let_go_on(engine, campaign, by or getuser())
    for pause in lifted:
        print(f"{str(pause).capitalize()}, on {pause.at:%Y-%m-%d %H:%M} UTC. It goes on now.")
    if not lifted:
        what = f"{'The variant' if '/' in campaign else 'The campaign'} {campaign}" if campaign else "All mail"
        print(f"{what} has not paused itself: nothing was changed.")
        raise typer.Exit(1)


def _let_go(engine: "App", *, nothing_sent: bool, in_doubt: bool) -> None:
    from aftercart.pipeline.watch import held
    from aftercart.pipeline.watch import resume as let_go
    from aftercart.policy.store import pauses

    with engine.db.read() as connection:
        cause, paused = held(connection), pauses(connection)
    by_file = list(_paused_by_file(engine))
    print(*by_file, sep="\n", end="\n" if by_file else "")
    for pause in paused:
        print(f"{str(pause).capitalize()}, on {pause.at:%Y-%m-%d %H:%M} UTC; {pause.way_out}.")
    if cause is None and not (paused or by_file):
        print("Nothing is held.")
    elif cause is None:
        raise typer.Exit(1)
    elif nothing_sent or in_doubt:
        concerned = let_go(engine, in_doubt=in_doubt)
        print(f"Mails go out again. In doubt: {concerned:,}{SETTLE_THEM if concerned else ''}")
    else:
        print(WHY_HELD.format(because=cause.because, since=cause.since, last=cause.last_beat))
        raise typer.Exit(1)


def _paused_by_file(engine: "App") -> Iterator[str]:
    if engine.brand.paused:
        yield "All mail is paused by `paused: true` in brand.yaml: take it out to go on."
    for name, campaign in sorted(engine.campaigns.by_name.items()):
        if campaign.status == "paused":
            yield f"The campaign {name} is paused by its file: set `status: active` to go on."


def pause(
    _names: Annotated[list[str] | None, typer.Argument(metavar="[CAMPAIGN]...", help="They say it themselves.")] = None,
) -> None:
    """Say how mail is paused: it stands in the files, so that it is in git who paused what, and when."""
    how = (
        "Write it into the files; a running engine follows within seconds: `status: paused` in a campaign's file, "
        "`paused: true` in brand.yaml for all mail."
    )
    print(how, file=sys.stderr)
    raise typer.Exit(2)


SETTLE_THEM = (
    " (`aftercart sends --reason may_have_been_sent` lists them, with --confirmations those of double opt-in; "
    "`aftercart settle` takes your word)"
)
WHY_HELD = """\
All mail is held since {since:%Y-%m-%d %H:%M} UTC: {because}.
The last sign of life before that was on {last:%Y-%m-%d %H:%M} UTC.

An engine that works on a copy of its database, or on a backup, would send again what has left since. So say which it
is:

  aftercart resume --nothing-sent   nothing was sent from elsewhere or since then: the machine was off, or the database
                                    was moved here and the old engine is stopped for good. All that is due goes out.
  aftercart resume --in-doubt       a backup was read back, or another engine went on meanwhile (and is stopped now).
                                    What is due becomes `unknown` and is not sent; what is due later goes out.

A copy to try things on stays as it is: it sends nothing."""


def _choice(send_ids: Sequence[UUID] | None, reason: str | None, campaign: str | None, every: bool) -> "Choice":
    from aftercart.ledger.store import Choice

    if not (send_ids or reason or campaign or every):
        raise typer.BadParameter("say which: send ids, --reason, --campaign, or --all")
    return Choice(ids=send_ids or None, reason=reason, campaign=campaign)


def _look_up(engine: "App", campaign: str | None) -> None:
    with engine.db.read() as connection:
        look_up_campaign(connection, campaign)


def _span(text: str | None) -> timedelta | None:
    from aftercart.campaigns.delay import Delay

    if text is None:
        return None
    try:
        return Delay.parse(text).about
    except ValueError as err:
        raise typer.BadParameter(f"--valid-for: {err}") from err


def _print_json(lines: "Iterable[Answer | Settlement]") -> None:
    for line in lines:
        print(json.dumps(line.plain()))


def _cells_of_answer(answer: "Answer") -> tuple[str, ...]:
    until = f"until {answer.valid_until:%Y-%m-%d %H:%M} UTC" if answer.valid_until else ""
    return str(answer.send_id), answer.campaign or ASKS, answer.was or "", answer.refused or f"planned anew, {until}"


def _cells_of_settlement(settlement: "Settlement") -> tuple[str, ...]:
    return str(settlement.send_id), settlement.campaign or ASKS, settlement.word or "(still in doubt)"


def _print_sum(words: str) -> None:
    print(f"\n{words}.")


def _tell_missing(asked: Sequence[Any] | None, found: Sequence[Any], state: str) -> None:
    """A send that was named and is not in that state was left alone: whoever named it should know."""
    missing = sorted(set(asked or ()) - set(found))
    for send_id in missing:
        print(f"{send_id} is no {state} send: it was left as it is.", file=sys.stderr)
    if missing:
        raise typer.Exit(1)
