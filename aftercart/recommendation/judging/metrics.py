"""How good are ranked lists? Each case measured by itself, so that two rankings can be compared case by case."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.judging.protocol import Case

SHOWN = 10

_DISCOUNT = 1 / np.log2(np.arange(2, SHOWN + 2))
_RESAMPLES = 1_000

Scores = npt.NDArray[np.float64]


def hits(ranked: Sequence[str], case: Case) -> npt.NDArray[np.bool_]:
    """Which of the ranked products were bought."""
    return np.fromiter((sku in case.relevant for sku in ranked), bool, len(ranked))


def ndcg(ranked: Sequence[str], case: Case) -> float:
    """NDCG of the first ten: 1 where the products bought stand on top."""
    gains = hits(ranked[:SHOWN], case)
    return float(_DISCOUNT[: len(gains)] @ gains / _DISCOUNT[: len(case.relevant)].sum())


@dataclass(frozen=True)
class Interval:
    """A mean, and where it lies with 95 % confidence."""

    mean: float
    low: float
    high: float


def interval(values: Scores, seed: int = 0) -> Interval:
    """By bootstrap over the cases: of paired differences, give the differences."""
    random = np.random.default_rng(seed)
    n = len(values)
    means = np.array([values[random.integers(n, size=n)].mean() for _ in range(_RESAMPLES)])
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))
