"""Intervals: held against published figures, and against what happens."""

import math
from random import Random

import pytest

from aftercart.experiments.intervals import mean_by_person, share


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_shares_have_the_bounds_that_newcombe_published(hits: int, of: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    found = share(hits, of)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.value == hits / of


def test_of_nothing_nothing_is_known() -> None:
    assert share(0, 0) == (0.0, 0.0, 1.0)
    assert mean_by_person([("ada", 1.0)]) == (0.0, -math.inf, math.inf)


def test_a_persons_values_count_together() -> None:
    """Ten times the same from everybody says no more than once."""
    once = [(person, float(person % 2)) for person in range(40)]
    assert mean_by_person(once * 10) == pytest.approx(mean_by_person(once))


def test_the_true_mean_lies_inside_in_95_of_100_cases() -> None:
    dice = Random(1)

    def seen() -> tuple[float, float, float]:
        people = [(person, dice.gauss(0, 1)) for person in range(60)]
        return mean_by_person((who, mood + dice.gauss(1, 1)) for who, mood in people for _ in range(1 + who % 3))

    inside = sum(low <= 1 <= high for _, low, high in (seen() for _ in range(800)))
    assert 0.92 <= inside / 800 <= 0.97
