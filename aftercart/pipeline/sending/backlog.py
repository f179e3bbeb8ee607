"""Which due sends may be handed out now, where senders have limits or are out of order, and which wait for them.

A send that waits for a sender stays due, so it keeps its place in the line. One decision is kept about it: why it
waits, and until about when. The line moves at the pace of the senders, and a raised limit takes effect at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.delivery.base import Receipt
from aftercart.delivery.store import drain
from aftercart.ledger import store as ledger
from aftercart.pipeline.planning.planned import Planned
from aftercart.policy.reason import Reason

MARKED_AT_ONCE = 2_000
"""How many sends one round marks as waiting; the rest follow in the next rounds."""
LOOK_AT_ALL = timedelta(minutes=1)
"""How often all waiting sends are looked at, not only those that began to wait since the last round."""
SHORTLY = timedelta(seconds=10)
"""How long a claim that was given back waits where its receipt names no time."""
WAITS = (Reason.PROVIDER_THROTTLED, Reason.PROVIDER_DOWN)
"""Why a send waits for a sender."""


def take_due(connection: Connection, app: App, now: datetime, most: int) -> list[UUID]:
    """At most `most` due sends to hand out. Those that the senders cannot take yet get a decision that they wait."""
    room = app.traffic.room(connection, now)
    if room.mails is None:
        return ledger.take_due(connection, now, most)
    take = ledger.take_to_probe if room.is_to_probe else ledger.take_due
    due = take(connection, now, min(most, room.mails)) if room.mails else []
    drain.took(connection, len(due), room, now)
    if len(due) < room.mails:
        return due  # nobody has to wait
    so_far = drain.lock(connection, now)
    late: list[UUID] = []
    if so_far.looked_at is None or abs(now - so_far.looked_at) >= LOOK_AT_ALL:
        late = ledger.take_expired(connection, now, most)  # what will not be worth sending by its turn
        drain.keep(connection, looked_at=now)
        # Start over: sends planned, freed or given back since, with a time that has passed, lie behind the mark.
        so_far = replace(so_far, marked_until=None)
    _tell_the_rest(connection, room, so_far, now)
    return [*due, *late]


def _tell_the_rest(connection: Connection, room: drain.Room, so_far: drain.Drain, now: datetime) -> None:
    reason = Reason(room.held.value)
    waiting = ledger.mark_waiting(connection, reason, WAITS, so_far.marked_until, now, MARKED_AT_ONCE)
    turns = list(_turns(so_far, room, now, len(waiting)))
    ledger.keep_decisions(
        connection,
        [_decision(row, reason, room.sender, room.words, turn, now) for row, turn in zip(waiting, turns, strict=True)],
    )
    all_are_marked = len(waiting) < MARKED_AT_ONCE
    drain.keep(
        connection,
        marked_until=now if all_are_marked else waiting[-1]["wake_at"],
        last_turn=turns[-1] if turns else so_far.last_turn,
    )


def _turns(so_far: drain.Drain, room: drain.Room, now: datetime, count: int) -> Iterator[datetime]:
    turn = max(so_far.last_turn or now, so_far.paced_until, room.until or now)
    for _ in range(count):
        turn += room.spacing
        yield turn


# ---------------------------------------------------------------- claimed, and then there was no sender


@dataclass(frozen=True, slots=True)
class Held:
    """A claimed send that no sender was offered; the receipt says why."""

    planned: Planned
    attempt: int
    receipt: Receipt

    @property
    def reason(self) -> Reason:
        return Reason(self.receipt.held.value) if self.receipt.held else Reason.PROVIDER_DOWN


def keep_waiting(connection: Connection, held: Sequence[Held], now: datetime) -> None:
    """Give claims back: they wait until there is a sender, or until they expire. It counts as no attempt."""
    until = {one.planned.send_id: _until(one, now) for one in held}
    back = {one.planned.send_id: (one.attempt, until[one.planned.send_id], one.reason) for one in held}
    postponed = set(ledger.postpone(connection, back))
    news = [one for one in held if one.planned.send_id in postponed and one.planned.reason != one.reason]
    ledger.keep_decisions(connection, [_held_decision(one, until[one.planned.send_id], now) for one in news])


def _until(held: Held, now: datetime) -> datetime:
    return min(held.receipt.held_until or now + SHORTLY, held.planned.valid_until)


def _held_decision(held: Held, until: datetime, now: datetime) -> ledger.Decision:
    about = {"campaign": held.planned.campaign_name, "order_id": held.planned.order_id, "id": held.planned.send_id}
    return _decision(about, held.reason, held.receipt.via, held.receipt.response, until, now)


def _decision(
    about: Mapping[str, Any], reason: Reason, sender: str, because: str, until: datetime, now: datetime
) -> ledger.Decision:
    return ledger.Decision(
        at=now,
        stage="sender",
        campaign=about["campaign"],
        order_id=about["order_id"],
        send_id=about["id"],
        outcome="defer",
        reason=reason,
        until=until,
        inputs={"sender": sender, "words": because},
    )
