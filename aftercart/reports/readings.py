"""What monitoring reads: how sends ended and how fast, how old the model is, and whether anybody still works.

All of it comes from the database, so that every process that is asked says the same, and none has to have seen it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, case, func, select

from aftercart.db.tables import inbox, model_versions, sends
from aftercart.ledger.states import OPEN, SendState
from aftercart.ledger.store import LEASE

RATE_OVER = timedelta(hours=1)
UNTOUCHED = timedelta(seconds=90)
"""The dispatcher looks at what has fallen due once a second, and again after a minute: longer, and it does not run."""

# Written into the statement, not bound: else neither database could see that the partial index ix_sends_wake serves.
_OPEN = sends.c.state.in_(bindparam("open_states", [*OPEN], expanding=True, literal_execute=True))


@dataclass(frozen=True, slots=True)
class Readings:
    """`sends` by (state, reason); `sent`: handed over within the last hour; `model_trained_at`: the one that serves."""

    sends: dict[tuple[str, str], int]
    sent: int
    model_trained_at: datetime | None

    def in_state(self, state: str) -> int:
        """How many sends are in a state, for whatever reason."""
        return sum(count for (found, _), count in self.sends.items() if found == state)


def readings(connection: Connection, now: datetime) -> Readings:
    """One pass over the sends, however much is asked."""
    lately = func.sum(case((sends.c.sent_at > now - RATE_OVER, 1), else_=0))
    query = select(sends.c.state, sends.c.reason, func.count(), lately).group_by(sends.c.state, sends.c.reason)
    rows = connection.execute(query).all()
    return Readings(
        sends={(state, reason or ""): count for state, reason, count, _ in rows},
        sent=sum(int(sent) for *_, sent in rows),
        model_trained_at=serving_since(connection),
    )


def serving_since(connection: Connection) -> datetime | None:
    """When the model that serves was trained; None where none serves."""
    newest = select(func.max(model_versions.c.trained_at)).where(model_versions.c.state == "serving")
    trained_at: datetime | None = connection.execute(newest).scalar_one()
    return trained_at


def oldest_webhook(inbox_connection: Connection) -> datetime | None:
    """When the webhook came that has waited longest; None where none waits."""
    first = select(inbox.c.received_at).order_by(inbox.c.id).limit(1)
    received_at: datetime | None = inbox_connection.execute(first).scalar_one_or_none()
    return received_at


def untouched_since(connection: Connection, now: datetime) -> datetime | None:
    """Since when due sends lie there that no dispatcher looks at; None where one does, or none is due.

    In a backlog the oldest lie there too, so it also asks whether any at all was handed to a worker lately.
    """
    first = select(func.min(sends.c.wake_at)).where(_OPEN, sends.c.state == SendState.SCHEDULED)
    oldest: datetime | None = connection.execute(first).scalar_one()
    if oldest is None or oldest > now - UNTOUCHED:
        return None
    lately = (sends.c.wake_at > now, sends.c.wake_at <= now + LEASE, sends.c.due_at <= now)
    handed_to_workers = select(sends.c.id).where(_OPEN, *lately).limit(1)
    return None if connection.execute(handed_to_workers).first() else oldest
