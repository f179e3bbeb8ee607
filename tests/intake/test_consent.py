"""What a statement adds to a person's consent."""

from datetime import UTC, datetime, timedelta

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
    # What a reader finds: the newest row, of several with one time the one added last.
    held = max(enumerate(history), key=lambda row: (row[1][0], row[0]), default=None)
    if held and held[1][1] is YES:
        assert {state for day, state in facts if day == newest} == {YES}
    assert bool(held) == bool(facts)
