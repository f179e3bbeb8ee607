"""What happens from a given instant on, in the order of time: orders, refunds, support cases, what people said.

Read piece by piece, so that memory does not depend on how long the time is. A product appears with its first sale:
when else it came into the catalog, nobody knows today.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from aftercart.backtest.past import TAKEN_BACK, was_said
from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.db.tables import (
    consents,
    customers,
    order_lines,
    order_notes,
    order_reversals,
    orders,
    products,
    recipients,
    suppressions,
)
from aftercart.intake.changes import (
    Buyer,
    Change,
    CustomerSeen,
    NoteKind,
    Order,
    OrderLine,
    OrderNoted,
    OrderReversed,
    OrderSeen,
    OrderState,
    Product,
    ProductSeen,
    Reversal,
    ReversalKind,
)
from aftercart.policy.suppression import SuppressionReason, SuppressionScope

ORDERS_AT_ONCE = 500
ANY_SHOP = "generic"
"""Under whose name we hear of what belongs to no shop: a person's word."""


@dataclass(frozen=True, slots=True)
class Barred:
    """An address that must not be mailed any more."""

    email: str
    reason: SuppressionReason
    source: str
    scope: SuppressionScope
    topic: str


@dataclass(frozen=True, slots=True)
class Happening:
    """What came in at one instant. `told`: shop → changes. `orders`: how many of them may start a campaign."""

    at: datetime
    told: Mapping[str, Sequence[Change]]
    barred: Sequence[Barred]
    orders: int


@dataclass(frozen=True, slots=True)
class _One:
    """One piece of news. Of the same instant what people said comes first, as it stands in the order itself."""

    at: datetime
    rank: int
    shop: str
    changes: tuple[Change, ...] = ()
    barred: Barred | None = None


def happenings(connection: Connection, start: datetime, end: datetime) -> Iterator[Happening]:
    """From `start` on. Orders from `end` on are told of, as owning what one bought matters, and start no campaign."""
    streams = (
        _words(connection, start),
        _orders(connection, start, end),
        _taken_back(connection, start, end),
        _reversals(connection, start),
        _notes(connection, start),
        _suppressions(connection, start),
    )
    merged = heapq.merge(*streams, key=attrgetter("at", "rank"))
    for at, news in groupby(merged, key=attrgetter("at")):
        yield _happening(at, list(news))


def _happening(at: datetime, news: Sequence[_One]) -> Happening:
    told: dict[str, list[Change]] = {}
    for one in news:
        told.setdefault(one.shop, []).extend(one.changes)
    starting = sum(isinstance(c, OrderSeen) and not c.order.imported for one in news for c in one.changes)
    return Happening(at, told, [one.barred for one in news if one.barred], starting)


# ---------------------------------------------------------------- orders

_ORDERED_AT = func.coalesce(orders.c.completed_at, orders.c.placed_at, type_=orders.c.placed_at.type)


def _order_rows() -> Select[Any]:
    has_reversals = (
        select(order_reversals.c.id)
        .where(order_reversals.c.shop == orders.c.shop, order_reversals.c.shop_order_id == orders.c.shop_order_id)
        .exists()
    )
    return (
        select(
            orders,
            _ORDERED_AT.label("at"),
            has_reversals.label("has_reversals"),
            customers.c.shop_customer_id,
            recipients.c.email,
            recipients.c.first_name,
            recipients.c.locale,
            recipients.c.time_zone,
            recipients.c.country.label("home"),
        )
        .outerjoin(customers, customers.c.id == orders.c.customer_id)
        .outerjoin(recipients, recipients.c.id == orders.c.recipient_id)
    )


def _orders(connection: Connection, start: datetime, end: datetime) -> Iterator[_One]:
    """Each as it was when it was paid; those that were placed before, and paid later, too."""
    known = _Assortment(connection, start)
    query = _order_rows().where(start <= _ORDERED_AT).order_by(_ORDERED_AT, orders.c.id)
    for rows in connection.execution_options(yield_per=ORDERS_AT_ONCE).execute(query).partitions():
        lines = _lines(connection, [row.id for row in rows])
        for row in rows:
            theirs = lines.get(row.id, ())
            seen = OrderSeen(_order(row, theirs, _state_at_first(row), row.at, imported=row.at >= end))
            yield _One(row.at, 1, row.shop, (*known.new_ones(theirs), seen))


def _taken_back(connection: Connection, start: datetime, end: datetime) -> Iterator[_One]:
    """A later version that says so. Where refunds were told of on their own, they say it."""
    query = _order_rows().where(orders.c.source_updated_at >= start, orders.c.state.in_(TAKEN_BACK))
    query = query.order_by(orders.c.source_updated_at, orders.c.id)
    for rows in connection.execution_options(yield_per=ORDERS_AT_ONCE).execute(query).partitions():
        lines = _lines(connection, [row.id for row in rows])
        for row in rows:
            if not row.has_reversals and row.source_updated_at > row.at:
                state, at = OrderState(row.state), row.source_updated_at
                order = _order(row, lines.get(row.id, ()), state, at, imported=row.at >= end)
                yield _One(at, 2, row.shop, (OrderSeen(order),))


