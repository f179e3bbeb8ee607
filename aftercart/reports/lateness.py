"""How late the engine is: how long the longest overdue mail has been due. Costs the same however many mails wait."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from aftercart.db.tables import sends
from aftercart.ledger.store.dispatching import IS_OPEN, IS_SCHEDULED, NUDGE_AGAIN

LOOKED_AT = 5_000
"""Mails under way to a worker that are looked at: more than the dispatcher lets wait for workers at any time."""


def lateness(connection: Connection, now: datetime) -> timedelta:
    """Zero where nothing is overdue.

    A mail that no message is under way for wakes when it is due; one that a message is under way for wakes within a
    minute, so its due time has to be looked up.
    """
    untouched = (
        select(sends.c.due_at).where(IS_OPEN, IS_SCHEDULED, sends.c.wake_at <= now).order_by(sends.c.wake_at).limit(1)
    )
    first = (
        select(sends.c.due_at)
        .where(IS_OPEN, IS_SCHEDULED, sends.c.wake_at > now, sends.c.wake_at <= now + NUDGE_AGAIN)
        .order_by(sends.c.wake_at)
        .limit(LOOKED_AT)
        .subquery()
    )
    nudged = select(func.min(first.c.due_at))
    oldest = [at for query in (untouched, nudged) if (at := connection.execute(query).scalar())]
    return max(now - min(oldest, default=now), timedelta(0))
