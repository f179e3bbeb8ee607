"""Limits by the second, the hour and the day: never more in any window, wherever it is laid."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.delivery.limits.quota import (
    DEFAULT_WARM_UP,
    Counts,
    Limit,
    Limits,
    Per,
    WarmUp,
    counted,
    free_at,
    set_right,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LENGTH = {Per.SECOND: timedelta(seconds=1), Per.HOUR: timedelta(hours=1), Per.DAY: timedelta(days=1)}
PARTS = 20
"""Into so many steps the tests cut a window."""

limits = st.builds(Limit, most=st.integers(1, 12), per=st.sampled_from(Per))
pauses = st.lists(st.floats(0, 3 * PARTS, allow_nan=False), min_size=1, max_size=120)
"""Between one mail that wants to leave and the next, in parts of a window."""


def left_at(limit: Limit, wanted: list[datetime]) -> list[datetime]:
    """When mails leave that want to leave at these instants and do not wait."""
    counts: Counts = {}
    left = []
    for now in wanted:
        if free_at([limit], counts, now)[1] is None:
            counts = counted([limit], counts, now)
            left.append(now)
    return left


def instants(limit: Limit, pauses: list[float]) -> list[datetime]:
    now, wanted = NOON, []
    for pause in pauses:
        now += LENGTH[limit.per] * pause / PARTS
        wanted.append(now)
    return wanted


@given(limits, pauses)
def test_no_window_ever_holds_more_than_the_limit(limit: Limit, pauses: list[float]) -> None:
    left = left_at(limit, instants(limit, pauses))
    for first in left:
        assert sum(first <= other < first + LENGTH[limit.per] for other in left) <= limit.most


@given(limits, pauses)
def test_the_instant_that_is_named_is_the_first_at_which_one_more_may_leave(limit: Limit, pauses: list[float]) -> None:
    counts: Counts = {}
    for now in instants(limit, pauses):
        until, waited_for = free_at([limit], counts, now)
        if waited_for:
            assert free_at([limit], counts, until) == (until, None)
            almost = max(until - timedelta(milliseconds=1), now)
            assert free_at([limit], counts, almost)[1] == limit
        else:
            counts = counted([limit], counts, now)


@given(limits)
def test_who_always_has_mail_sends_nearly_as_much_as_is_allowed(limit: Limit) -> None:
    """The price of certainty: at most a tenth of the pace."""
    counts: Counts = {}
    now = NOON
    for _ in range(10 * limit.most):
        now = free_at([limit], counts, now)[0]
        counts = counted([limit], counts, now)
    assert (now - NOON) <= 10 * 1.11 * LENGTH[limit.per]


@given(st.lists(limits, min_size=1, max_size=4), pauses)
def test_several_limits_hold_together(several: list[Limit], pauses: list[float]) -> None:
    counts: Counts = {}
    left = []
    for now in instants(several[0], pauses):
        if free_at(several, counts, now)[1] is None:
            counts = counted(several, counts, now)
            left.append(now)
    for limit in several:
        for first in left:
            assert sum(first <= other < first + LENGTH[limit.per] for other in left) <= limit.most


def test_the_counts_stay_small() -> None:
    everything = [Limit(1_000_000, per) for per in Per]
    counts: Counts = {}
    for minute in range(3 * 24 * 60):
        counts = counted(everything, counts, NOON + timedelta(minutes=minute))
    assert {per: len(parts) for per, parts in counts.items()} == {"second": 1, "hour": 61, "day": 25}


def test_a_clock_that_is_set_back_an_hour_neither_forgets_nor_waits_for_the_old_time() -> None:
    limit = Limit(5, Per.SECOND)
    counts: Counts = {}
    for _ in range(5):
        counts = counted([limit], counts, NOON)
    before = NOON - timedelta(hours=1)
    until, waited_for = free_at([limit], counts, before)
    assert waited_for == limit
    assert until - before < timedelta(seconds=1.2)
    counts = set_right(counts, before)
    assert free_at([limit], counts, before)[1] == limit, "one has left just now"
    later = before + timedelta(seconds=1.2)
    assert free_at([limit], set_right(counts, later), later) == (later, None)


@pytest.mark.parametrize("limit", [Limit(5, Per.SECOND), Limit(5, Per.HOUR), Limit(5, Per.DAY)], ids=str)
def test_clocks_of_machines_that_differ_by_seconds_leave_the_counts_as_they_are(limit: Limit) -> None:
    """If each put them back to its own time, both would send as much as one may."""
    counts = counted([limit], {}, NOON)
    assert set_right(counts, NOON - timedelta(seconds=5)) is counts
    assert set_right(counts, NOON + timedelta(hours=2)) is counts


def test_a_limit_that_was_lowered_below_what_is_counted_waits_for_enough_of_it_to_pass() -> None:
    counts: Counts = {}
    for hour in range(10):
        counts = counted([Limit(100, Per.DAY)], counts, NOON + timedelta(hours=hour))
    now = NOON + timedelta(hours=10)
    until, _ = free_at([Limit(3, Per.DAY)], counts, now)
    assert until == NOON + timedelta(hours=7 + 25)


@pytest.mark.parametrize("text", ["14 per second", "10000 per hour", "50000 per day"])
def test_a_limit_is_written_as_it_is_said(text: str) -> None:
    assert str(Limit.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "fix"), [("14/s", "write it as 14 per second"), ("0 per day", "paused: true"), ("-1 per day", "write it")]
)
def test_what_is_no_limit_says_how_to_write_one(text: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix):
        Limit.parse(text)


def test_a_new_domain_sends_more_each_day_until_the_table_ends() -> None:
    plan = WarmUp(date(2026, 3, 1))
    start = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    days = [plan.limit(start + timedelta(days=day)) for day in range(len(DEFAULT_WARM_UP) + 1)]
    assert [limit and limit.most for limit in days] == [*DEFAULT_WARM_UP, None]
    assert plan.limit(start - timedelta(days=3)) == Limit(50, Per.DAY), "before its first day it is not more"


def test_the_limit_of_the_day_stands_beside_the_others() -> None:
    own = Limits((Limit(14, Per.SECOND),), WarmUp(date(2026, 3, 1), (500, 1_000)))
    assert own.at(NOON) == (Limit(14, Per.SECOND), Limit(1_000, Per.DAY))
    assert own.at(NOON + timedelta(days=9)) == (Limit(14, Per.SECOND),)
