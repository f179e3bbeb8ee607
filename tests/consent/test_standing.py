"""How consent stands, and what a statement adds to it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.consent.standing import ASKED_AGAIN_AFTER, ConsentRules, Entry, added, standing
from aftercart.consent.statement import Basis, ConsentState, ConsentStatement

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YES, NO, PENDING = ConsentState.GRANTED, ConsentState.DENIED, ConsentState.PENDING
PLAIN = ConsentRules()
CANADA = ConsentRules(implied_expires=timedelta(days=730))
CONFIRMED = ConsentRules(double_opt_in=True)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def said(state: ConsentState, at: datetime | None, basis: Basis = Basis.EXPRESS, **more: Any) -> ConsentStatement:
    return ConsentStatement(state, "test", at, basis if state is YES else Basis.UNSTATED, **more)


def ledger(*statements: ConsentStatement, rules: ConsentRules = PLAIN, now: datetime = NOW) -> list[Entry]:
    """What is on record after these were heard, in this order."""
    history: list[Entry] = []
    for statement in statements:
        if entry := added(statement, history, now, rules):
            history.append(entry)
    return history


def stands(*statements: ConsentStatement, rules: ConsentRules = PLAIN) -> ConsentState | None:
    return standing(ledger(*statements, rules=rules), NOW, rules)


def test_a_statement_is_recorded_under_its_own_time() -> None:
    assert ledger(said(YES, days_ago(3))) == [Entry(days_ago(3), YES, Basis.EXPRESS)]


def test_a_later_yes_is_kept_and_the_same_one_is_not() -> None:
    """A no from between the two may still arrive."""
    again = (said(YES, days_ago(3)), said(YES, days_ago(1)), said(YES, days_ago(3)), said(YES, days_ago(1)))
    assert len(ledger(*again)) == 2
    assert stands(*again, said(NO, days_ago(2))) is YES


@pytest.mark.parametrize("basis", [Basis.IMPLIED, Basis.UNSTATED], ids=["implied", "unstated"])
def test_a_repeated_yes_that_may_run_out_begins_anew_with_each_purchase(basis: Basis) -> None:
    """CASL s. 10(10)(a): two years after the last purchase, not the first."""
    bought = [said(YES, days_ago(days), basis) for days in (1000, 100)]
    assert stands(bought[0], rules=CANADA) is ConsentState.EXPIRED
    assert stands(*bought, rules=CANADA) is YES
    assert stands(*reversed(bought), rules=CANADA) is YES
    assert len(ledger(*bought, *bought)) == 2


def test_an_implied_yes_ends_to_the_second() -> None:
    history = ledger(said(YES, days_ago(730), Basis.IMPLIED))
    assert standing(history, NOW - timedelta(seconds=1), CANADA) is YES
    assert standing(history, NOW, CANADA) is ConsentState.EXPIRED
    assert standing(history, NOW, PLAIN) is YES


@pytest.mark.parametrize("basis", [Basis.EXPRESS, Basis.DOUBLE_OPT_IN, Basis.SOFT_OPT_IN], ids=str)
def test_what_they_said_themselves_does_not_run_out(basis: Basis) -> None:
    assert stands(said(YES, days_ago(3000), basis), rules=CANADA) is YES


def test_a_purchase_later_does_not_weaken_an_express_yes() -> None:
    asked_then_bought = (said(YES, days_ago(2000), Basis.EXPRESS), said(YES, days_ago(1000), Basis.IMPLIED))
    assert stands(*asked_then_bought, rules=CANADA) is YES
    assert stands(*reversed(asked_then_bought), rules=CANADA) is YES


def test_a_yes_ends_when_it_was_said_to() -> None:
    assert stands(said(YES, days_ago(9), expires_at=days_ago(1))) is ConsentState.EXPIRED
    assert stands(said(YES, days_ago(9), expires_at=days_ago(-1))) is YES


def test_an_older_yes_is_recorded_and_does_not_hold() -> None:
    late = (said(NO, days_ago(3)), said(YES, days_ago(5)))
    assert len(ledger(*late)) == 2
    assert stands(*late) is NO


def test_an_undated_yes_never_overrules_a_no_whichever_is_heard_first() -> None:
    assert stands(said(YES, None)) is YES
    assert stands(said(NO, days_ago(3)), said(YES, None)) is NO
    assert stands(said(YES, None), said(NO, days_ago(3))) is NO


def test_an_undated_no_holds_from_now() -> None:
    assert ledger(said(YES, days_ago(3)), said(NO, None))[-1] == Entry(NOW, NO)


def test_a_yes_from_the_future_is_undated() -> None:
    assert stands(said(NO, days_ago(3)), said(YES, days_ago(-9))) is NO


@pytest.mark.parametrize("ahead", [timedelta(seconds=3), timedelta(minutes=5)], ids=str)
def test_a_yes_of_a_clock_a_little_ahead_of_ours_counts_from_now(ahead: timedelta) -> None:
    assert ledger(said(NO, days_ago(3)), said(YES, NOW + ahead))[-1].at == NOW


def test_a_yes_of_a_clock_further_ahead_is_undated() -> None:
    assert stands(said(NO, days_ago(3)), said(YES, NOW + timedelta(minutes=5, seconds=1))) is NO


def test_a_no_of_a_clock_a_little_ahead_of_ours_keeps_its_date() -> None:
    """Else the yes before it, told once more, would count as the later one."""
    soon = NOW + timedelta(seconds=3)
    history = ledger(said(YES, days_ago(3)), said(NO, soon), said(YES, soon - timedelta(seconds=1)))
    assert standing(history, NOW + timedelta(minutes=1), PLAIN) is NO


def test_at_the_same_instant_the_no_wins() -> None:
    assert stands(said(NO, days_ago(3)), said(YES, days_ago(3))) is NO
    assert stands(said(YES, days_ago(3)), said(NO, days_ago(3))) is NO


def test_a_no_is_repeated_because_an_older_yes_may_still_arrive() -> None:
    assert len(ledger(said(NO, days_ago(9)), said(NO, days_ago(1)), said(NO, days_ago(9)))) == 2
    assert stands(said(NO, days_ago(9)), said(NO, days_ago(1)), said(YES, days_ago(5))) is NO


def test_nobody_says_that_a_yes_waits() -> None:
    with pytest.raises(ValueError, match="nobody says it"):
        added(ConsentStatement(PENDING, "test", NOW), [], NOW, PLAIN)


# ---------------------------------------------------------------- double opt-in


def test_a_new_yes_waits_for_its_confirmation_and_is_asked_for_once() -> None:
    """T29"""
    yes = [said(YES, days_ago(days)) for days in (3, 2, 1)]
    assert [entry.state for entry in ledger(*yes, *yes, rules=CONFIRMED)] == [PENDING]
    assert stands(*yes, rules=CONFIRMED) is PENDING


def test_a_confirmed_yes_holds_and_no_further_tick_asks_again() -> None:
    """T29: confirm once -> active, 0 mails."""
    history = (said(YES, days_ago(3)), said(YES, days_ago(2), Basis.DOUBLE_OPT_IN), said(YES, days_ago(1)))
    assert stands(*history, rules=CONFIRMED) is YES
    assert [entry.state for entry in ledger(*history, rules=CONFIRMED)] == [PENDING, YES, YES]


def test_who_had_agreed_before_is_not_asked_to_confirm() -> None:
    before = Entry(days_ago(9), YES)
    assert added(said(YES, days_ago(1)), [before], NOW, CONFIRMED) == Entry(days_ago(1), YES, Basis.EXPRESS)
    assert standing([before], NOW, CONFIRMED) is YES


def test_who_had_left_is_asked_again_when_they_say_yes_again() -> None:
    left = (said(YES, days_ago(9)), said(NO, days_ago(5)), said(YES, days_ago(1)))
    assert [entry.state for entry in ledger(*left, rules=CONFIRMED)] == [PENDING, NO, PENDING]


def test_who_never_confirmed_is_asked_again_only_a_long_time_after() -> None:
    first = NOW - ASKED_AGAIN_AFTER
    assert len(ledger(said(YES, first), said(YES, NOW - timedelta(seconds=1)), rules=CONFIRMED)) == 1
    assert len(ledger(said(YES, first), said(YES, NOW), rules=CONFIRMED)) == 2


# ---------------------------------------------------------------- never upwards


def test_a_late_yes_from_between_two_noes_does_not_count_where_the_second_had_no_date() -> None:
    history = [Entry(days_ago(9), NO)]
    for statement, heard_at in ((said(NO, None), days_ago(5)), (said(YES, days_ago(7)), days_ago(1))):
        if entry := added(statement, history, heard_at, ConsentRules()):
            history.append(entry)
    assert standing(history, NOW, ConsentRules()) is NO


BASES = st.sampled_from([*Basis])
FACTS = st.lists(
    st.tuples(st.none() | st.integers(0, 4), st.sampled_from([YES, NO]), BASES, st.integers(0, 5)), max_size=9
)
"""(how many days ago it was said; what; on what basis; on which day it is heard)."""
RULES = st.builds(ConsentRules, st.none() | st.just(timedelta(days=2)), st.booleans())


def heard(facts: Sequence[tuple[int | None, ConsentState, Basis, int]], rules: ConsentRules) -> list[Entry]:
    history: list[Entry] = []
    for day, state, basis, delay in sorted(facts, key=lambda fact: fact[3]):
        at = None if day is None else days_ago(10 + day)
        if entry := added(said(state, at, basis), history, days_ago(10 - delay), rules):
            history.append(entry)
    return history


@given(FACTS, RULES)
def test_nothing_but_an_explicit_yes_newer_than_every_no_permits_marketing(
    facts: list[tuple[int | None, ConsentState, Basis, int]], rules: ConsentRules
) -> None:
    """Late, early, doubled, undated: whatever comes in whatever order."""
    if standing(heard([*facts, *facts], rules), NOW, rules) is not YES:
        return
    noes = [day for day, state, _, _ in facts if state is NO]
    yeses = [(day, basis) for day, state, basis, _ in facts if state is YES]
    if rules.double_opt_in:
        assert any(basis is Basis.DOUBLE_OPT_IN for _, basis in yeses)
    assert any(day is None or all(no is not None and day < no for no in noes) for day, _ in yeses)
    if noes:
        assert any(day is not None for day, _ in yeses)


@given(FACTS, st.randoms(use_true_random=False))
def test_how_it_stands_does_not_depend_on_the_order_in_which_it_was_heard(
    facts: list[tuple[int | None, ConsentState, Basis, int]], random: Random
) -> None:
    dated = [fact for fact in facts if fact[0] is not None]
    shuffled = list(dated)
    random.shuffle(shuffled)
    mixed = [(day, state, basis, 0) for day, state, basis, _ in shuffled]
    in_order = [(day, state, basis, 0) for day, state, basis, _ in dated]
    assert standing(heard(mixed, CANADA), NOW, CANADA) is standing(heard(in_order, CANADA), NOW, CANADA)


@given(FACTS)
def test_the_newest_fact_holds_where_it_is_a_dated_yes_that_does_not_run_out(
    facts: list[tuple[int | None, ConsentState, Basis, int]],
) -> None:
    """Never upwards, and never downwards for nothing either."""
    newest = ConsentStatement(YES, "test", days_ago(9), Basis.EXPRESS)
    history = heard([fact for fact in facts if fact[0] is not None], CANADA)
    entry = added(newest, history, days_ago(4), CANADA)
    assert standing([*history, *filter(None, [entry])], NOW, CANADA) is YES
