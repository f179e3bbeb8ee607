import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import DAY_S, GUEST, Interactions, Slices, interactions, ones, row_means

CATALOG = tuple(Product(f"s{number}", f"Thing {number}") for number in range(6))

Bought = list[tuple[int, int, list[int]]]

orders = st.lists(
    st.tuples(
        st.sampled_from([GUEST, 1, 2, 9]),
        st.integers(0, 200),
        st.lists(st.integers(0, len(CATALOG) - 1), min_size=1, max_size=5),
    ),
    max_size=12,
)


def past_of(bought: Bought) -> Interactions:
    return interactions(
        CATALOG,
        [day * DAY_S for _, day, _ in bought],
        [person for person, _, _ in bought],
        [order for order, (_, _, items) in enumerate(bought) for _ in items],
        [item for _, _, items in bought for item in items],
        [100 for _, _, items in bought for _ in items],
    )


def rows(slices: Slices) -> list[list[int]]:
    return [slices.values[a:b].tolist() for a, b in zip(slices.starts, slices.ends, strict=True)]


def timeline(bought: Bought) -> list[tuple[int, int, list[int]]]:
    """The same orders as the arrays hold them, worked out by loops."""
    numbered = [
        (10 + n if person == GUEST else person, day, list(dict.fromkeys(items)))
        for n, (person, day, items) in enumerate(bought)
    ]
    return sorted(numbered, key=lambda order: order[:2])


@given(orders)
def test_a_history_is_what_the_same_customer_bought_before(bought: Bought) -> None:
    known = timeline(bought)
    expected = [
        [i for who, _, items in known[:place] if who == person for i in items][-3:]
        for place, (person, _, _) in enumerate(known)
    ]
    assert rows(past_of(bought).histories(3)) == expected


@given(orders)
def test_next_purchases_are_first_ones_within_the_horizon(bought: Bought) -> None:
    known = timeline(bought)
    expected = []
    for place, (person, day, _) in enumerate(known):
        owned = {i for who, _, items in known[: place + 1] if who == person for i in items}
        new = []
        for who, later, items in known[place + 1 :]:
            if who == person:
                new += [i for i in items if i not in owned and later - day <= 60]
                owned |= set(items)
        expected.append(new)
    assert rows(past_of(bought).next_purchases(60)) == expected


@given(orders, st.integers(0, 200))
def test_the_past_until_a_moment_is_the_past_of_its_orders(bought: Bought, day: int) -> None:
    cut = past_of(bought).until(day * DAY_S)
    alone = past_of([order for order in bought if order[1] < day])
    assert rows(cut.baskets) == rows(alone.baskets)
    assert rows(cut.histories(9)) == rows(alone.histories(9))


def test_a_product_that_stands_on_two_lines_counts_once() -> None:
    past = past_of([(1, 0, [2, 2, 3])])
    assert past.orders_of_item.tolist() == [0, 0, 1, 1, 0, 0]
    assert past.sizes.tolist() == [2]


def test_guests_share_no_history() -> None:
    past = past_of([(GUEST, 0, [1]), (GUEST, 1, [2])])
    assert rows(past.histories(9)) == [[], []]


def test_row_means_sum_to_one_and_leave_empty_rows_empty() -> None:
    matrix = row_means(ones(np.array([0, 2, 2, 1]), np.array([0, 3, 3, 4]), 3))
    assert matrix.toarray().tolist() == [[0.5, 0, 0.5], [0, 0, 0], [0, 1, 0]]
