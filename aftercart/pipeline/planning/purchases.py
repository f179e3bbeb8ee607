"""What people bought after an order: under whichever address or by the same account, whether it was paid yet or not."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, or_, select

from aftercart.db.tables import order_lines, orders
from aftercart.intake.changes import OrderState

NO_PURCHASE = (OrderState.CANCELED, OrderState.TEST)

Purchases = Mapping[int, Iterable[tuple[datetime, str]]]
"""By the id that stands for the person: when they placed orders, and each product of them (empty: it names none)."""


def purchases_since(
    connection: Connection,
    persons: Mapping[int, int],
    people: set[int],
    accounts: Mapping[int, Collection[int]],
    after: datetime,
) -> Purchases:
    """What these people (ids that stand for them) bought after an instant.

    `persons`: recipient id → the id that stands for the person. `accounts`: customer id → the people whose mails are
    about an order of that account; it may give another address with each order.
    """
    addresses = [id_ for id_, person in persons.items() if person in people]
    query = (
        select(orders.c.recipient_id, orders.c.customer_id, orders.c.placed_at, order_lines.c.sku)
        .outerjoin(order_lines, order_lines.c.order_id == orders.c.id)
        .where(
            or_(orders.c.recipient_id.in_(addresses), orders.c.customer_id.in_(list(accounts))),
            orders.c.placed_at > after,
            orders.c.state.not_in(NO_PURCHASE),
        )
    )
    found: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for recipient_id, customer_id, placed_at, sku in connection.execute(query):
        for person in people & {persons.get(recipient_id), *accounts.get(customer_id, ())}:
            found[person].append((placed_at, sku or ""))
    return found
