"""What shops told of orders beside their versions: open cases, deliveries, what came back."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_

from aftercart.db.tables import order_notes, order_reversals


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


def news_of(connection: Connection, about: Mapping[int, Any]) -> dict[int, News]:
    """By order id. `about`: rows of `orders` by id."""
    noted: dict[int, dict[str, _Last]] = defaultdict(lambda: defaultdict(_Last))
    keys = _keys(about)
    by_key = tuple_(order_notes.c.shop, order_notes.c.shop_order_id).in_(list(keys))
    for row in connection.execute(select(order_notes).where(by_key)):
        noted[keys[row.shop, row.shop_order_id]][row.note_key].at[row.kind] = row.at
    return {
        order_id: News(
            case_open=any(last.is_open() for last in told.values()),
            delivered_at=min((last.at["delivered"] for last in told.values() if "delivered" in last.at), default=None),
        )
        for order_id, told in noted.items()
    }


def reversed_orders(connection: Connection, about: Mapping[int, Any]) -> set[int]:
    """The orders of which anything was refunded, sent back or canceled, be it money alone."""
    keys = _keys(about)
    by_key = tuple_(order_reversals.c.shop, order_reversals.c.shop_order_id).in_(list(keys))
    query = select(order_reversals.c.shop, order_reversals.c.shop_order_id).where(by_key).distinct()
    return {keys[row.shop, row.shop_order_id] for row in connection.execute(query)}


def _keys(about: Mapping[int, Any]) -> dict[tuple[str, str], int]:
    return {(row.shop, row.shop_order_id): order_id for order_id, row in about.items()}
