import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from aftercart.experiments.comparison import (
    MISMATCH,
    always_valid_interval,
    always_valid_p_value,
    among_several,
    belief,
    difference,
    interval,
    mismatch,
    p_value,
)
from aftercart.experiments.sample import Sample

OTHERS: dict[str, Any] = json.loads(Path(__file__).with_name("other_tools.json").read_text(encoding="utf-8"))
"""What gbstats and tea-tasting say of the same samples (see `record_other_tools.py`)."""
CASES = pytest.mark.parametrize("case", OTHERS["cases"], ids=lambda case: str(case["control"]["people"]))
SPENT = st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 9_000)), min_size=2, max_size=20)


@CASES
@pytest.mark.parametrize("adjusted", [False, True])
def test_differences_and_their_intervals_are_those_of_other_tools(case: dict[str, Any], adjusted: bool) -> None:
    found = difference(Sample(**case["control"]), Sample(**case["treated"]), adjusted=adjusted)
    said = case["adjusted" if adjusted else "plain"]
    assert found.estimate == pytest.approx(said["estimate"], abs=1e-9)
    fixed, always = interval(found), always_valid_interval(found)
    assert (fixed.low, fixed.high) == pytest.approx(said["fixed"], abs=1e-6)
    assert p_value(found) == pytest.approx(said["p"], abs=1e-6)
    assert (always.low, always.high) == pytest.approx(said["always_valid"], abs=1e-6)
    assert always_valid_p_value(found) == pytest.approx(said["always_valid_p"], abs=1e-6)


@CASES
def test_what_was_spent_before_is_taken_out_as_by_tea_tasting(case: dict[str, Any]) -> None:
    found = difference(Sample(**case["control"]), Sample(**case["treated"]), adjusted=True)
    said = case["tea_tasting"]
    sharper = interval(found)
    assert (sharper.low, sharper.high) == pytest.approx(said["adjusted"], abs=1e-6)
    assert p_value(found) == pytest.approx(said["p"], abs=1e-6)


@CASES
def test_belief_is_that_of_gbstats(case: dict[str, Any]) -> None:
    said = case["belief"]
    found = belief(difference(Sample(**case["control"]), Sample(**case["treated"])), said["doubt"])
    assert found.chance_to_win == pytest.approx(said["chance_to_win"], abs=1e-9)
    assert found.expected_loss == pytest.approx(said["expected_loss"], abs=1e-9)


@pytest.mark.parametrize("split", OTHERS["splits"])
def test_a_mismatch_of_sizes_is_that_of_gbstats(split: dict[str, Any]) -> None:
    assert mismatch(split["people"], split["shares"]) == pytest.approx(split["p"], abs=1e-9)


def test_one_in_ten_who_became_one_in_nine_are_a_mismatch() -> None:
    assert mismatch([1_000, 9_000], [0.1, 0.9]) == 1
    assert mismatch([1_111, 8_889], [0.1, 0.9]) < MISMATCH
    assert mismatch([0, 0], [0.1, 0.9]) == 1


def test_what_chance_makes_once_in_five_hundred_is_no_mismatch_and_once_in_a_thousand_is_one() -> None:
    """A report that is looked at every day would be called untrustworthy again and again with a softer limit."""
    assert mismatch([451, 549], [1, 1]) == pytest.approx(0.0019, abs=1e-4)
    assert mismatch([451, 549], [1, 1]) > MISMATCH
    assert mismatch([447, 553], [1, 1]) == pytest.approx(0.0008, abs=1e-4)
    assert mismatch([447, 553], [1, 1]) < MISMATCH


@given(SPENT, SPENT)
def test_samples_of_separate_people_add_up(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    def sample(people: list[tuple[int, int]]) -> Sample:
        return Sample.of([value for value, _ in people], [before for _, before in people])

    assert sample(some) + sample(others) == sample(some + others)


def test_a_sample_says_what_numpy_says() -> None:
    values, before = [0.0, 0.0, 19.9, 5.0], [1.0, 0.0, 30.0, 2.0]
    sample = Sample.of(values, before)
    assert (sample.mean, sample.mean_before) == pytest.approx((np.mean(values), np.mean(before)))
    expected = np.cov(values, before)
    assert (sample.variance, sample.variance_before, sample.covariance) == pytest.approx(
        (expected[0, 0], expected[1, 1], expected[0, 1])
    )
    assert Sample.of_rate(4, 2) == Sample.of([1, 1, 0, 0])


def test_what_was_spent_before_changes_nothing_where_it_says_nothing() -> None:
    control, treated = Sample.of([1, 2, 3, 5]), Sample.of([2, 2, 4, 4])
    assert difference(control, treated, adjusted=True) == difference(control, treated)


def test_what_was_spent_before_makes_an_interval_narrower() -> None:
    random = np.random.default_rng(1)
    before = [random.lognormal(3, 1, 2_000) for _ in range(2)]
    control, treated = (Sample.of(0.5 * x + random.normal(0, 5, 2_000), x) for x in before)
    plain, sharp = (interval(difference(control, treated, adjusted=how)) for how in (False, True))
    assert sharp.high - sharp.low < (plain.high - plain.low) / 2


def test_two_arms_in_which_nobody_differs_are_told_apart_only_by_their_means() -> None:
    nobody, everybody = Sample.of_rate(50, 0), Sample.of_rate(50, 50)
    assert not interval(difference(nobody, nobody)).decides
    assert p_value(difference(nobody, nobody)) == 1
    assert p_value(difference(nobody, everybody)) == 0
    with pytest.raises(ValueError, match="nobody differs"):
        belief(difference(nobody, nobody), 0.1)


@pytest.mark.parametrize("people", [0, 1])
def test_one_person_says_nothing_about_how_much_people_differ(people: int) -> None:
    with pytest.raises(ValueError, match=f"{people} people say nothing"):
        difference(Sample.of_rate(people, 0), Sample.of_rate(90, 5))


def test_metrics_beside_the_main_one_pay_for_being_several() -> None:
    """The example of Benjamini and Hochberg's paper (1995, table 1): four of its fifteen hypotheses fall at .05."""
    p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    raised = among_several(p_values)
    assert sum(p <= 0.05 for p in raised) == 4
    assert raised == pytest.approx(false_discovery_control(p_values))
    assert raised[5] == raised[6], "none is raised above that of a larger one"
    assert among_several(p_values[::-1]) == raised[::-1]
    assert among_several([]) == []
