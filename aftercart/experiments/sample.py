"""What one arm of an experiment did, in the few sums that every comparison needs.

The unit is a person, not an order: somebody who orders twice is one value of a metric, and who orders nothing is a 0.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Sample:
    """A metric of the people of one arm, summed up. Samples of separate people add up with `+`.

    `before` is the same people's spending before the experiment began; it makes the comparison sharper where it says
    something about the metric (see `aftercart/experiments/comparison.py`), and may be left at 0.
    """

    people: int = 0
    total: float = 0.0
    squares: float = 0.0
    """The sum of the squared values."""
    before: float = 0.0
    before_squares: float = 0.0
    products: float = 0.0
    """The sum of each person's value times what they spent before."""

    @classmethod
    def of(cls, values: ArrayLike, before: ArrayLike | None = None) -> Self:
        """One value a person, and what each spent before, in the same order."""
        y = np.asarray(values, dtype=float)
        x = np.zeros_like(y) if before is None else np.asarray(before, dtype=float)
        return cls(len(y), y.sum(), (y * y).sum(), x.sum(), (x * x).sum(), (x * y).sum())

    @classmethod
    def of_rate(cls, people: int, those_who_did: int) -> Self:
        """A metric that is 1 for those who did something, 0 for the others."""
        return cls(people, those_who_did, those_who_did)

    def __add__(self, other: "Sample") -> "Sample":
        return Sample(
            self.people + other.people,
            self.total + other.total,
            self.squares + other.squares,
            self.before + other.before,
            self.before_squares + other.before_squares,
            self.products + other.products,
        )

    @property
    def mean(self) -> float:
        """Per person; of nobody it is 0."""
        return self.total / self.people if self.people else 0.0

    @property
    def mean_before(self) -> float:
        return self.before / self.people if self.people else 0.0

    @property
    def variance(self) -> float:
        """Between people, unbiased. Needs two of them."""
        return self._spread(self.squares, self.total, self.total)

    @property
    def variance_before(self) -> float:
        return self._spread(self.before_squares, self.before, self.before)

    @property
    def covariance(self) -> float:
        """Of the metric with what was spent before."""
        return self._spread(self.products, self.total, self.before)

    def _spread(self, products: float, left: float, right: float) -> float:
        if self.people < 2:
            raise ValueError(f"{self.people} people say nothing about how much people differ")
        return (products - left * right / self.people) / (self.people - 1)