def _state_at_first(row: Row[Any]) -> OrderState:
    told_later = row.has_reversals or row.source_updated_at > row.at
    return OrderState.COMPLETED if row.state in TAKEN_BACK and told_later else OrderState(row.state)


def _order(row: Row[Any], lines: Sequence[OrderLine], state: OrderState, at: datetime, *, imported: bool) -> Order:
    buyer = Buyer(
        customer_id=row.shop_customer_id,
        email=row.email,
        first_name=row.first_name or "",
        locale=row.locale or "",
        time_zone=row.time_zone or "",
        country=row.home or "",
    )
    return Order(
        shop_order_id=row.shop_order_id,
        state=state,
        currency=row.currency,
        total_minor=row.total_minor,
        placed_at=row.placed_at,
        updated_at=at,
        completed_at=row.completed_at,
        buyer=buyer,
        lines=tuple(lines),
        country=row.country,
        region=row.region,
        imported=imported,
    )


def _lines(connection: Connection, order_ids: Sequence[int]) -> dict[int, list[OrderLine]]:
    query = select(order_lines).where(order_lines.c.order_id.in_(order_ids))
    found: dict[int, list[OrderLine]] = {}
    for row in connection.execute(query.order_by(order_lines.c.order_id, order_lines.c.line_no)):
        line = OrderLine(row.sku, row.title, row.quantity, row.unit_price_minor)
        found.setdefault(row.order_id, []).append(line)
    return found


class _Assortment:
    """What has been sold so far, and so is known to the shop."""

    def __init__(self, connection: Connection, start: datetime) -> None:
        self._catalog = {row.sku: row for row in connection.execute(select(products))}
        sold = select(order_lines.c.sku).join(orders, orders.c.id == order_lines.c.order_id)
        self._sold = set(connection.execute(sold.where(orders.c.placed_at < start).distinct()).scalars())

    def new_ones(self, lines: Iterable[OrderLine]) -> Iterator[ProductSeen]:
        for sku in dict.fromkeys(line.sku for line in lines):
            if sku not in self._sold and sku in self._catalog:
                yield ProductSeen(_product(self._catalog[sku]))
            self._sold.add(sku)


def _product(row: Row[Any]) -> Product:
    return Product(
        sku=row.sku,
        title=row.title,
        category=row.category,
        department=row.department,
        brand=row.brand,
        family=row.family,
        color=row.color,
        description=row.description,
        price_minor=row.price_minor,
        currency=row.currency,
        image_url=row.image_url,
        url=row.url,
    )


# ---------------------------------------------------------------- what else is told


def _reversals(connection: Connection, start: datetime) -> Iterator[_One]:
    c = order_reversals.c
    for row in _streamed(connection, select(order_reversals).where(c.happened_at >= start), c.happened_at, c.id):
        reversal = Reversal(
            row.reversal_key,
            ReversalKind(row.kind),
            row.sku,
            row.quantity,
            row.amount_minor,
            row.currency,
            row.happened_at,
        )
        yield _One(row.happened_at, 3, row.shop, (OrderReversed(row.shop_order_id, (reversal,)),))


def _notes(connection: Connection, start: datetime) -> Iterator[_One]:
    c = order_notes.c
    for row in _streamed(connection, select(order_notes).where(c.at >= start), c.at, c.id):
        yield _One(row.at, 4, row.shop, (OrderNoted(row.shop_order_id, NoteKind(row.kind), row.note_key, row.at),))


def _words(connection: Connection, start: datetime) -> Iterator[_One]:
    c = consents.c
    query = select(consents, recipients.c.email).join(recipients, recipients.c.id == c.recipient_id)
    for row in _streamed(connection, query.where(~was_said(start)), c.at, c.id):
        said = ConsentState.DENIED if row.state == ConsentState.DENIED else ConsentState.GRANTED
        basis = Basis(row.basis)
        word = ConsentStatement(said, row.source, row.at, basis, row.wording, row.ip, row.expires_at)
        yield _One(row.at, 0, ANY_SHOP, (CustomerSeen(Buyer(email=row.email, consent=word)),))


def _suppressions(connection: Connection, start: datetime) -> Iterator[_One]:
    c = suppressions.c
    for row in _streamed(connection, select(suppressions).where(c.at >= start), c.at, c.id):
        scope, reason = SuppressionScope(row.scope), SuppressionReason(row.reason)
        yield _One(row.at, 5, ANY_SHOP, barred=Barred(row.email, reason, row.source, scope, row.topic))


def _streamed(connection: Connection, query: Select[Any], *order: Any) -> Iterable[Row[Any]]:
    return connection.execution_options(yield_per=ORDERS_AT_ONCE).execute(query.order_by(*order))
