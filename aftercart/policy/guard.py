"""Does a campaign, or the brand as a whole, annoy more people than it may? Pure.

A share counts as above its limit when it surely is: when the lower end of its one-sided 95 % confidence interval is,
by the exact method of Clopper and Pearson (1934, Biometrika 26:404). One complaint in 900 mails proves nothing about a
limit of 0.1 %; four in 1,000 do. Looked at again and again, a shop whose true share lies just at the limit is stopped
sooner or later, and that is meant; at half of the limit it takes some 500 looks at fresh mails.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import exp, log, log1p
from typing import Any

CONFIDENCE = 0.95


class PauseScope(StrEnum):
    """What has paused itself."""

    CAMPAIGN = "campaign"
    VARIANT = "variant"
    """An arm of an experiment."""
    BRAND = "brand"
    """All campaigns."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The limits: shares of the mails of the last `over` that nobody may exceed, once there are `at_least` of them."""

    complaints: float
    unsubscribes: float
    at_least: int
    over: timedelta


@dataclass(frozen=True, slots=True)
class Toll:
    """Mails that reached somebody, and what they did to them."""

    mails: int = 0
    complaints: int = 0
    unsubscribes: int = 0

    def __add__(self, other: "Toll") -> "Toll":
        return Toll(
            self.mails + other.mails, self.complaints + other.complaints, self.unsubscribes + other.unsubscribes
        )


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that was exceeded. `surely`: the share that it is at least, as far as chance allows to tell. `limit_of`:
    what the limit is."""

    what: str
    count: int
    mails: int
    limit: float
    surely: float
    limit_of: str = "the limit"

    def __str__(self) -> str:
        share = f"{self.count / self.mails:.2%} ({self.count:,} of {self.mails:,} mails, surely over {self.surely:.2%})"
        return f"{self.what} came to {share}, and {self.limit_of} is {self.limit * 100:.10g}%"

    def figures(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def breach(guard: Guard, toll: Toll) -> Breach | None:
    """The first limit that is surely exceeded; complaints come first."""
    if toll.mails < guard.at_least:
        return None
    return next(_breaches(guard, toll), None)


def _breaches(guard: Guard, toll: Toll) -> Iterator[Breach]:
    for what, count, limit in (
        ("complaints", toll.complaints, guard.complaints),
        ("unsubscribes", toll.unsubscribes, guard.unsubscribes),
    ):
        if count <= limit * toll.mails:
            continue
        surely = lower_bound(count, toll.mails)
        if surely > limit:
            yield Breach(what, count, toll.mails, limit, surely)


def lower_bound(count: int, of: int) -> float:
    """The smallest share that a count still fits: `count` of `of` or more come by chance in 5 of 100 cases."""
    low, high = 0.0, count / of
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _chance_of(count, of, middle) < 1 - CONFIDENCE else (low, middle)
    return low


def _chance_of(count: int, of: int, share: float) -> float:
    """Of `count` or more in `of` draws (binomial)."""
    odds, term, fewer = log(share) - log1p(-share), of * log1p(-share), 0.0
    for n in range(count):
        fewer += exp(term)
        term += log(of - n) - log(n + 1) + odds
    return 1 - fewer
