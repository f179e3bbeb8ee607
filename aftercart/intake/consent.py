"""What a statement adds to a person's consent. Pure.

The record is append-only and the newest fact (by its own time, not by arrival) holds. A yes is added only where it
changes something at its time; a no also where it repeats one, because an older yes may still arrive and must not
become the newest. Consent is never guessed upwards: whatever is in doubt speaks against mailing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from aftercart.intake.base import ConsentState, ConsentStatement

Held = tuple[datetime, ConsentState]

CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""How far a shop's clock may be ahead of ours; what lies further ahead is no date."""


def recorded_at(statement: ConsentStatement, history: Sequence[Held], now: datetime) -> datetime | None:
    """The time under which to add the statement to `history`; None if it adds nothing.

    An undated no holds from now, an undated yes only where nothing was said. Of a clock a little ahead of ours a yes
    counts from now, so that no word that comes after it is older; a no keeps its date, so that no yes that was said
    before it is newer.
    """
    at = statement.at if statement.at is not None and statement.at <= now + CLOCKS_DIFFER_BY else None
    if statement.state is ConsentState.GRANTED:
        return _yes_at(at and min(at, now), history, now)
    if at is None:
        return None if _standing(history, now) is ConsentState.DENIED else now
    return None if (at, ConsentState.DENIED) in history else at


def _yes_at(at: datetime | None, history: Sequence[Held], now: datetime) -> datetime | None:
    if at is None:
        return None if history else now
    no_wins_the_tie = (at, ConsentState.DENIED) in history
    return None if no_wins_the_tie or _standing(history, at) is ConsentState.GRANTED else at


def _standing(history: Sequence[Held], at: datetime) -> ConsentState | None:
    """What held at an instant."""
    earlier = [held for held in history if held[0] <= at]
    newest = max(earlier, key=lambda held: (held[0], held[1] is ConsentState.DENIED), default=None)
    return newest[1] if newest else None
