"""When a share of complaints is surely too high."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from aftercart.policy.guard import Guard, Toll, breach, lower_bound

GUARD = Guard(complaints=0.001, unsubscribes=0.01, at_least=1000, over=timedelta(days=7))


@pytest.mark.parametrize(
    ("mails", "complaints", "unsubscribes", "found"),
    [
        (900, 1, 0, None),
        (1000, 1, 0, None),
        (1000, 3, 0, None),
        (1000, 4, 0, "complaints"),
        (999, 999, 0, None),
        (1000, 0, 15, None),
        (1000, 0, 16, "unsubscribes"),
        (1000, 4, 17, "complaints"),
        (100_000, 116, 0, None),
        (100_000, 118, 0, "complaints"),
        (0, 0, 0, None),
        (1000, 1000, 0, "complaints"),
    ],
)
def test_a_share_is_too_high_when_it_surely_is(
    mails: int, complaints: int, unsubscribes: int, found: str | None
) -> None:
    """One complaint in 900 mails does not stop a shop."""
    stop = breach(GUARD, Toll(mails, complaints, unsubscribes))
    assert (stop.what if stop else None) == found


@given(st.integers(1, 3000).flatmap(lambda of: st.tuples(st.integers(1, min(of, 200)), st.just(of))))
def test_the_lower_bound_is_that_of_clopper_and_pearson(case: tuple[int, int]) -> None:
    count, of = case
    assert lower_bound(count, of) == pytest.approx(beta.ppf(0.05, count, of - count + 1), abs=1e-7)


def test_a_breach_says_what_it_rests_on() -> None:
    stop = breach(GUARD, Toll(2000, 9, 0))
    assert stop is not None
    said = "complaints came to 0.45% (9 of 2,000 mails, surely over 0.23%), and the limit is 0.1%"
    assert str(stop) == said
    assert {name: stop.figures()[name] for name in ("count", "mails", "limit")} == {
        "count": 9, "mails": 2000, "limit": 0.001,
    }  # fmt: skip
