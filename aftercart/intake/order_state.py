"""Which version of an order holds, and what refunds and cancellations make of it. Pure.

Webhooks come late, twice and out of order, so nothing here depends on the order of arrival: versions are compared by
the shop's own `updated_at`, and reversals are a set.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from aftercart.intake.changes import Order, OrderState, Reversal, ReversalKind

PAID = frozenset({OrderState.COMPLETED, OrderState.REFUNDED})
RANK = {
    OrderState.PLACED: 0,
    OrderState.COMPLETED: 1,
    OrderState.TEST: 2,
    OrderState.CANCELED: 3,
    OrderState.REFUNDED: 4,
}
ROUNDING = 1e-9
TAKEN_BACK = frozenset({ReversalKind.REFUND, ReversalKind.RETURN})
T = TypeVar("T", bound=Hashable)


def is_newer(updated_at: datetime, state: OrderState, than: tuple[datetime, OrderState]) -> bool:
    """Whether a version replaces the one we hold. In the same second the one further on its way does."""
    held_at, held_state = than
    return (updated_at, RANK[state]) > (held_at, RANK[held_state])


def paid_since(version: Order, *, shown_unpaid: bool) -> datetime | None:
    """Since when a version says that the order is paid; None if it does not. `shown_unpaid`: by an earlier version.

    The date that the shop states counts. Else an order that was shown unpaid is paid since this version; one that is
    paid when it is first shown may be so since long ago, whatever has been changed in it today: it is as old as its
    day of placing.
    """
    if version.state not in PAID:
        return None
    return version.completed_at or (version.updated_at if shown_unpaid else version.placed_at)


def settled(
    state: OrderState,
    updated_at: datetime,
    total_minor: int,
    currency: str,
    lines: Sequence[tuple[str, float]],
    reversals: Iterable[Reversal],
) -> OrderState:
    """The state of an order that calls itself `state`, given its (sku, quantity) lines and all its reversals.

    A reversal of the whole order counts, whether it came after the order or before it. So do reversals that leave no
    line, or no money (of the order's `currency`; amounts in another one are no part of its total). Of all that is
    said the state furthest on its way holds, so that it makes no difference what was heard first.
    """
    known = [reversal for reversal in reversals if not _is_undone(reversal, updated_at)]
    said = [state, *(_state_after(reversal) for reversal in known if reversal.is_whole)]
    if _all_lines_back(lines, known) or _all_money_back(total_minor, currency, known):
        said.append(OrderState.REFUNDED)
    return max(said, key=RANK.__getitem__)


def _state_after(whole: Reversal) -> OrderState:
    return OrderState.REFUNDED if whole.kind in TAKEN_BACK else OrderState.CANCELED


def _is_undone(reversal: Reversal, updated_at: datetime) -> bool:
    """A deleted order that the shop changes afterwards was restored."""
    deleted = reversal.kind is ReversalKind.DELETION
    return deleted and reversal.happened_at is not None and reversal.happened_at < updated_at


def _all_lines_back(lines: Sequence[tuple[str, float]], reversals: Iterable[Reversal]) -> bool:
    bought: dict[str, float] = {}
    for sku, quantity in lines:
        bought[sku] = bought.get(sku, 0.0) + quantity
    back = goods_back((reversal.sku, reversal.kind, reversal.quantity) for reversal in reversals if reversal.sku)
    return bool(bought) and all(back.get(sku, 0.0) >= quantity - ROUNDING for sku, quantity in bought.items())


def goods_back(told: Iterable[tuple[T, str, float | None]]) -> Mapping[T, float]:
    """How much of each product came back, by what was told of it: (product, kind of reversal, quantity; None: all).

    A return and the refund for it speak of the same goods, so the larger one counts and not their sum.
    """
    back: dict[T, dict[bool, float]] = defaultdict(lambda: defaultdict(float))
    for product, kind, quantity in told:
        back[product][kind == ReversalKind.RETURN] += float("inf") if quantity is None else quantity
    return {product: max(quantities.values()) for product, quantities in back.items()}


def _all_money_back(total_minor: int, currency: str, reversals: Iterable[Reversal]) -> bool:
    back = sum(reversal.amount_minor or 0 for reversal in reversals if reversal.currency == currency)
    return 0 < total_minor <= back
