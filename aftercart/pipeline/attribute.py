"""An order earns a send its credit, or loses it again.

1. Completed orders without credit: the person's last human click within the window before the order was placed.
2. Orders with credit: what refunds, returns and cancellations took back is computed afresh.

Both steps may run twice, late, or in another order than things happened: the outcome is the same.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from aftercart.attribution import store
from aftercart.attribution.credit import last_click
from aftercart.attribution.reversal import reversed_minor


def attribute(
    connection: Connection, order_ids: Collection[int], windows: Mapping[str, timedelta], now: datetime
) -> int:
    """Settle the credit of a batch of orders in the caller's transaction; how many earned some just now.

    `windows`: campaign → how long a click earns credit. At most seven queries for any number of orders. An order
    that came late is credited by its own time, once; imported orders never are.
    """
    touched = set(order_ids)
    if not touched:
        return 0
    credited = _credit(connection, touched, windows, now)
    _take_back(connection, touched)
    return credited


def _credit(connection: Connection, order_ids: Collection[int], windows: Mapping[str, timedelta], now: datetime) -> int:
    purchases = store.without_credit(connection, order_ids)
    clicks = store.human_clicks(connection, purchases, windows)
    found = [(purchase, last_click(purchase, clicks.get(purchase.recipient_id, ()))) for purchase in purchases]
    credits_ = [(purchase, click) for purchase, click in found if click]
    store.keep_credit(connection, credits_, now)
    return len(credits_)


def _take_back(connection: Connection, order_ids: Collection[int]) -> None:
    worths = store.credited_worth(connection, order_ids)
    computed = {id_: (before, reversed_minor(worth)) for id_, (before, worth) in worths.items()}
    store.keep_reversals(connection, {id_: minor for id_, (before, minor) in computed.items() if minor != before})
