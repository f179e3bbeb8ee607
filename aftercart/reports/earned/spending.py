"""What people ordered, and what that is worth now: refunds and returns are taken off."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select, tuple_

from aftercart.attribution.reversal import WORTHLESS, Line, Reversal, Worth, reversed_minor
from aftercart.db.tables import order_lines, order_reversals, orders, recipients
from aftercart.exchange.rates import Rates
from aftercart.money import Money

BEFORE = timedelta(days=365)
"""What people spent in the year before they fell into an arm makes the comparison sharper (CUPED)."""
_AT_ONCE = 500

PERSON = func.coalesce(recipients.c.merged_into, recipients.c.id)
"""The id that stands for a person, under whichever address."""


def spending(
    connection: Connection, people: Iterable[int], until: datetime, rates: Rates | None = None
) -> Iterator[tuple[Any, Money]]:
    """Every order of these people up to an instant, with the `person` it is of, and what it is worth; converted by
    the rates of its day, where there are any."""
    ids = sorted(people)
    for start in range(0, len(ids), _AT_ONCE):
        for row, worth in _orders_of(connection, ids[start : start + _AT_ONCE], until):
            plain = Money(worth, row.currency)
            yield row, rates.converted(worth, row.currency, row.placed_at.date()) if rates else plain


def _orders_of(connection: Connection, people: Sequence[int], until: datetime) -> Iterator[tuple[Any, int]]:
    """Their orders and what they are worth now, refunds taken off."""
    query = select(orders, PERSON.label("person")).join(recipients, recipients.c.id == orders.c.recipient_id)
    # Not `PERSON.in_`: no index serves that, and each page of people would look at every order there is.
    theirs = (
        or_(recipients.c.id.in_(people), recipients.c.merged_into.in_(people)),
        PERSON.in_(people),
        orders.c.placed_at <= until,
        orders.c.state != "placed",
    )
    rows = connection.execute(query.where(*theirs)).all()
    back = _taken_back(connection, [row for row in rows if row.state not in WORTHLESS])
    for row in rows:
        yield row, 0 if row.state in WORTHLESS else row.total_minor - back.get(row.id, 0)


def _taken_back(connection: Connection, rows: Sequence[Any]) -> dict[int, int]:
    """Order id → minor units, for orders of which a part was refunded or sent back."""
    key = tuple_(order_reversals.c.shop, order_reversals.c.shop_order_id)
    reversals: dict[tuple[str, str], list[Reversal]] = defaultdict(list)
    for r in connection.execute(
        select(order_reversals).where(key.in_([(row.shop, row.shop_order_id) for row in rows]))
    ):
        reversals[r.shop, r.shop_order_id].append(Reversal(r.kind, r.sku, r.quantity, r.amount_minor, r.currency))
    touched = [row for row in rows if (row.shop, row.shop_order_id) in reversals]
    lines: dict[int, list[Line]] = defaultdict(list)
    for line in connection.execute(select(order_lines).where(order_lines.c.order_id.in_([row.id for row in touched]))):
        lines[line.order_id].append(Line(line.sku, line.quantity, line.unit_price_minor))
    return {
        row.id: reversed_minor(
            Worth(row.state, row.total_minor, row.currency, lines[row.id], reversals[row.shop, row.shop_order_id])
        )
        for row in touched
    }
