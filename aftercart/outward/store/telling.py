"""Taking what is due from the outbox, and what came of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, delete, select, update

from aftercart.db.tables import outbox, outlets
from aftercart.outward.happening import Happening
from aftercart.outward.patience import LEASE
from aftercart.outward.subject import Due

KEPT_TOLD, KEPT_GIVEN_UP = timedelta(days=3), timedelta(days=30)
"""How long it can be told once more by hand."""
FAULT_LIMIT = 300


def is_due(connection: Connection, outlet: str, now: datetime) -> bool:
    """Whether there is something to tell it."""
    due = select(outbox.c.id).where(outbox.c.outlet == outlet, outbox.c.due_at <= now)
    return bool(connection.execute(select(due.exists())).scalar_one())


def take(connection: Connection, outlet: str, now: datetime, most: int) -> list[Due]:
    """What is due there, the oldest first; nobody else takes it until the lease ends."""
    due = (
        select(outbox)
        .where(outbox.c.outlet == outlet, outbox.c.due_at <= now)
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(due).all()
    if rows:
        taken = outbox.c.id.in_([row.id for row in rows])
        connection.execute(update(outbox).where(taken).values(due_at=now + LEASE, tries=outbox.c.tries + 1))
    return [
        Due(
            id=row.id,
            happening=Happening(row.happening),
            recipient_id=row.recipient_id,
            send_id=row.send_id,
            about_id=row.about_id,
            topic=row.topic,
            happened_at=row.happened_at,
            tries=row.tries + 1,
            body=row.body,
        )
        for row in rows
    ]


def keep_body(connection: Connection, id_: UUID, body: bytes) -> None:
    """From now on every try says the same."""
    connection.execute(update(outbox).where(outbox.c.id == id_).values(body=body))


def drop(connection: Connection, id_: UUID) -> None:
    """Nobody is told of it: what it says turned out not to be so, or is gone."""
    connection.execute(delete(outbox).where(outbox.c.id == id_))


def settle(connection: Connection, due: Due, *, fault: str, again_at: datetime | None, now: datetime) -> None:
    """What came of a try: it was told (no fault), is to be tried again, or is given up."""
    values: dict[str, object] = {"due_at": again_at, "fault": fault[:FAULT_LIMIT]}
    if not fault:
        values |= {"due_at": None, "outcome": "told", "ended_at": now, "body": None}
    elif again_at is None:
        values |= {"outcome": "gave_up", "ended_at": now}
    # Not if another worker has taken it since, after our lease.
    connection.execute(update(outbox).where(outbox.c.id == due.id, outbox.c.tries == due.tries).values(**values))


def give_back(connection: Connection, due: Due, now: datetime) -> None:
    """It was not tried after all: somebody else takes it at once."""
    mine = (outbox.c.id == due.id, outbox.c.tries == due.tries)
    connection.execute(update(outbox).where(*mine).values(due_at=now, tries=due.tries - 1))


def resend(connection: Connection, outlet: str, since: datetime, now: datetime, *, told_too: bool) -> int:
    """Tell once more, under the ids of then, what has ended since: what was given up, or all; how much that is."""
    outcomes: Sequence[str] = ("gave_up", "told") if told_too else ("gave_up",)
    ended = (outbox.c.outlet == outlet, outbox.c.ended_at >= since, outbox.c.outcome.in_(outcomes))
    again = {"due_at": now, "tries": 0, "outcome": "", "ended_at": None, "fault": ""}
    return connection.execute(update(outbox).where(*ended).values(**again)).rowcount


def forget_old(connection: Connection, now: datetime, most: int) -> int:
    """Delete what ended long ago, and what waits for an outlet that has been disabled as long; how many, at most so
    many of each."""
    gone = 0
    for outcome, kept in (("told", KEPT_TOLD), ("gave_up", KEPT_GIVEN_UP)):
        old = select(outbox.c.id).where(outbox.c.ended_at < now - kept, outbox.c.outcome == outcome).limit(most)
        gone += connection.execute(delete(outbox).where(outbox.c.id.in_(old))).rowcount
    given_up = select(outlets.c.name).where(outlets.c.disabled_at < now - KEPT_GIVEN_UP)
    of_nobody = select(outbox.c.id).where(outbox.c.due_at.is_not(None), outbox.c.outlet.in_(given_up)).limit(most)
    return gone + connection.execute(delete(outbox).where(outbox.c.id.in_(of_nobody))).rowcount
