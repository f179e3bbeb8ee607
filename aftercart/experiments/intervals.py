"""How sure a figure is. Pure; every interval is two-sided."""

import math
from collections.abc import Hashable, Iterable
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """A figure, and the bounds between which the true one lies in 95 of 100 cases (or as asked)."""

    value: float
    low: float
    high: float

    @property
    def decides(self) -> bool:
        """Of a difference: whether it shuts out that there is none."""
        return self.low > 0 or self.high < 0


def z_of(confidence: float) -> float:
    """The two-sided normal quantile: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def share(hits: int, of: int, confidence: float = 0.95) -> Interval:
    """A proportion, by Wilson's score interval (Wilson 1927; Brown, Cai, DasGupta 2001, eq. 4). Of none: 0 to 1."""
    if of == 0:
        return Interval(0.0, 0.0, 1.0)
    z, p = z_of(confidence), hits / of
    center = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return Interval(p, max(0.0, center - half), min(1.0, center + half))


def mean_by_person(values: Iterable[tuple[Hashable, float]], confidence: float = 0.95) -> Interval:
    """The mean of values of which several may be one person's, and so depend on each other.

    Linearized variance of a ratio over clusters (Cochran 1977, eq. 6.13). With fewer than two persons nothing is known.
    """
    sums: dict[Hashable, tuple[float, int]] = {}
    for person, value in values:
        total, count = sums.get(person, (0.0, 0))
        sums[person] = (total + value, count + 1)
    n, persons = sum(count for _, count in sums.values()), len(sums)
    if persons < 2:
        return Interval(0.0, -math.inf, math.inf)
    mean = sum(total for total, _ in sums.values()) / n
    spread = sum((total - mean * count) ** 2 for total, count in sums.values())
    half = z_of(confidence) * math.sqrt(persons / (persons - 1) * spread) / n
    return Interval(mean, mean - half, mean + half)
