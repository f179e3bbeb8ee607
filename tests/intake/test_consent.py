"""What a statement adds to a person's consent."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.intake.base import ConsentState, ConsentStatement
from aftercart.intake.consent import Held, recorded_at

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YES, NO = ConsentState.GRANTED, ConsentState.DENIED


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def said(state: ConsentState, at: datetime | None) -> ConsentStatement:
    return ConsentStatement(state, "test", at)


def test_the_first_statement_is_recorded_under_its_own_time() -> None:
    assert recorded_at(said(YES, days_ago(3)), [], NOW) == days_ago(3)


def test_a_repeated_statement_adds_nothing() -> None:
    assert recorded_at(said(YES, days_ago(1)), [(days_ago(3), YES)], NOW) is None


def test_an_older_statement_is_recorded_but_does_not_become_the_newest() -> None:
    at = recorded_at(said(YES, days_ago(5)), [(days_ago(3), NO)], NOW)
    assert at == days_ago(5)


def test_an_undated_yes_never_overrules_anything() -> None:
    assert recorded_at(said(YES, None), [(days_ago(3), NO)], NOW) is None
    assert recorded_at(said(YES, None), [], NOW) == NOW


def test_an_undated_no_holds_from_now() -> None:
    assert recorded_at(said(NO, None), [(days_ago(3), YES)], NOW) == NOW


def test_a_yes_from_the_future_is_undated() -> None:
    assert recorded_at(said(YES, days_ago(-9)), [(days_ago(3), NO)], NOW) is None


@pytest.mark.parametrize("ahead", [timedelta(seconds=3), timedelta(minutes=5)])
def test_a_yes_of_a_clock_a_little_ahead_of_ours_counts_from_now(ahead: timedelta) -> None:
    assert recorded_at(said(YES, NOW + ahead), [(days_ago(3), NO)], NOW) == NOW


def test_a_yes_of_a_clock_further_ahead_is_undated() -> None:
    assert recorded_at(said(YES, NOW + timedelta(minutes=5, seconds=1)), [(days_ago(3), NO)], NOW) is None


def test_a_no_of_a_clock_a_little_ahead_of_ours_keeps_its_date() -> None:
    """Else the yes before it, told once more, would count as the later one."""
    soon = NOW + timedelta(seconds=3)
    assert recorded_at(said(NO, soon), [(days_ago(3), YES)], NOW) == soon
    assert recorded_at(said(YES, soon - timedelta(seconds=1)), [(days_ago(3), YES), (soon, NO)], NOW) is None


def test_at_the_same_instant_the_no_wins() -> None:
    assert recorded_at(said(YES, days_ago(3)), [(days_ago(3), NO)], NOW) is None
    assert recorded_at(said(NO, days_ago(3)), [(days_ago(3), YES)], NOW) == days_ago(3)


def test_a_no_is_repeated_because_an_older_yes_may_still_arrive() -> None:
    history = [(days_ago(9), NO)]
    assert recorded_at(said(NO, days_ago(1)), history, NOW) == days_ago(1)
    assert recorded_at(said(NO, days_ago(9)), history, NOW) is None


FACTS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([YES, NO])), max_size=7)


@given(FACTS)
def test_whatever_the_order_of_arrival_a_yes_holds_only_if_it_is_the_newest_fact(
    facts: list[tuple[int, ConsentState]],
) -> None:
    history: list[Held] = []
    for day, state in facts:
        at = recorded_at(said(state, days_ago(day)), history, NOW)
        if at is not None:
            history.append((at, state))
    newest = min((day for day, _ in facts), default=0)
    held = found(history)
    if held is YES:
        assert {state for day, state in facts if day == newest} == {YES}
    assert bool(held) == bool(facts)


def found(history: list[Held]) -> ConsentState | None:
    """What a reader finds: the newest row, of several with one time the one added last."""
    newest = max(enumerate(history), key=lambda row: (row[1][0], row[0]), default=None)
    return newest[1][1] if newest else None


MINUTES = st.integers(0, 6).map(lambda minutes: timedelta(minutes=minutes))
NEWS = st.lists(st.tuples(MINUTES, MINUTES, st.sampled_from([YES, NO])), max_size=6)
"""(when it was said, how much later we hear of it, what)."""


@given(NEWS, st.integers(0, 300).map(lambda seconds: timedelta(seconds=seconds)))
def test_a_clock_ahead_of_ours_turns_no_earlier_yes_into_the_newest_fact(
    news: list[tuple[timedelta, timedelta, ConsentState]], ahead: timedelta
) -> None:
    history: list[Held] = []
    for when, delay, state in sorted(news, key=lambda heard: heard[0] + heard[1]):
        at = recorded_at(said(state, NOW + when + ahead), history, NOW + when + delay)
        if at is not None:
            history.append((at, state))
    if found(history) is YES:
        newest = max(when for when, _, _ in news)
        assert {state for when, _, state in news if when == newest} == {YES}
