"""What shops told of orders beside their versions: open cases, deliveries, what came back."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, select

from aftercart.db.among import among_given
from aftercart.db.tables import order_notes, order_reversals, orders


@dataclass(slots=True)
class News:
    """Of one order. `delivered_at`: when all of it had arrived; None where nobody said so."""

    case_open: bool = False
    delivered_at: datetime | None = None


@dataclass(slots=True)
class _Last:
    """When something was last told of one case or delivery."""

    at: dict[str, datetime] = field(default_factory=dict)

    def is_open(self) -> bool:
        """In the same second a case was opened first and closed then."""
        opened, closed = self.at.get("case_opened"), self.at.get("case_closed")
        return opened is not None and (closed is None or closed < opened)


def is_about_the_order(told: Table) -> ColumnElement[bool]:
    """Whether a row of `order_notes` or `order_reversals` is about the row of `orders` beside it."""
    return and_(told.c.shop == orders.c.shop, told.c.shop_order_id == orders.c.shop_order_id)


_NOTES = (
    select(orders.c.id, order_notes.c.note_key, order_notes.c.kind, order_notes.c.at)
    .join(order_notes, is_about_the_order(order_notes))
    .where(among_given(orders.c.id, "order_ids"))
)
_REVERSED = (
    select(orders.c.id)
    .join(order_reversals, is_about_the_order(order_reversals))
    .where(among_given(orders.c.id, "order_ids"))
    .distinct()
)


def news_of(connection: Connection, order_ids: Iterable[int]) -> dict[int, News]:
    """By order."""
    noted: dict[int, dict[str, _Last]] = defaultdict(lambda: defaultdict(_Last))
    for order_id, note_key, kind, at in connection.execute(_NOTES, {"order_ids": list(order_ids)}).all():
        noted[order_id][note_key].at[kind] = at
    return {
        order_id: News(
            case_open=any(last.is_open() for last in told.values()),
            delivered_at=min((last.at["delivered"] for last in told.values() if "delivered" in last.at), default=None),
        )
        for order_id, told in noted.items()
    }


def reversed_orders(connection: Connection, order_ids: Iterable[int]) -> set[int]:
    """The orders of which anything was refunded, sent back or canceled, be it money alone."""
    return set(connection.scalars(_REVERSED, {"order_ids": list(order_ids)}))
