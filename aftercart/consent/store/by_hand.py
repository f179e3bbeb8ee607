"""What somebody asked for: mails that ask to confirm planned anew, and those in doubt settled, as with sends."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Select, func, select

from aftercart.consent.states import PLAN_ANEW, ConfirmationState
from aftercart.consent.store.moves import moved
from aftercart.db.tables import confirmations
from aftercart.transitions import Transition


@dataclass(frozen=True, slots=True)
class Asked:
    """A mail that asks somebody to confirm, with what decides what may become of it."""

    id: UUID
    reason: str | None
    valid_until: datetime


def in_doubt(connection: Connection, ids: Collection[UUID] | None, reason: str | None) -> list[Asked]:
    """The unknown ones, locked until commit. What is None does not matter."""
    return _asked(connection, ConfirmationState.UNKNOWN, ids, reason)


def failed(connection: Connection, ids: Collection[UUID] | None, reason: str | None) -> list[Asked]:
    """The failed ones, locked until commit. What is None does not matter."""
    return _asked(connection, ConfirmationState.FAILED, ids, reason)


def settle_in_doubt(
    connection: Connection, ids: Collection[UUID], change: Transition[ConfirmationState], reason: str
) -> None:
    """Give unknown ones the state that somebody vouches for. One that left counts as of when it was planned."""
    left = {"sent_at": func.coalesce(confirmations.c.sent_at, confirmations.c.created_at)}
    more = left if change.target is ConfirmationState.SENT else {}
    connection.execute(moved(change).where(confirmations.c.id.in_(ids)).values(reason=reason, **more))


def plan_anew(connection: Connection, chosen: Iterable[tuple[Asked, datetime]], reason: str, now: datetime) -> None:
    """Let failed ones, locked by `failed`, be decided again from now until the instant beside each."""
    for asked, last_use in chosen:
        again = moved(PLAN_ANEW).where(confirmations.c.id == asked.id)
        connection.execute(again.values(reason=reason, wake_at=now, valid_until=last_use, tries=0, lease_until=None))


def _asked(
    connection: Connection, state: ConfirmationState, ids: Collection[UUID] | None, reason: str | None
) -> list[Asked]:
    query: Select[UUID, str | None, datetime] = select(
        confirmations.c.id, confirmations.c.reason, confirmations.c.valid_until
    ).where(confirmations.c.state == state)
    if ids is not None:
        query = query.where(confirmations.c.id.in_(ids))
    if reason is not None:
        query = query.where(confirmations.c.reason == reason)
    locked = query.order_by(confirmations.c.id).with_for_update(key_share=True)
    return [Asked(*row) for row in connection.execute(locked)]
