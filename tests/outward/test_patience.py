from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.outward.patience import (
    DISABLED_AFTER,
    FAILURES_TO_REST,
    LONGEST_ASKED,
    LONGEST_REST,
    WAITS,
    Standing,
    again_at,
)

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_it_is_tried_again_for_three_days_and_then_given_up() -> None:
    """The schedule that the specification proposes."""
    at, tries = NOW, 1
    while (again := again_at(tries, at, 0.0)) is not None:
        at, tries = again, tries + 1
    assert tries == len(WAITS) + 1
    assert timedelta(days=3) < at - NOW < timedelta(days=4)


@given(st.integers(1, len(WAITS)), st.floats(0, 1, exclude_max=True))
def test_nothing_comes_sooner_than_its_wait_nor_much_later(tries: int, chance: float) -> None:
    again = again_at(tries, NOW, chance)
    assert again is not None
    assert WAITS[tries - 1] <= again - NOW <= WAITS[tries - 1] * 1.1


def test_a_receiver_that_asks_for_time_gets_it_but_no_more_than_a_day() -> None:
    assert again_at(1, NOW, 0.0, timedelta(minutes=10)) == NOW + timedelta(minutes=10)
    assert again_at(1, NOW, 0.0, timedelta(days=365)) == NOW + LONGEST_ASKED


def test_an_outlet_that_fails_again_and_again_is_left_alone_longer_and_longer() -> None:
    standing, rests = Standing(), list[timedelta]()
    for _ in range(FAILURES_TO_REST + 12):
        standing = standing.after_failure(NOW)
        if standing.rests_until:
            rests.append(standing.rests_until - NOW)
            assert not standing.is_open(NOW)
            assert standing.is_open(standing.rests_until)
    assert len(rests) == 13
    assert rests == sorted(rests)
    assert rests[-1] == LONGEST_REST


def test_one_message_that_was_taken_makes_up_for_every_failure() -> None:
    standing = Standing()
    for _ in range(9):
        standing = standing.after_failure(NOW)
    assert standing.after_success() == Standing()


@pytest.mark.parametrize(("passed", "disabled"), [(DISABLED_AFTER - timedelta(1), False), (DISABLED_AFTER, True)])
def test_days_of_nothing_but_failures_disable_it(passed: timedelta, disabled: bool) -> None:
    later = Standing().after_failure(NOW).after_failure(NOW + passed)
    assert (later.disabled_at is not None) is disabled
    assert later.is_open(NOW + passed) is not disabled


def test_one_that_says_it_is_gone_is_disabled_at_once() -> None:
    assert Standing().after_failure(NOW, is_gone=True).disabled_at == NOW
