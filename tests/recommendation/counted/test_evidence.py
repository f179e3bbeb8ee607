from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import DAY_S, GUEST, Interactions, interactions

CATALOG = tuple(Product(f"s{number}", f"Thing {number}") for number in range(5))


def past_of(baskets: list[list[int]], days: list[int] | None = None) -> Interactions:
    return interactions(
        CATALOG,
        [day * DAY_S for day in days or [0] * len(baskets)],
        [GUEST] * len(baskets),
        [order for order, items in enumerate(baskets) for _ in items],
        [item for items in baskets for item in items],
        [1 for items in baskets for _ in items],
    )


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), max_size=20))
def test_pairs_are_counted_as_a_loop_would_count_them(baskets: list[list[int]]) -> None:
    evidence = evidence_of(past_of(baskets))
    for one, other in permutations(range(5), 2):
        assert evidence.orders_together(one, other) == sum(one in b and other in b for b in baskets)


def test_a_product_is_not_bought_together_with_itself() -> None:
    assert evidence_of(past_of([[0, 1], [0, 0]])).orders_together(0, 0) == 0


def test_newer_orders_weigh_more() -> None:
    evidence = evidence_of(past_of([[0, 1], [0, 2]], days=[0, 360]))
    older, newer, itself, never = evidence.weights(0, np.array([1, 2, 0, 4]))
    assert newer == pytest.approx(4 * older)
    assert (itself, never) == (0, 0)


def test_pairs_of_very_old_orders_keep_their_counts() -> None:
    evidence = evidence_of(past_of([[0, 1], [2, 3]], days=[0, 100_000]))
    assert evidence.orders_together(0, 1) == 1


def test_a_pair_seen_once_speaks_less_than_its_share() -> None:
    evidence = evidence_of(past_of([[0, 1]] * 30 + [[2, 3]]))
    often, once = evidence.weights(0, np.array([1])), evidence.weights(2, np.array([3]))
    assert often > 5 * once


def test_a_best_seller_of_long_ago_sells_less_than_todays() -> None:
    evidence = evidence_of(past_of([[0]] * 5 + [[1]] * 2, days=[0] * 5 + [90] * 2))
    assert np.argmax(evidence.selling) == 1


def test_things_often_bought_at_once_are_no_substitutes() -> None:
    evidence = evidence_of(past_of([[0, 1]] * 6 + [[2]] * 40 + [[3]] * 40 + [[2, 3]] * 6))
    assert evidence.are_often_together(0, 1)
    assert not evidence.are_often_together(2, 3), "fewer than chance would bring together"
    assert not evidence.are_often_together(0, 2)


def test_what_is_bought_with_the_same_things_and_never_in_one_order_is_bought_instead() -> None:
    """Two pumps (0, 1), each with tubes (2) and levers (3)."""
    evidence = evidence_of(past_of([[0, 2, 3]] * 30 + [[1, 2, 3]] * 30))
    assert evidence.are_bought_instead(0, 1)
    assert evidence.are_bought_instead(1, 0)
    assert not evidence.are_bought_instead(0, 2), "these are bought together"


def test_what_has_no_company_in_common_is_not_bought_instead() -> None:
    evidence = evidence_of(past_of([[0, 2]] * 30 + [[1, 3]] * 30))
    assert not evidence.are_bought_instead(0, 1)


@pytest.mark.parametrize("baskets", [[[0, 2]] * 7 + [[1, 2]] * 7, [[0, 2]] * 30 + [[1, 2]] * 30 + [[0, 1]] * 4])
def test_few_orders_or_some_that_hold_both_show_no_substitutes(baskets: list[list[int]]) -> None:
    assert not evidence_of(past_of(baskets)).are_bought_instead(0, 1)
