"""What an amount was worth in another currency on a day, by a table of dated rates. Pure.

A rate holds from its day on until the next one of its currency. Before the first one there is none: then an amount
stays in its own currency, rather than being converted by a guess.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256

from aftercart.money import Money, decimals


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """One unit of `currency` is worth so much of the table's own currency, from `since` on."""

    currency: str
    since: date
    worth: Decimal


@dataclass(frozen=True, slots=True)
class Rates:
    """A whole table. `version` names it: the same rates have the same, and a table never changes."""

    into: str
    version: str
    by_currency: Mapping[str, Sequence[tuple[date, Decimal]]]

    def converted(self, minor: int, currency: str, on: date) -> Money:
        """Minor units of `into`, rounded half to even; as they were where there is no rate of that day."""
        if currency == self.into:
            return Money(minor, currency)
        worth = self._worth(currency, on)
        if worth is None:
            return Money(minor, currency)
        major = Decimal(minor).scaleb(-decimals(currency)) * worth
        scaled = major.scaleb(decimals(self.into)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
        return Money(int(scaled), self.into)

    def _worth(self, currency: str, on: date) -> Decimal | None:
        dated = self.by_currency.get(currency, ())
        position = bisect_right(dated, on, key=lambda rate: rate[0])
        return dated[position - 1][1] if position else None


def table(into: str, rates: Iterable[Rate]) -> Rates:
    """A table of these rates, whatever their order."""
    in_order = sorted(rates)
    by_currency: dict[str, list[tuple[date, Decimal]]] = {}
    for rate in in_order:
        by_currency.setdefault(rate.currency, []).append((rate.since, rate.worth))
    return Rates(into, _version(into, in_order), by_currency)


def _version(into: str, rates: Sequence[Rate]) -> str:
    lines = [into, *(f"{rate.currency} {rate.since.isoformat()} {rate.worth.normalize():f}" for rate in rates)]
    return sha256("\n".join(lines).encode()).hexdigest()[:12]
