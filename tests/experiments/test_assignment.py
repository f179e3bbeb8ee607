import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.experiments.assignment import arm, in_holdout, point

SECRET = "s" * 32
PEOPLE = [f"person{i}@example.com" for i in range(4000)]
SHARES = st.floats(0, 1)


@given(st.text(), st.text(), st.text(), st.text())
def test_everybody_lies_in_the_unit_interval_and_stays_there(
    secret: str, experiment: str, version: str, person: str
) -> None:
    here = point(secret, experiment, version, person)
    assert 0 <= here < 1
    assert here == point(secret, experiment, version, person)


def test_the_place_of_a_person_is_the_same_on_every_machine_for_ever() -> None:
    """Computed once by hand from HMAC-SHA256; if it changes, every running experiment is shuffled."""
    assert point("secret", "holdout:accessories", "1", "ada@example.com") == pytest.approx(
        0.31155056708778056, abs=1e-15
    )


def test_shares_are_kept_on_many_people() -> None:
    held = sum(in_holdout(SECRET, "e", "1", person, 0.1) for person in PEOPLE)
    assert held == pytest.approx(400, abs=80)  # four standard deviations


@given(SHARES, SHARES)
def test_a_larger_holdout_keeps_everybody_of_the_smaller_one(one: float, other: float) -> None:
    small, large = sorted((one, other))
    for person in PEOPLE[:50]:
        assert in_holdout(SECRET, "e", "1", person, large) or not in_holdout(SECRET, "e", "1", person, small)


def test_moving_a_border_moves_only_the_people_between_the_old_and_the_new_one() -> None:
    before, after = {"a": 0.3, "b": 0.3, "c": 0.4}, {"a": 0.3, "b": 0.4, "c": 0.3}
    for person in PEOPLE[:1000]:
        was, is_ = arm(SECRET, "e", "1", person, before), arm(SECRET, "e", "1", person, after)
        assert was == is_ or (was, is_) == ("c", "b")


def test_experiments_and_versions_are_drawn_apart() -> None:
    """With one salt for all, the same people would be in every holdout."""
    here = {person for person in PEOPLE if in_holdout(SECRET, "e", "1", person, 0.5)}
    for experiment, version in (("f", "1"), ("e", "2")):
        there = {person for person in PEOPLE if in_holdout(SECRET, experiment, version, person, 0.5)}
        assert len(here & there) == pytest.approx(1000, abs=130)


@given(st.text("ab|", max_size=4), st.text("ab|", max_size=4))
def test_no_two_experiments_share_a_place_by_the_way_their_names_are_joined(one: str, other: str) -> None:
    if one != other:
        assert point(SECRET, one, other, "p") != point(SECRET, other, one, "p")


def test_a_share_of_nothing_and_of_everybody() -> None:
    for person in PEOPLE[:200]:
        assert not in_holdout(SECRET, "e", "1", person, 0)
        assert in_holdout(SECRET, "e", "1", person, 1)
        assert arm(SECRET, "e", "1", person, {"none": 0, "all": 1.0, "also none": 0}) == "all"


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=9), st.text())
def test_shares_that_add_up_but_for_a_rounding_error_leave_nobody_out(weights: list[float], person: str) -> None:
    shares = {str(i): weight / sum(weights) for i, weight in enumerate(weights)}
    assert arm(SECRET, "e", "1", person, shares) in shares


@pytest.mark.parametrize("shares", [{}, {"a": 0.5}, {"a": 0.6, "b": 0.6}, {"a": 1.5, "b": -0.5}])
def test_shares_that_do_not_add_up_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        arm(SECRET, "e", "1", "p", shares)
