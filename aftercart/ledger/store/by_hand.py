"""What somebody asked for: failed sends planned anew, and unknown ones settled.

Both are conditional updates like all others: of two people who ask for the same at once, one finds nothing left to do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, select

from aftercart.db.tables import archives, attempts, enrollments, sends
from aftercart.ledger.states import (
    LEAVE_UNKNOWN,
    PLAN_ANEW,
    SETTLE_NOT_SENT,
    SETTLE_SENT,
    SETTLEMENTS,
    SendState,
)
from aftercart.ledger.store.moves import moved
from aftercart.transitions import Transition, leading_to

# Written into the statement, not bound: else neither database could see that the partial index ix_sends_unknown serves.
IS_UNKNOWN = sends.c.state == bindparam("unknown_state", SendState.UNKNOWN.value, literal_execute=True)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sends are meant. What is None does not matter."""

    ids: Collection[UUID] | None = None
    reason: str | None = None
    campaign: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for a statement about `sends`."""
        exactly = ((sends.c.reason, self.reason), (sends.c.campaign, self.campaign))
        wanted = [column == value for column, value in exactly if value is not None]
        if self.ids is not None:
            wanted.append(sends.c.id.in_(self.ids))
        return wanted


# ---------------------------------------------------------------- failed sends


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed send with what decides whether it may be planned anew."""

    send_id: UUID
    enrollment_id: int
    campaign: str
    order_id: int
    reason: str | None
    valid_until: datetime
    exit_reason: str | None
    """Why its enrollment was left; None: it was not."""
    next_due: datetime | None
    """When the next mail of its enrollment that still waits is due."""
    was_accepted: bool
    """Whether a provider has taken it after all: an answer that came too late to be believed."""
    is_archived: bool
    """Whether what was attempted is no longer looked up."""


def failed(connection: Connection, choice: Choice, after: UUID, limit: int) -> list[Failed]:
    """The next failed sends with a greater id than `after`, in the order of their ids; locked until commit."""
    mine = sends.alias()
    following = (
        select(func.min(mine.c.due_at))
        .where(mine.c.enrollment_id == sends.c.enrollment_id, mine.c.state == SendState.SCHEDULED)
        .scalar_subquery()
    )
    accepted = exists().where(attempts.c.send_id == sends.c.id, attempts.c.outcome == "accepted")
    query = (
        select(
            sends.c.id,
            sends.c.enrollment_id,
            sends.c.campaign,
            sends.c.order_id,
            sends.c.reason,
            sends.c.valid_until,
            enrollments.c.exit_reason,
            following,
            accepted,
            exists().where(archives.c.order_id == sends.c.order_id),
        )
        .join(enrollments, enrollments.c.id == sends.c.enrollment_id)
        .where(sends.c.state == SendState.FAILED, sends.c.id > after, *choice.conditions())
        .order_by(sends.c.id)
        .limit(limit)
        .with_for_update(of=sends, key_share=True)
    )
    return [Failed(*row) for row in connection.execute(query)]


def plan_anew(connection: Connection, chosen: Sequence[tuple[Failed, datetime]], reason: str, now: datetime) -> None:
    """Let failed sends, locked by `failed`, be decided again from now until the instant beside each.

    The attempt number stays: should the answer to an old attempt still come, it is believed as long as no new one has
    been made, and keeps the mail from going twice.
    """
    if not chosen:
        return
    planned = {"reason": reason, "due_at": now, "wake_at": now, "tries": 0}
    connection.execute(
        moved(PLAN_ANEW)
        .where(sends.c.id == bindparam("send"))
        .values(**planned, valid_until=bindparam("last_use"), lease_until=None, counted_at=None, boot_id=None),
        [{"send": send.send_id, "last_use": last_use} for send, last_use in chosen],
    )


# ---------------------------------------------------------------- unknown sends


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A send of which nobody knows whether it left, with its last attempt."""

    send_id: UUID
    campaign: str
    order_id: int
    reason: str | None
    attempt: int
    provider: str
    message_id: str


def in_doubt(connection: Connection, choice: Choice, after: UUID, limit: int, *, hold: bool = False) -> list[InDoubt]:
    """The next unknown sends with a greater id than `after`, in the order of their ids. `hold`: until commit."""
    of_attempt = (attempts.c.send_id == sends.c.id) & (attempts.c.attempt == sends.c.attempt)
    query = (
        select(
            sends.c.id,
            sends.c.campaign,
            sends.c.order_id,
            sends.c.reason,
            sends.c.attempt,
            func.coalesce(attempts.c.provider, ""),
            func.coalesce(attempts.c.message_id, ""),
        )
        .outerjoin(attempts, of_attempt)
        .where(IS_UNKNOWN, sends.c.id > after, *choice.conditions())
        .order_by(sends.c.id)
        .limit(limit)
    )
    if hold:
        query = query.with_for_update(of=sends, key_share=True)
    return [InDoubt(*row) for row in connection.execute(query)]


def settle_in_doubt(connection: Connection, settled: Mapping[UUID, tuple[SendState, str]]) -> None:
    """Give unknown sends the state that somebody vouches for.

    One that left did so when its hand-over began and goes on being counted; one that did not gives its slot back.
    Raises IllegalTransitionError for any other state.
    """
    said = {send_id: (leading_to(state, SETTLEMENTS), why) for send_id, (state, why) in sorted(settled.items())}
    for transition, change in _SETTLED.items():
        rows = [{"send": send_id, "why": why} for send_id, (chosen, why) in said.items() if chosen is transition]
        if rows:
            statement = moved(transition).where(sends.c.id == bindparam("send"))
            connection.execute(statement.values(reason=bindparam("why"), **change), rows)


_SETTLED: Mapping[Transition[SendState], Mapping[str, Any]] = {
    SETTLE_SENT: {"sent_at": sends.c.counted_at},
    SETTLE_NOT_SENT: {"counted_at": None},
    LEAVE_UNKNOWN: {},
}
