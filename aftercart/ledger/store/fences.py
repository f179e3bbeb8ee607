"""The fence in the database: its one row, and the mails that are in doubt behind it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, exists, func, select, update

from aftercart.db.session import insert_new
from aftercart.db.tables import fence, sends
from aftercart.ledger.fence import Standing
from aftercart.ledger.states import DOUBT
from aftercart.ledger.store.dispatching import IS_OPEN
from aftercart.ledger.store.moves import moved

THE_ROW = fence.c.id == 1
IS_HELD = exists().where(THE_ROW, fence.c.held_because.is_not(None))
"""A condition for statements that must do nothing while all is held."""


def standing(connection: Connection, *, hold: bool = False) -> Standing | None:
    """What the database says of itself; None where no engine has ever run on it. `hold`: until commit."""
    names = (*Standing.__dataclass_fields__,)
    query = select(*(fence.c[name] for name in names)).where(THE_ROW)
    row = connection.execute(query.with_for_update() if hold else query).one_or_none()
    return Standing(*row) if row else None


def beat(connection: Connection, place: str, beats: int, now: datetime) -> None:
    """Count a beat of the database that lies there."""
    row = {"id": 1, "place": place, "beats": beats, "beat_at": now}
    insert_new(connection, fence, [row], unique=("id",), update=("place", "beats", "beat_at"))


def hold_all(connection: Connection, because: str, now: datetime, beats: int | None = None) -> None:
    """Send nothing from now on. Whoever claims afterwards finds nothing that is due.

    `beats`: how many have been counted, as whoever holds it knows. The word that lets it go may be said on a machine
    that does not.
    """
    known = {} if beats is None else {"beats": beats}
    connection.execute(update(fence).where(THE_ROW).values(held_because=because, held_at=now, **known))


def let_go(connection: Connection, doubt_until: datetime | None) -> None:
    """Send again. `doubt_until`: an order that comes in late plans no mail that was due before then."""
    doubt = {"doubt_until": doubt_until} if doubt_until else {}
    connection.execute(update(fence).where(THE_ROW).values(held_because=None, held_at=None, **doubt))


def due_until(connection: Connection, until: datetime, after: UUID, limit: int) -> list[UUID]:
    """The next mails that have not ended and were due by then, in the order of their ids, from after that one on."""
    query = select(sends.c.id).where(IS_OPEN, sends.c.due_at <= until, sends.c.id > after)
    return list(connection.execute(query.order_by(sends.c.id).limit(limit)).scalars())


def planned_late(connection: Connection, ids: Collection[UUID], doubt_until: datetime) -> list[UUID]:
    """Of these mails, those that were planned after the doubt was settled and were due before it.

    Their orders came in late or for the second time, and had their mails by then, or may have had them.
    """
    late = (sends.c.created_at > doubt_until, sends.c.due_at <= doubt_until, sends.c.attempt == 0)
    return list(connection.execute(select(sends.c.id).where(sends.c.id.in_(ids), *late)).scalars())


def put_in_doubt(connection: Connection, ids: Collection[UUID], reason: str) -> list[tuple[UUID, str, int, int]]:
    """Mails that may have left already become `unknown`, and are counted as of when they were due.

    (Send id, campaign, order id, enrollment id) of each that had not ended yet.
    """
    if not ids:
        return []
    those = (sends.c.id.in_(ids), sends.c.state.in_(DOUBT.sources))
    connection.execute(select(sends.c.id).where(*those).order_by(sends.c.id).with_for_update(key_share=True))
    counted: dict[str, Any] = {"counted_at": func.coalesce(sends.c.counted_at, sends.c.due_at)}
    doubted = moved(DOUBT).where(sends.c.id.in_(ids)).values(reason=reason, lease_until=None, **counted)
    returned = doubted.returning(sends.c.id, sends.c.campaign, sends.c.order_id, sends.c.enrollment_id)
    return sorted((row.id, row.campaign, row.order_id, row.enrollment_id) for row in connection.execute(returned))
