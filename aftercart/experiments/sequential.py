"""Looking while an experiment runs, without being fooled: bounds for each look at a planned number of people.

Each look spends a part of the error that is allowed in all; early looks spend almost nothing, so that the last one is
nearly as sharp as if nobody had looked before. Lan and DeMets, Biometrika 1983, with the spending function that stands
near O'Brien and Fleming's bounds; computed by the recursion of Armitage, McPherson and Rowe (1969), see Jennison and
Turnbull, Group Sequential Methods, 2000, chapters 7 and 19.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from math import pi, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from aftercart.experiments.comparison import ALPHA, Difference
from aftercart.experiments.intervals import Interval

_NODES = 301
_FARTHEST = 12.0
"""In standard deviations. What lies beyond has no weight that a float could hold."""

Floats = npt.NDArray[np.float64]


def spent(fraction: float, alpha: float = ALPHA) -> float:
    """How much of the two-sided error `alpha` may be spent once this fraction of the plan is known."""
    return float(4 * ndtr(ndtri(alpha / 4) / sqrt(min(fraction, 1.0))))


@lru_cache(maxsize=256)
def bounds(fractions: tuple[float, ...], alpha: float = ALPHA) -> tuple[float, ...]:
    """How many standard errors an effect must have at each look to be called one, in either direction.

    `fractions`: of the planned people, who were known at each look; they rise, from above 0 to 1 at most. Raises
    ValueError otherwise.
    """
    if any(later <= earlier for earlier, later in pairwise((0.0, *fractions))) or (fractions and fractions[-1] > 1):
        raise ValueError(f"the fractions of a plan rise from above 0 to 1: {fractions}")
    where, weights = np.zeros(1), np.ones(1)
    found: list[float] = []
    for earlier, now in pairwise((0.0, *fractions)):
        step, farthest = sqrt(now - earlier), _FARTHEST * sqrt(now)
        allowed = spent(now, alpha) - (spent(earlier, alpha) if earlier else 0.0)
        edge = _edge(where, weights, step, allowed, farthest)
        found.append(edge / sqrt(now))
        where, weights = _those_within(where, weights, step, edge)
    return tuple(found)


def _edge(where: Floats, weights: Floats, step: float, allowed: float, farthest: float) -> float:
    """Beyond which of all paths so many end that the error allowed is spent."""
    from scipy.optimize import brentq  # takes a while, and few processes come here

    def too_many(edge: float) -> float:
        beyond = ndtr((where - edge) / step) + ndtr((-where - edge) / step)
        return float(weights @ beyond) - allowed

    return farthest if too_many(farthest) >= 0 else float(brentq(too_many, 0.0, farthest, xtol=1e-12))


def _those_within(where: Floats, weights: Floats, step: float, edge: float) -> tuple[Floats, Floats]:
    """Where the paths stand that have not crossed yet, as nodes with weights."""
    nodes, widths = _quadrature()
    there = nodes * edge
    density = np.exp(-(((there[:, None] - where[None, :]) / step) ** 2) / 2) @ weights
    return there, density * widths * edge / (step * sqrt(2 * pi))


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss and Legendre on [-1, 1]."""
    return np.polynomial.legendre.leggauss(_NODES)


class Standing(StrEnum):
    """What may be said of an experiment by now."""

    RUNNING = "running"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no_difference_shown"
    """All planned people are known, and no bound was crossed."""


@dataclass(frozen=True, slots=True)
class Result:
    """After the last look that counts: the first that decided, else the newest."""

    standing: Standing
    looks: int
    """How many looks count."""
    interval: Interval
    """Holds at all looks together (repeated confidence intervals: Jennison and Turnbull 1989)."""
    bound: float


def decided(looks: Sequence[Difference], planned: int, alpha: float = ALPHA) -> Result:
    """What the looks so far say of an experiment that was planned for so many people of both arms.

    `looks`: oldest first, at least one. A look at which nobody was new is no look, and none counts after the first that
    reaches the plan. Raises ValueError for a plan without people.
    """
    if planned <= 0:
        raise ValueError(f"an experiment is not planned for {planned} people")
    counted = _those_that_count(looks, planned)
    edges = bounds(tuple(min(look.people / planned, 1.0) for look in counted), alpha)
    for number, (look, edge) in enumerate(zip(counted, edges, strict=True), start=1):
        if abs(look.z) >= edge:
            standing = Standing.BETTER if look.z > 0 else Standing.WORSE
            return Result(standing, number, _repeated(look, edge), edge)
    last, edge = counted[-1], edges[-1]
    standing = Standing.NO_DIFFERENCE if last.people >= planned else Standing.RUNNING
    return Result(standing, len(counted), _repeated(last, edge), edge)


def _those_that_count(looks: Sequence[Difference], planned: int) -> list[Difference]:
    counted: list[Difference] = []
    for look in looks:
        if counted and counted[-1].people >= planned:
            break
        if not counted or look.people > counted[-1].people:
            counted.append(look)
    return counted


def _repeated(look: Difference, edge: float) -> Interval:
    half = edge * sqrt(look.variance)
    return Interval(look.estimate, look.estimate - half, look.estimate + half)
