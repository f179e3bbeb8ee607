from math import ceil

import pytest

from aftercart.experiments.comparison import always_valid_interval, difference
from aftercart.experiments.planning import more_people, people_needed
from aftercart.experiments.sample import Sample


def test_so_many_people_tell_one_rate_from_another() -> None:
    """Fleiss (1981), table A.3 without its correction for continuity: 5 % against 10 %, 80 % power, per arm."""
    assert people_needed(0.05, 0.10, 0.5) / 2 == pytest.approx(435, abs=1)


def test_a_small_holdout_costs_many_more_people_than_halves() -> None:
    tenth, half = people_needed(0.05, 0.06, 0.1), people_needed(0.05, 0.06, 0.5)
    assert 2.5 < tenth / half < 3


@pytest.mark.parametrize("rates", [(0.05, 0.05, 0.1), (0, 0.1, 0.1), (0.1, 1, 0.1), (0.1, 0.2, 0), (0.1, 0.2, 1)])
def test_rates_that_no_number_tells_apart_are_refused(rates: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="no number of people"):
        people_needed(*rates)


def test_as_many_more_people_as_said_would_settle_an_effect_of_this_size() -> None:
    def at(times: int) -> tuple[Sample, Sample]:
        return Sample.of_rate(1_000 * times, 50 * times), Sample.of_rate(1_000 * times, 62 * times)

    now = difference(*at(1))
    assert not always_valid_interval(now).decides
    more = more_people(now)
    assert more
    assert always_valid_interval(difference(*at(1 + ceil(more / 2_000)))).decides
    assert not always_valid_interval(difference(*at(1 + round(more / 4_000)))).decides
    assert more_people(difference(at(1)[0], at(1)[0])) is None


@pytest.mark.parametrize("of_those", [62, 75, 80, 84])
def test_while_nothing_is_decided_more_people_are_needed(of_those: int) -> None:
    """Also where a single look, planned in advance, would be sure already."""
    now = difference(Sample.of_rate(1_000, 50), Sample.of_rate(1_000, of_those))
    assert not always_valid_interval(now).decides
    assert (more_people(now) or 0) > 0
