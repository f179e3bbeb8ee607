"""What people ordered, and what that is worth now: refunds and returns are taken off."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, tuple_

from aftercart.attribution.reversal import WORTHLESS, Line, Reversal, Worth, reversed_minor
from aftercart.db.tables import order_lines, order_reversals, orders, recipients
from aftercart.exchange.rates import Rates
from aftercart.money import Money

BEFORE = timedelta(days=365)
"""What people spent in the year before they fell into an arm makes the comparison sharper (CUPED)."""
_AT_ONCE = 500

MANY = 20_000
"""People, from whom on all orders are gone through instead of asking for theirs."""
_ROWS = 5_000

PERSON = func.coalesce(recipients.c.merged_into, recipients.c.id)
"""The id that stands for a person, under whichever address."""

_TAKEN = (order_reversals.c.shop == orders.c.shop) & (order_reversals.c.shop_order_id == orders.c.shop_order_id)
# No more columns than are needed: a million orders are read, and to make an instant of a text takes a while.
_ORDERS = select(
    *(orders.c.id, orders.c.shop, orders.c.shop_order_id, orders.c.state, orders.c.currency, orders.c.total_minor),
    orders.c.placed_at,
    PERSON.label("person"),
    select(order_reversals.c.id).where(_TAKEN).exists().label("is_touched"),
).join(recipients, recipients.c.id == orders.c.recipient_id)


def spending(
    connection: Connection, people: Iterable[int], until: datetime, rates: Rates | None = None, many: int = MANY
) -> Iterator[tuple[Any, Money]]:
    """Every order of these people up to an instant, with the `person` it is of and `placed_at`, and what it is worth;
    converted by the rates of its day, where there are any."""
    ids = set(people)
    if len(ids) > many:  # all orders once, whoever placed them: to name so many people would take the database longer
        rows = _gone_through(connection, _ORDERS.where(*counted(until)), ids)
    else:
        rows = _in_pages(connection, ids, until)
    yield from _in_money(rows, rates)


def spending_where(
    connection: Connection, whose: ColumnElement[bool], until: datetime, rates: Rates | None = None
) -> Iterator[tuple[Any, Money]]:
    """As `spending`, of people whom a condition names."""
    yield from _in_money(_gone_through(connection, _ORDERS.where(whose, *counted(until))), rates)


def _in_money(rows: Iterable[tuple[Any, int]], rates: Rates | None) -> Iterator[tuple[Any, Money]]:
    for row, worth in rows:
        plain = Money(worth, row.currency)
        yield row, rates.converted(worth, row.currency, row.placed_at.date()) if rates else plain


def _gone_through(
    connection: Connection, query: Select[Any], people: Set[int] | None = None
) -> Iterator[tuple[Any, int]]:
    """Those of these people; None: all."""
    with connection.execute(query, execution_options={"yield_per": _ROWS}) as rows:
        for batch in rows.partitions():
            yield from _worth_now(connection, [row for row in batch if people is None or row.person in people])


def _in_pages(connection: Connection, people: Set[int], until: datetime) -> Iterator[tuple[Any, int]]:
    ids = sorted(people)
    for start in range(0, len(ids), _AT_ONCE):
        page = ids[start : start + _AT_ONCE]
        # Not `PERSON.in_`: no index serves that, and each page of people would look at every order there is.
        theirs = (or_(recipients.c.id.in_(page), recipients.c.merged_into.in_(page)), PERSON.in_(page))
        rows = connection.execute(_ORDERS.where(*theirs, *counted(until))).all()
        yield from _worth_now(connection, rows)


def counted(until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Orders that count as soon as they are paid, whatever became of them."""
    return orders.c.placed_at <= until, orders.c.state != "placed"


def _worth_now(connection: Connection, rows: Sequence[Any]) -> Iterator[tuple[Any, int]]:
    """Refunds taken off."""
    touched = [row for row in rows if row.is_touched and row.state not in WORTHLESS]
    back = taken_back(connection, touched) if touched else {}
    for row in rows:
        yield row, 0 if row.state in WORTHLESS else row.total_minor - back.get(row.id, 0)


def taken_back(connection: Connection, rows: Sequence[Any]) -> dict[int, int]:
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
