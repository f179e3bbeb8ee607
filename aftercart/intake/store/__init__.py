"""Changes become rows: `apply` for what webhooks tell, a few narrow functions for files of past orders.

Every function runs in the caller's transaction and takes a batch: the number of statements does not depend on its
size (up to lists of 500 values each).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from aftercart.consent.standing import ConsentRules
from aftercart.intake.changes import (
    Buyer,
    Change,
    CustomerSeen,
    ErasureAsked,
    ExportAsked,
    Order,
    OrderNoted,
    OrderReversed,
    OrderSeen,
    Product,
    ProductSeen,
    Reversal,
    ShopErasureAsked,
)
from aftercart.intake.store.notes import keep_notes
from aftercart.intake.store.orders import Content, add_lines, known_orders, store_orders
from aftercart.intake.store.people import People, find_people, store_people
from aftercart.intake.store.products import store_products
from aftercart.intake.store.rows import Tally, take_turns

__all__ = [
    "Content",
    "Tally",
    "add_lines",
    "apply",
    "apply_all",
    "known_orders",
    "store_people",
    "store_products",
]


def apply(connection: Connection, shop: str, changes: Iterable[Change], now: datetime) -> set[int]:
    """Apply what one shop told, in the order in which it came: see `apply_all`."""
    return apply_all(connection, {shop: changes}, now)


def apply_all(
    connection: Connection,
    told: Mapping[str, Iterable[Change]],
    now: datetime,
    rules: ConsentRules = ConsentRules(),  # noqa: B008  # frozen
) -> set[int]:
    """Apply what shops told, by shop. The ids of the orders that changed and may mail (imported ones never do).

    `rules`: what the brand makes of a yes. The same changes again, or older ones, change nothing.

    1. One worker at a time for each shop.
    2. Recipients, then customers, of all shops are found or made, and locked in the order of their ids; no order is
       locked before.
    3. Orders take their newest version; refunds and cancellations are kept and decide the state. Notes are kept.
    4. People's details, the customers' addresses and consents follow.
    5. Products take their newest version.
    """
    news = {shop: _by_kind(told[shop]) for shop in sorted(told)}
    for shop in news:
        take_turns(connection, shop)
    people = find_people(connection, {shop: kinds.people for shop, kinds in news.items()}, now)
    touched = set[int]()
    for shop, kinds in news.items():
        touched |= _apply_orders(connection, shop, kinds, people[shop], now, rules)
    store_products(connection, [product for kinds in news.values() for product in kinds.products], now)
    return touched


@dataclass(slots=True)
class _ByKind:
    """What one shop told, by what it is about; of each kind in the order in which it came."""

    orders: dict[str, list[Order]] = field(default_factory=dict)
    reversals: dict[str, list[Reversal]] = field(default_factory=dict)
    customers: list[CustomerSeen] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    notes: list[OrderNoted] = field(default_factory=list)

    @property
    def buyers(self) -> list[Buyer]:
        return [version.buyer for versions in self.orders.values() for version in versions if version.buyer]

    @property
    def people(self) -> list[Buyer]:
        return [*self.buyers, *(seen.buyer for seen in self.customers)]


def _by_kind(changes: Iterable[Change]) -> _ByKind:
    kinds = _ByKind()
    for change in changes:
        match change:
            case OrderSeen(order):
                kinds.orders.setdefault(order.shop_order_id, []).append(order)
                kinds.reversals.setdefault(order.shop_order_id, []).extend(order.reversals)
            case OrderReversed(order_id, reversed_):
                kinds.reversals.setdefault(order_id, []).extend(reversed_)
            case OrderNoted():
                kinds.notes.append(change)
            case CustomerSeen():
                kinds.customers.append(change)
            case ProductSeen(product):
                kinds.products.append(product)
            case ErasureAsked() | ExportAsked() | ShopErasureAsked():
                continue  # no fact to store: it is carried out once this is (see `aftercart/pipeline/rights.py`)
    return kinds


def _apply_orders(
    connection: Connection, shop: str, kinds: _ByKind, people: People, now: datetime, rules: ConsentRules
) -> set[int]:
    people.own_addresses(kinds.customers, kinds.buyers)
    changed, current = store_orders(connection, shop, kinds.orders, kinds.reversals, people, now)
    for version in current:
        if version.buyer:
            people.details(version.buyer, version.placed_at, only_gaps=version.imported)
    changed |= keep_notes(connection, shop, kinds.notes, now)
    for record in kinds.customers:
        people.details(record.buyer, record.at)
    people.consents(kinds.people)
    return changed | people.save(rules)
