"""The list of events: what shops told us, and what could not be understood."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from aftercart.db.tables import events


def listed(
    connection: Connection, *, state: str | None = None, shop: str | None = None, limit: int = 0
) -> Iterator[dict[str, Any]]:
    """Events without their bodies, newest first, as plain values (instants in ISO 8601, UTC). `limit` 0: all."""
    told = (
        events.c.id,
        events.c.received_at,
        events.c.shop,
        events.c.topic,
        events.c.shop_order_id,
        events.c.state,
        events.c.error,
    )
    query = select(*told).order_by(events.c.id.desc())
    for column, wanted in ((events.c.state, state), (events.c.shop, shop)):
        if wanted is not None:
            query = query.where(column == wanted)
    if limit:
        query = query.limit(limit)
    for row in connection.execution_options(yield_per=500).execute(query):
        yield {
            "event_id": row.id,
            "received_at": row.received_at.isoformat(),
            "shop": row.shop,
            "topic": row.topic,
            "order_id": row.shop_order_id,
            "state": row.state,
            "error": row.error,
        }


def body(connection: Connection, event_id: int) -> bytes | None:
    """The body of an event as the shop sent it; None where there is no such event."""
    found: bytes | None = connection.execute(select(events.c.body).where(events.c.id == event_id)).scalar_one_or_none()
    return found


def counts(connection: Connection) -> Counter[str]:
    """How many events there are by state."""
    rows = connection.execute(select(events.c.state, func.count().label("events")).group_by(events.c.state))
    return Counter({row.state: row.events for row in rows})
