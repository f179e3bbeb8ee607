"""What a shop says once more of an order whose person was forgotten: what counts of it, and nobody's name. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from aftercart.intake.changes import Change, OrderNoted, OrderReversed, OrderSeen, Reversal

Rename = Callable[[str], str]
"""An id of the shop → as what it is kept."""


def ids_in(change: Change) -> Iterator[str]:
    """All ids of orders, refunds and cases in it."""
    match change:
        case OrderSeen(order):
            yield order.shop_order_id
            yield from (reversal.key for reversal in order.reversals)
        case OrderReversed(order_id, reversals):
            yield order_id
            yield from (reversal.key for reversal in reversals)
        case OrderNoted():
            yield from (change.shop_order_id, change.key)
        case _:
            return


def renamed(change: Change, rename: Rename) -> Change:
    """The same with its ids as they are kept."""
    match change:
        case OrderSeen(order):
            reversals = _renamed(order.reversals, rename)
            return OrderSeen(replace(order, shop_order_id=rename(order.shop_order_id), reversals=reversals))
        case OrderReversed(order_id, reversals):
            return OrderReversed(rename(order_id), _renamed(reversals, rename))
        case OrderNoted():
            return replace(change, shop_order_id=rename(change.shop_order_id), key=rename(change.key))
        case _:
            return change


def nameless(change: Change) -> Change:
    """The same without its buyer, and without what erasing takes out of an order."""
    if not isinstance(change, OrderSeen):
        return change
    lines = tuple(replace(line, title="") for line in change.order.lines)
    return OrderSeen(replace(change.order, buyer=None, region="", analytics_id="", lines=lines))


def _renamed(reversals: tuple[Reversal, ...], rename: Rename) -> tuple[Reversal, ...]:
    return tuple(replace(reversal, key=rename(reversal.key)) for reversal in reversals)
