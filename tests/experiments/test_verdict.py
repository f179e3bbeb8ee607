"""What may be said of a variant, looked at daily: never surer than it is, and hardly later than one look could be."""

from math import sqrt

import pytest

from aftercart.experiments.sample import Sample
from aftercart.experiments.sequential import Standing
from aftercart.experiments.verdict import FEWEST, Look, Plan, Rule, judged
from tests.experiments.simulation import LIFT, NEEDED, Truth, simulated

PLAN = Plan("control", {"control": 0.5, "b": 0.5}, planned=4_000)
WITHOUT_END = Plan("control", PLAN.shares)


def look(people: int, control: int, b: int) -> Look:
    """So many people in each arm, of whom so many ordered."""
    return {"control": Sample.of_rate(people, control), "b": Sample.of_rate(people, b)}


def test_an_early_difference_that_may_be_chance_decides_nothing_and_a_late_one_does() -> None:
    early, late = look(400, 30, 48), look(1_900, 150, 210)
    first = judged([early], "b", PLAN)
    assert first is not None
    assert (first.rule, first.standing) == (Rule.GROUP_SEQUENTIAL, Standing.RUNNING)
    assert first.more_people == 3_200
    second = judged([early, late], "b", PLAN)
    assert second is not None
    assert (second.standing, second.looks, second.more_people) == (Standing.BETTER, 2, 0)
    assert second.interval.low > 0


def test_what_was_decided_stays_decided() -> None:
    found = [look(400, 20, 90), look(1_900, 200, 201)]
    verdict = judged(found, "b", PLAN)
    assert verdict is not None
    assert (verdict.standing, verdict.looks) == (Standing.BETTER, 1)


def test_once_all_planned_people_are_known_no_difference_is_an_answer() -> None:
    verdict = judged([look(2_000, 160, 165)], "b", PLAN)
    assert verdict is not None
    assert (verdict.standing, verdict.more_people) == (Standing.NO_DIFFERENCE, 0)


def test_without_a_plan_the_interval_is_wider_and_never_over() -> None:
    found = look(2_000, 160, 165)
    planned, endless = judged([found], "b", PLAN), judged([found], "b", WITHOUT_END)
    assert planned is not None
    assert endless is not None
    assert (endless.rule, endless.standing) == (Rule.ALWAYS_VALID, Standing.RUNNING)
    assert endless.interval.high - endless.interval.low > planned.interval.high - planned.interval.low
    assert endless.more_people is not None
    assert endless.more_people > 100_000


def test_of_two_variants_each_is_asked_more_of() -> None:
    three = Plan("control", {"control": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    found = {**look(2_000, 160, 165), "c": Sample.of_rate(2_000, 170)}
    alone, beside = judged([found], "b", WITHOUT_END), judged([found], "b", three)
    assert alone is not None
    assert beside is not None
    assert beside.interval.low < alone.interval.low


def test_few_people_or_people_who_are_all_alike_say_nothing() -> None:
    assert judged([look(FEWEST - 1, 5, 50)], "b", PLAN) is None
    assert judged([look(500, 0, 0)], "b", PLAN) is None
    assert judged([], "b", PLAN) is None


def test_what_is_only_shown_doubts_large_effects() -> None:
    verdict = judged([look(2_000, 160, 200)], "b", PLAN)
    assert verdict is not None
    assert verdict.chance_to_win is not None
    assert verdict.expected_loss is not None
    assert 0.9 < verdict.chance_to_win < 0.99
    assert 0 < verdict.expected_loss < 0.001


TIMES = 30


@pytest.mark.parametrize("metric", ["conversion", "revenue"])
def test_where_nothing_differs_a_daily_look_finds_so_in_95_of_100(metric: str) -> None:
    """`make simulate` does it 2,000 times (docs/experiments.md); with so few, three standard errors are let pass."""
    found = simulated(Truth(metric, 3_000), TIMES, seed=7)  # type: ignore[arg-type]
    most = 0.05 + 3 * sqrt(0.05 * 0.95 / TIMES)
    assert found.planned <= most
    assert found.without_end <= most
    assert found.peeking > most, "the experiments are ones in which a naive look is fooled"


def test_a_difference_is_found_nearly_as_often_as_in_a_single_look() -> None:
    found = simulated(Truth("conversion", NEEDED, LIFT), TIMES, seed=8)
    assert found.planned >= found.one_look - 0.1
    assert found.one_look > 0.65
