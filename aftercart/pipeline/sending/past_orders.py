"""Orders that came in lately, for whoever writes mails: what a template would show of them.

Nothing is written, not even a lock; nothing is planned and nobody's links are made.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import DBAPIError

from aftercart.db.peek import peek
from aftercart.db.tables import orders, recipients
from aftercart.intake.changes import OrderState
from aftercart.pipeline.planning.planned import Line, lines_of
from aftercart.pipeline.sending.context import line_seen, pick_seen
from aftercart.recommendation import store
from aftercart.recommendation.asking.request import Anchor, Request, Rules
from aftercart.recommendation.inputs.catalog import Details
from aftercart.recommendation.recommender import Recommender
from aftercart.rights.person import ERASED

SHOWN = 12


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order to choose. `buyer`: enough of the address to know one's own, not enough to write to it."""

    id: int
    number: str
    placed_at: datetime
    buyer: str

    @property
    def label(self) -> str:
        return f"{self.number}, {self.placed_at:%Y-%m-%d}, {self.buyer}"


class PastOrders:
    """The orders of a database, if there is one."""

    def __init__(self, database_url: str, recommender: Recommender) -> None:
        self._url, self._recommender = database_url, recommender

    def recent(self) -> list[PastOrder]:
        """The last `SHOWN` completed orders of somebody with an address, the newest first."""
        with self._snapshot() as connection:
            return list(_recent(connection)) if connection else []
        return []

    def context(self, order_id: int, rules: Rules | None) -> dict[str, Any] | None:
        """`recipient`, `order` and `picks` (without links; none without rules) of the context that a template sees.

        None if the order is gone.
        """
        with self._snapshot() as connection:
            return self._context(connection, order_id, rules) if connection else None
        return None

    @contextmanager
    def _snapshot(self) -> Iterator[Connection | None]:
        """The database as it is; one of another version counts as none."""
        with peek(self._url) as connection, suppress(DBAPIError):
            yield connection

    def _context(self, connection: Connection, order_id: int, rules: Rules | None) -> dict[str, Any] | None:
        order = connection.execute(_COMPLETED.where(orders.c.id == order_id)).one_or_none()
        lines = [line for line in lines_of(connection, [order.id])[order.id] if line.left] if order else []
        if order is None or not lines:
            return None
        return {
            "recipient": {"first_name": order.first_name or None, "locale": order.locale},
            "order": _order(connection, order, lines),
            "picks": self._picks(connection, order, lines, rules) if rules else [],
        }

    def _picks(self, connection: Connection, order: Row[Any], lines: list[Line], rules: Rules) -> list[dict[str, Any]]:
        owned = store.recipient_histories(connection, [order.recipient_id]).get(order.recipient_id, ())
        anchors = tuple(Anchor(line.sku, line.unit_price_minor, line.left, line.title) for line in lines)
        request = Request(anchors, order.currency, rules, owned=owned, exclude=frozenset(line.sku for line in lines))
        [found] = self._recommender.recommend(connection, [request])
        details = store.load_details(connection, (pick.sku for pick in found.picks))
        return [
            pick_seen(n, pick, details.get(pick.sku, Details()), order.currency)
            for n, pick in enumerate(found.picks, start=1)
        ]


_COMPLETED = (
    select(orders, recipients.c.email, recipients.c.first_name, recipients.c.locale)
    .join(recipients, recipients.c.id == orders.c.recipient_id)
    .where(orders.c.state == OrderState.COMPLETED, recipients.c.email.not_like(f"{ERASED}%"))
)


def _recent(connection: Connection) -> Iterator[PastOrder]:
    newest = _COMPLETED.order_by(orders.c.placed_at.desc(), orders.c.id.desc()).limit(SHOWN)
    for row in connection.execute(newest):
        yield PastOrder(row.id, row.shop_order_id, row.placed_at, masked(row.email))


def masked(address: str) -> str:
    """`a…@example.com`"""
    return f"{address[:1]}…@{address.rpartition('@')[2]}"


def _order(connection: Connection, order: Row[Any], lines: list[Line]) -> dict[str, Any]:
    bought = store.load_facts(connection, (line.sku for line in lines))
    return {
        "id": order.shop_order_id,
        "placed_at": order.placed_at.isoformat(),
        "currency": order.currency,
        "lines": [line_seen(line, order.currency, bought.get(line.sku)) for line in lines],
    }
