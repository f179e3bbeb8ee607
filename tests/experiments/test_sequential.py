from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from aftercart.experiments.comparison import Difference, difference
from aftercart.experiments.sample import Sample
from aftercart.experiments.sequential import Standing, bounds, decided, spent

DAYS, A_DAY = 28, 500
"""A month's experiment, with so many people a day in each arm."""
EVERY_DAY = tuple((day + 1) / DAYS for day in range(DAYS))
TESTS = 2_000
FALSE_ALARMS = 0.05 + 3 * sqrt(0.05 * 0.95 / TESTS)


@pytest.mark.parametrize(
    ("looks", "published"),
    [
        (2, [2.9626, 1.9686]),
        (3, [3.7103, 2.5114, 1.9930]),
        (4, [4.3326, 2.9631, 2.3590, 2.0141]),
        (5, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
    ],
)
def test_bounds_are_the_published_ones(looks: int, published: list[float]) -> None:
    """Equally spaced looks, two-sided 5 %: Reboussin, DeMets, Kim and Lan (Controlled Clinical Trials 2000), and
    gsDesign's `sfLDOF`."""
    found = bounds(tuple((look + 1) / looks for look in range(looks)))
    assert list(found) == pytest.approx(published, abs=2e-4)


def test_one_look_at_the_end_is_an_ordinary_test() -> None:
    assert bounds((1.0,)) == pytest.approx((norm.isf(0.025),))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_all_error_that_is_allowed_is_spent_at_the_end_and_no_more(steps: list[int]) -> None:
    """On paths of a Brownian motion, which is what the standardized difference is."""
    fractions = tuple(float(f) for f in np.cumsum(steps) / sum(steps))
    edges = np.array(bounds(fractions))
    random = np.random.default_rng(3)
    widths = np.sqrt(np.diff([0.0, *fractions]))
    paths = np.cumsum(random.normal(size=(40_000, len(steps))) * widths, axis=1) / np.sqrt(fractions)
    crossed = (abs(paths) >= edges).any(axis=1).mean()
    assert crossed == pytest.approx(spent(1), abs=4 * sqrt(0.05 * 0.95 / 40_000))


@pytest.mark.parametrize("fractions", [(0.0, 1.0), (0.5, 0.5), (0.9, 0.4), (0.5, 1.2)])
def test_fractions_that_do_not_rise_to_the_plan_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rise from above 0 to 1"):
        bounds(fractions)


def test_looked_at_daily_identical_arms_are_called_different_in_one_of_twenty_and_a_true_effect_is_found() -> None:
    """Conversion of 4 %; beside it what one look at the end finds, and what is found without bounds."""
    same, better = _z_of_conversions(0.04, 0.04), _z_of_conversions(0.04, 0.048)
    edges = np.array(bounds(EVERY_DAY))
    assert (abs(same) >= edges).any(axis=1).mean() <= FALSE_ALARMS
    assert (abs(same) >= norm.isf(0.025)).any(axis=1).mean() > 0.2  # looking without bounds, as most tools do
    fixed = (better[:, -1] >= norm.isf(0.025)).mean()
    assert fixed > 0.85
    assert (better >= edges).any(axis=1).mean() >= fixed - 0.05


def test_skewed_revenue_looked_at_daily_is_called_different_in_one_of_twenty() -> None:
    random = np.random.default_rng(11)
    shape = (TESTS, DAYS, 2)
    buyers = random.binomial(A_DAY, 0.04, shape)
    # The sum of a day's orders, each lognormal, by its first two moments: skewed, as shops' revenue is.
    orders = random.lognormal(3.5, 0.9, (*shape, int(buyers.max())))
    orders *= np.arange(orders.shape[-1]) < buyers[..., None]
    totals, squares = orders.sum(axis=-1).cumsum(axis=1), (orders**2).sum(axis=-1).cumsum(axis=1)
    people = A_DAY * np.arange(1, DAYS + 1)[None, :, None]
    variance = (squares - totals**2 / people) / (people - 1) / people
    z = (totals[..., 1] - totals[..., 0]) / people[..., 0] / np.sqrt(variance.sum(axis=-1))
    assert (abs(z) >= np.array(bounds(EVERY_DAY))).any(axis=1).mean() <= FALSE_ALARMS


def _z_of_conversions(control: float, treated: float) -> np.ndarray:
    random = np.random.default_rng(5)
    won = [random.binomial(A_DAY, rate, (TESTS, DAYS)).cumsum(axis=1) for rate in (control, treated)]
    people = A_DAY * np.arange(1, DAYS + 1)
    variance = sum(w / people * (1 - w / people) / people for w in won)
    z: np.ndarray = (won[1] - won[0]) / people / np.sqrt(np.maximum(variance, 1e-12))
    return z


def _look(people: int, z: float) -> Difference:
    return Difference(estimate=z / sqrt(people), variance=1 / people, freedom=people - 2, people=people)


def test_an_experiment_runs_until_a_bound_is_crossed_or_all_planned_people_are_known() -> None:
    quiet = [_look(people, 1.0) for people in (200, 400, 600, 800)]
    assert decided(quiet, planned=1_000).standing is Standing.RUNNING
    assert decided([*quiet, _look(1_000, 1.0)], planned=1_000).standing is Standing.NO_DIFFERENCE
    assert decided([*quiet, _look(1_000, 2.1)], planned=1_000).standing is Standing.BETTER
    assert decided([*quiet, _look(1_000, -2.1)], planned=1_000).standing is Standing.WORSE
    assert decided([_look(200, 2.1)], planned=1_000).standing is Standing.RUNNING


def test_the_first_look_that_decides_is_the_result_whatever_comes_later() -> None:
    looks = [_look(400, 3.5), _look(800, 0.1)]
    found = decided(looks, planned=1_000)
    assert (found.standing, found.looks) == (Standing.BETTER, 1)
    assert found.interval.low > 0


def test_looks_without_new_people_and_after_the_plan_do_not_count() -> None:
    looks = [_look(500, 1.0), _look(500, 1.0), _look(1_200, 1.0), _look(5_000, 9.0)]
    found = decided(looks, planned=1_000)
    assert (found.standing, found.looks) == (Standing.NO_DIFFERENCE, 2)
    with pytest.raises(ValueError, match="planned for 0 people"):
        decided(looks, planned=0)


def test_the_interval_of_a_look_shuts_out_no_effect_just_when_its_bound_is_crossed() -> None:
    samples = [(Sample.of_rate(half, half // 20), Sample.of_rate(half, half // 12)) for half in (300, 600, 900)]
    looks = [difference(*pair) for pair in samples]
    for count in range(1, 4):
        found = decided(looks[:count], planned=1_800)
        assert found.interval.decides == (found.standing in {Standing.BETTER, Standing.WORSE})
