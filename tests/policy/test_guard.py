"""When too many people complain of mails, or leave from them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.campaigns.guarding import GuardRule
from aftercart.policy.guard import Guard, Toll, breach

GUARD = GuardRule().limits()


@pytest.mark.parametrize(
    ("mails", "complaints", "unsubscribes", "found"),
    [
        (0, 0, 0, None),
        (100, 1, 0, None),
        (900, 2, 0, None),
        (99, 99, 99, None),
        (100, 3, 0, "complaints"),
        (2999, 3, 0, "complaints"),
        (3000, 3, 0, None),
        (100_000, 100, 0, None),
        (100_000, 101, 0, "complaints"),
        (100, 0, 9, None),
        (100, 0, 10, "unsubscribes"),
        (999, 0, 10, "unsubscribes"),
        (1000, 0, 10, None),
        (1000, 3, 50, "complaints"),
    ],
)
def test_without_a_word_it_is_one_complaint_in_a_thousand_but_never_one_or_two(
    mails: int, complaints: int, unsubscribes: int, found: str | None
) -> None:
    """One complaint in 100 mails does not stop a shop, nor do nine people who leave."""
    stop = breach(GUARD, Toll(mails, complaints, unsubscribes))
    assert (stop.what if stop else None) == found


@given(st.integers(1, 99), st.integers(1, 50))
def test_a_share_that_is_just_the_limit_does_not_pass_it(percent: int, hundreds: int) -> None:
    """As 0.29 x 100 is a little less than 29 to a machine."""
    limits = GuardRule(complaints=f"{percent}%", at_least=1, at_least_complaints=1).limits()  # type: ignore[arg-type]
    assert breach(limits, Toll(100 * hundreds, percent * hundreds)) is None
    assert breach(limits, Toll(100 * hundreds, percent * hundreds + 1)) is not None


@given(st.builds(Toll, st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)), *[st.integers(1, 20)] * 3)
def test_nothing_pauses_below_any_of_the_numbers(toll: Toll, mails: int, complaints: int, unsubscribes: int) -> None:
    limits = Guard(0.01, 0.02, mails, complaints, unsubscribes, timedelta(days=7))
    stop = breach(limits, toll)
    if toll.mails < mails or (toll.complaints < complaints and toll.unsubscribes < unsubscribes):
        assert stop is None
    if stop is not None:
        assert stop.count / stop.mails > stop.limit


def test_a_breach_says_what_it_rests_on() -> None:
    stop = breach(GUARD, Toll(2000, 9, 0))
    assert stop is not None
    assert str(stop) == "complaints came to 0.45% (9 of 2,000 mails), and the limit is 0.1%"
    told = {"what": "complaints", "count": 9, "mails": 2000, "limit": 0.001, "limit_of": "the limit"}
    assert stop.figures() == told
