import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.attribution.reversal import Line, Reversal, Worth, reversed_minor

LINES = (Line("lamp", 2, 1500), Line("bell", 1, 700), Line("cloth", 1.5, 1001))
TOTAL = 5_202
ORDER = Worth("completed", TOTAL, "EUR", LINES)


def back(*reversals: Reversal, state: str = "completed") -> int:
    return reversed_minor(dataclasses.replace(ORDER, state=state, reversals=reversals))


def refund(
    sku: str | None,
    quantity: float | None = None,
    amount: int | None = None,
    kind: str = "refund",
    currency: str = "EUR",
) -> Reversal:
    return Reversal(kind, sku, quantity, amount, currency)


def test_nothing_taken_back_is_nothing() -> None:
    assert back() == 0


@pytest.mark.parametrize("state", ["canceled", "refunded"])
def test_an_order_that_is_off_is_worth_nothing_whatever_was_told_of_it(state: str) -> None:
    assert back(state=state) == TOTAL


def test_a_refund_of_the_whole_order_takes_all() -> None:
    assert back(refund(None)) == TOTAL


@pytest.mark.parametrize(
    ("reversal", "minor"),
    [
        (refund("lamp", 1, 1200), 1200),
        (refund("lamp", 1), 1500),
        (refund("lamp", 2), 3000),
        (refund("lamp"), 3000),
        (refund("lamp", 5), 3000),
        (refund("cloth", 0.5), 500),  # 500.5, to even
        (refund("gone", 1), 0),
        (refund("lamp", 1, 9_999, currency="USD"), 1500),
        (refund(None, None, 500, kind="adjustment"), 500),
        (refund(None, None, None, kind="adjustment"), 0),
        (refund("lamp", 1, 99_999), TOTAL),
    ],
)
def test_a_part_is_its_amount_or_else_price_times_quantity(reversal: Reversal, minor: int) -> None:
    assert back(reversal) == minor


def test_parts_add_up() -> None:
    assert back(refund("lamp", 1), refund("bell"), refund(None, None, 100, kind="adjustment")) == 2300


def test_what_is_canceled_and_what_is_refunded_are_two() -> None:
    assert back(refund("lamp", 1, 1500, kind="cancellation"), refund("lamp", 1, 1400)) == 2900


def test_a_return_and_its_refund_are_one_thing() -> None:
    assert back(refund("lamp", 1, kind="return"), refund("lamp", 1, 1400)) == 1500
    assert back(refund("lamp", 1, kind="return"), refund("lamp", 1, 1400), refund("lamp", 1, 1400)) == 2800


def test_the_same_sku_on_two_lines_counts_at_its_mean_price() -> None:
    order = Worth("completed", 4000, "EUR", (Line("lamp", 1, 1000), Line("lamp", 1, 3000)), (refund("lamp", 1),))
    assert reversed_minor(order) == 2000


REFUNDS = st.builds(
    refund,
    st.sampled_from(["lamp", "bell", "cloth", "gone", None]),
    st.one_of(st.none(), st.floats(0, 9)),
    st.one_of(st.none(), st.integers(-500, 9_000)),
    st.sampled_from(["refund", "return", "adjustment"]),
    st.sampled_from(["EUR", "USD", ""]),
)


@given(st.lists(REFUNDS, max_size=6))
def test_it_is_never_less_than_nothing_nor_more_than_the_order(reversals: list[Reversal]) -> None:
    assert 0 <= back(*reversals) <= TOTAL
    assert back(*reversals) == back(*reversals[::-1])
