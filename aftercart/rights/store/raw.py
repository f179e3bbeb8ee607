"""Raw events: those that may name a person, and those that claim a right and wait."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, update

from aftercart.db.tables import events


class RawEvent(NamedTuple):
    """An event as it came in."""

    id: int
    shop: str
    topic: str
    body: bytes


_COLUMNS = (events.c.id, events.c.shop, events.c.topic, events.c.body)


def raw_events(connection: Connection, after: int, limit: int, shop: str | None = None) -> Sequence[RawEvent]:
    """The next events after that id that still have a body. `shop`: only those of this one."""
    query = select(*_COLUMNS).where(events.c.id > after, func.length(events.c.body) > 0)
    if shop is not None:
        query = query.where(events.c.shop == shop)
    return [RawEvent(*row) for row in connection.execute(query.order_by(events.c.id).limit(limit))]


def asked(connection: Connection) -> Sequence[RawEvent]:
    """Claims of rights that are still to be carried out, the oldest first."""
    query = select(*_COLUMNS).where(events.c.state == "asked").order_by(events.c.received_at, events.c.id)
    return [RawEvent(*row) for row in connection.execute(query)]


def conclude(connection: Connection, id_: int, state: str, error: str | None, now: datetime) -> None:
    """A claim was carried out, or cannot be."""
    values: dict[str, Any] = {"state": state, "error": error, "processed_at": now}
    connection.execute(update(events).where(events.c.id == id_, events.c.state == "asked").values(**values))


def serves_others(connection: Connection, shop: str, domain: str) -> bool:
    """Whether another shop of the same kind sends here, too: Shopify's delivery keys begin with the shop's domain."""
    other = select(events.c.id).where(
        events.c.shop == shop, ~func.lower(events.c.delivery_key).startswith(f"{domain.lower()}:", autoescape=True)
    )
    return connection.execute(other.limit(1)).first() is not None
