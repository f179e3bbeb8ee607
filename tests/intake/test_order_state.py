"""Which version of an order holds, and what refunds make of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.intake.changes import OrderState, Reversal, ReversalKind
from aftercart.intake.order_state import is_newer, settled

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
LINES = [("A", 2.0), ("B", 1.0), ("A", 1.0)]


def state(*reversals: Reversal, declared: OrderState = OrderState.COMPLETED, total: int = 1000) -> OrderState:
    return settled(declared, NOON, total, "EUR", LINES, reversals)


def money(key: str, amount: int, currency: str = "EUR") -> Reversal:
    return Reversal(key, ReversalKind.ADJUSTMENT, amount_minor=amount, currency=currency)


def line(key: str, sku: str, quantity: float | None = None, amount: int | None = None) -> Reversal:
    return Reversal(key, ReversalKind.REFUND, sku, quantity, amount, "EUR", LATER)


def test_the_newer_version_holds_and_an_older_one_does_not() -> None:
    assert is_newer(LATER, OrderState.PLACED, than=(NOON, OrderState.REFUNDED))
    assert not is_newer(NOON, OrderState.REFUNDED, than=(LATER, OrderState.PLACED))


def test_in_the_same_second_the_one_further_on_its_way_holds() -> None:
    """T43: two versions carry one time."""
    assert is_newer(NOON, OrderState.COMPLETED, than=(NOON, OrderState.PLACED))
    assert not is_newer(NOON, OrderState.PLACED, than=(NOON, OrderState.COMPLETED))
    assert not is_newer(NOON, OrderState.COMPLETED, than=(NOON, OrderState.COMPLETED))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ReversalKind.REFUND, OrderState.REFUNDED),
        (ReversalKind.RETURN, OrderState.REFUNDED),
        (ReversalKind.CANCELLATION, OrderState.CANCELED),
        (ReversalKind.DELETION, OrderState.CANCELED),
        (ReversalKind.ADJUSTMENT, OrderState.COMPLETED),
    ],
)
def test_a_reversal_of_the_whole_order_decides(kind: ReversalKind, expected: OrderState) -> None:
    assert state(Reversal("k", kind, amount_minor=100, happened_at=LATER)) is expected


def test_an_order_that_the_shop_changed_after_deleting_it_was_restored() -> None:
    deleted_before = Reversal("k", ReversalKind.DELETION, happened_at=NOON - timedelta(seconds=1))
    assert state(deleted_before) is OrderState.COMPLETED


def test_lines_given_back_in_part_leave_an_order() -> None:
    assert state(line("1", "A", 2), line("2", "B")) is OrderState.COMPLETED


def test_all_lines_given_back_leave_none() -> None:
    assert state(line("1", "A", 2), line("2", "B"), line("3", "A", 1)) is OrderState.REFUNDED
    assert state(line("1", "A"), line("2", "B", 5)) is OrderState.REFUNDED


def test_all_money_given_back_leaves_no_order() -> None:
    assert state(money("1", 500)) is OrderState.COMPLETED
    assert state(money("1", 500), money("2", 500)) is OrderState.REFUNDED


@pytest.mark.parametrize("currency", ["KRW", ""])
def test_money_of_another_currency_is_not_money_of_the_order(currency: str) -> None:
    """Fifty thousand won are no five hundred dollars."""
    assert state(money("1", 50_000, currency)) is OrderState.COMPLETED
    assert state(money("1", 500), money("2", 500, currency)) is OrderState.COMPLETED


def test_a_free_order_is_not_refunded_by_nothing() -> None:
    assert state(total=0) is OrderState.COMPLETED


@given(
    st.permutations([line("1", "A", 2), line("2", "B"), line("3", "A", 1), Reversal("c", ReversalKind.CANCELLATION)]),
    st.integers(0, 4),
    st.sampled_from(list(OrderState)),
)
def test_it_makes_no_difference_what_was_heard_first(
    reversals: list[Reversal], first: int, declared: OrderState
) -> None:
    in_two_steps = state(*reversals, declared=state(*reversals[:first], declared=declared))
    assert in_two_steps is state(*reversals, declared=declared) is OrderState.REFUNDED
