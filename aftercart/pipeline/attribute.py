"""An order earns a send its credit, or loses it again.

1. Orders with credit that turn out to be another person's lose it.
2. Completed orders without credit: the person's last human click within the window before the order was placed.
3. Orders with credit: their worth, and what refunds, returns and cancellations took back, is computed afresh.

All steps may run twice, late, or in another order than things happened: the outcome is the same.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from aftercart.attribution import store
from aftercart.attribution.credit import last_click
from aftercart.attribution.reversal import reversed_minor
from aftercart.attribution.store import Credit


def attribute(
    connection: Connection, order_ids: Collection[int], windows: Mapping[str, timedelta], now: datetime
) -> int:
    """Settle the credit of a batch of orders in the caller's transaction; how many earned some just now.

    `windows`: campaign → how long a click earns credit. At most eight queries for any number of orders. An order
    that came late is credited by its own time, once; imported orders never are.
    """
    touched = set(order_ids)
    if not touched:
        return 0
    store.drop_strangers(connection, touched)
    earned = _credit(connection, touched, windows, now)
    _bring_up_to_date(connection, touched)
    return earned


def _credit(connection: Connection, order_ids: Collection[int], windows: Mapping[str, timedelta], now: datetime) -> int:
    purchases = store.without_credit(connection, order_ids)
    clicks = store.human_clicks(connection, purchases, windows)
    found = [(purchase, last_click(purchase, clicks.get(purchase.recipient_id, ()))) for purchase in purchases]
    credits_ = [(purchase, click) for purchase, click in found if click]
    store.keep_credit(connection, credits_, now)
    return len(credits_)


def _bring_up_to_date(connection: Connection, order_ids: Collection[int]) -> None:
    """An order's total may change after its first version: lines are added, a discount is granted."""
    kept = store.credited(connection, order_ids)
    current = {id_: Credit(w.total_minor, reversed_minor(w), w.currency) for id_, (_, w) in kept.items()}
    store.keep_worth(connection, {id_: credit for id_, credit in current.items() if credit != kept[id_][0]})
