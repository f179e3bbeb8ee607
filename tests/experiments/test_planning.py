import pytest

from aftercart.experiments.comparison import difference, p_value
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
    assert p_value(now) > 0.05
    more = more_people(now)
    assert more
    assert p_value(difference(*at(1 + round(more / 2_000)))) < 0.01
    assert more_people(difference(*at(40))) == 0
    assert more_people(difference(at(1)[0], at(1)[0])) is None
