"""How late the engine is: how long the longest overdue mail has been due. Costs the same however many mails wait.

What waits for a limit that the operator set is not overdue before its turn, nor as long as the limit is used up.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, not_, select

from aftercart.db.tables import decisions, sends
from aftercart.ledger.store.dispatching import IS_OPEN, IS_SCHEDULED, NUDGE_AGAIN
from aftercart.policy.reason import Reason

LOOKED_AT = 5_000
"""Mails under way to a worker that are looked at: more than the dispatcher lets wait for workers at any time."""
FIRST_IN_LINE = 100
"""Mails that no message is under way for that are looked at; their turns follow each other, but for a few."""


def lateness(connection: Connection, now: datetime, *, is_held_back: bool = False) -> timedelta:
    """Zero where nothing is overdue. `is_held_back`: no sender takes any mail now, because its limit is used up.

    A mail that no message is under way for wakes when it is due; one that a message is under way for wakes within a
    minute, so its due time has to be looked up.
    """
    untouched = _overdue_since(connection, sends.c.wake_at <= now, FIRST_IN_LINE, is_held_back)
    under_way = and_(sends.c.wake_at > now, sends.c.wake_at <= now + NUDGE_AGAIN)
    nudged = _overdue_since(connection, under_way, LOOKED_AT, is_held_back)
    oldest = min((since for since in (untouched, nudged) if since), default=now)
    return max(now - oldest, timedelta(0))


def _overdue_since(
    connection: Connection, which: ColumnElement[bool], limit: int, is_held_back: bool
) -> datetime | None:
    first = (
        select(sends.c.due_at, sends.c.id, sends.c.reason)
        .where(IS_OPEN, IS_SCHEDULED, which)
        .order_by(sends.c.wake_at)
        .limit(limit)
        .subquery()
    )
    is_throttled = func.coalesce(first.c.reason, "") == Reason.PROVIDER_THROTTLED.value
    since = case((is_throttled, func.coalesce(_turn(first.c.id), first.c.due_at)), else_=first.c.due_at)
    oldest = select(func.min(since))
    found: datetime | None = connection.execute(oldest.where(not_(is_throttled)) if is_held_back else oldest).scalar()
    return found


def _turn(send_id: ColumnElement[Any]) -> ColumnElement[datetime | None]:
    """The instant that it was told last, when it had to wait for a limit."""
    told = select(func.max(decisions.c.until)).where(
        decisions.c.send_id == send_id,
        decisions.c.stage == "sender",
        decisions.c.reason == Reason.PROVIDER_THROTTLED.value,
    )
    return told.scalar_subquery()
