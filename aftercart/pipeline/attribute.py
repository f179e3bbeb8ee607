"""An order earns a send its credit, or loses it again.

1. Orders with credit that turn out to be another person's, or to have followed a machine's click, lose it.
2. Completed orders without credit: the person's last human click within the window before the order was placed; under
   another model, which is asked for by hand, the first one, or with another window.
3. Orders with credit: their worth, and what refunds, returns and cancellations took back, is computed afresh.

All steps may run twice, late, or in another order than things happened: the outcome is the same.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from aftercart.attribution import store
from aftercart.attribution.credit import LAST_CLICK, Click, Model, Purchase, earning
from aftercart.attribution.reversal import reversed_minor
from aftercart.attribution.store import Credit
from aftercart.bootstrap import App
from aftercart.outward import store as outward
from aftercart.outward.happening import Happening

PAGE = 1_000


def attribute(
    connection: Connection,
    order_ids: Collection[int],
    windows: Mapping[str, timedelta],
    now: datetime,
    model: Model = LAST_CLICK,
) -> int:
    """Settle the credit of a batch of orders in the caller's transaction; how many earned some just now.

    `windows`: campaign → how long a click earns credit. At most ten queries (thirteen where others are
    told) for any number of orders. An order that came late is credited by its own time, once; imported orders never
    are. Credit given under another model before stays with its send, and is brought up to date, too.
    """
    touched = set(order_ids)
    if not touched:
        return 0
    store.drop_undue(connection, touched)
    earned = _credit(connection, touched, windows, now, model)
    _bring_up_to_date(connection, touched)
    return earned


def attribute_again(app: App, model: Model) -> int:
    """Credit all orders so far under another model, beside the credit that they have; how many earned some just now.

    A page of orders a transaction, so the engine goes on meanwhile. Doing it again adds what came since.
    """
    earned, last = 0, 0
    while True:
        with app.db.write() as connection:
            page = store.completed_after(connection, last, PAGE)
            earned += attribute(connection, page, app.campaigns.attribution_windows, app.clock(), model)
        if len(page) < PAGE:
            return earned
        last = page[-1]


def _credit(
    connection: Connection, order_ids: Collection[int], windows: Mapping[str, timedelta], now: datetime, model: Model
) -> int:
    purchases = store.without_credit(connection, model, order_ids)
    clicks = store.human_clicks(connection, model, purchases, windows)
    found = [(p, earning(model.touch, p, clicks.get(p.person_id, ()))) for p in purchases]
    credits_ = [(purchase, click) for purchase, click in found if click]
    store.keep_credit(connection, model, credits_, now)
    if credits_ and model == LAST_CLICK and outward.is_heard(connection, Happening.ORDER_CREDITED):
        _tell(connection, credits_, now)
    return len(credits_)


def _tell(connection: Connection, credits_: Sequence[tuple[Purchase, Click]], now: datetime) -> None:
    """Others hear of the credit that counts; what a refund takes back before they do is taken off."""
    ids = store.credit_ids(connection, LAST_CLICK, [purchase.order_id for purchase, _ in credits_])
    facts = [
        outward.Fact(
            Happening.ORDER_CREDITED,
            str(ids[purchase.order_id]),
            purchase.person_id,
            now,
            send_id=click.send_id,
            about_id=ids[purchase.order_id],
        )
        for purchase, click in credits_
    ]
    outward.note(connection, facts, now)


def _bring_up_to_date(connection: Connection, order_ids: Collection[int]) -> None:
    """An order's total may change after its first version: lines are added, a discount is granted."""
    kept = store.credited(connection, order_ids)
    current = {id_: Credit(w.total_minor, reversed_minor(w), w.currency) for id_, (_, w) in kept.items()}
    store.keep_worth(connection, {id_: credit for id_, credit in current.items() if credit != kept[id_][0]})
