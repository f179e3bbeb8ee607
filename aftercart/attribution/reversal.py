"""How much of an order's worth was taken back by refunds, returns and cancellations. Pure.

Computed from all that is known, never added up step by step: the same webhook twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

WORTHLESS = frozenset({"canceled", "refunded", "test"})
"""States of an order that is worth nothing, or not any more."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order."""

    sku: str
    quantity: float
    unit_price_minor: int


@dataclass(frozen=True, slots=True)
class Reversal:
    """Something was taken back: of one sku, or (sku None) of the order as a whole, but for an `adjustment`.

    `quantity` None: all of the sku. `amount_minor` None: the shop named no amount.
    """

    kind: str
    sku: str | None
    quantity: float | None
    amount_minor: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class Worth:
    """An order as far as its worth goes."""

    state: str
    total_minor: int
    currency: str
    lines: Sequence[Line] = ()
    reversals: Sequence[Reversal] = ()


def reversed_minor(worth: Worth) -> int:
    """Minor units of the order's currency that were taken back, at most its total.

    A reversal without an amount, or with one in another currency, counts price x quantity of its sku. A return of a sku
    and what was refunded or canceled of it speak of the same goods, so the larger one counts and not their sum.
    """
    if worth.state in WORTHLESS or any(r.sku is None and r.kind != "adjustment" for r in worth.reversals):
        return worth.total_minor
    sums: dict[str | None, dict[bool, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for reversal in worth.reversals:
        sums[reversal.sku][reversal.kind == "return"] += _amount(worth, reversal)
    back = sum((max(of_sku.values()) for of_sku in sums.values()), start=Decimal(0))
    return min(max(int(back.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)), 0), worth.total_minor)


def _amount(worth: Worth, reversal: Reversal) -> Decimal:
    if reversal.amount_minor is not None and reversal.currency in ("", worth.currency):
        return Decimal(reversal.amount_minor)
    lines = [line for line in worth.lines if line.sku == reversal.sku]
    bought = sum((Decimal(str(line.quantity)) for line in lines), start=Decimal(0))
    paid = sum((Decimal(str(line.quantity)) * line.unit_price_minor for line in lines), start=Decimal(0))
    if reversal.quantity is None or not bought:
        return paid
    return paid / bought * min(Decimal(str(reversal.quantity)), bought)
