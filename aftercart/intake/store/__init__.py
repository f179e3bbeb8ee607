"""Changes become rows: `apply` for what webhooks tell, a few narrow functions for files of past orders.

Every function runs in the caller's transaction and takes a batch: the number of statements does not depend on its
size (up to lists of 500 values each).
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from aftercart.intake.base import Buyer, Change, CustomerSeen, Order, OrderReversed, OrderSeen, ProductSeen, Reversal
from aftercart.intake.store.orders import Content, add_lines, known_orders, store_orders
from aftercart.intake.store.people import People, store_people
from aftercart.intake.store.products import store_products
from aftercart.intake.store.rows import Tally, take_turns

__all__ = ["Content", "Tally", "add_lines", "apply", "known_orders", "store_people", "store_products"]


def apply(
    connection: Connection, shop: str, changes: Iterable[Change], now: datetime, *, imported: bool = False
) -> list[int]:
    """Apply what one shop told, in the order in which it came. The ids of the orders that changed.

    The same changes again, or older ones, change nothing. `imported`: new orders are to learn from and never mail,
    and what they say about people only fills gaps.

    1. One worker at a time for each shop. Recipients and customers are found or made, and locked in the order of
       their ids.
    2. Orders take their newest version; refunds and cancellations are kept and decide the state.
    3. People's details, the customers' addresses and consents follow.
    4. Products take their newest version.
    """
    orders: dict[str, list[Order]] = {}
    reversals: dict[str, list[Reversal]] = {}
    customers: list[Buyer] = []
    products = []
    for change in changes:
        match change:
            case OrderSeen(order):
                orders.setdefault(order.shop_order_id, []).append(order)
                reversals.setdefault(order.shop_order_id, []).extend(order.reversals)
            case OrderReversed(order_id, reversed_):
                reversals.setdefault(order_id, []).extend(reversed_)
            case CustomerSeen(buyer):
                customers.append(buyer)
            case ProductSeen(product):
                products.append(product)

    buyers = [version.buyer for versions in orders.values() for version in versions if version.buyer]
    take_turns(connection, shop)
    people = People.find(connection, shop, [*customers, *buyers], now)
    people.own_addresses(customers, buyers)
    touched, current_buyers = store_orders(connection, shop, orders, reversals, people, now, imported=imported)
    people.details([*current_buyers, *customers], only_gaps=imported)
    people.consents([*buyers, *customers])
    found = people.save()
    store_products(connection, products, now)
    return sorted({*touched, *found})
