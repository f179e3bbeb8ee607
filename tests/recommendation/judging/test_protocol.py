"""Orders written by hand, so that each question can be checked against them."""

import numpy as np

from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import DAY_S, GUEST, Interactions, interactions
from aftercart.recommendation.judging.protocol import Case, Task, Window, cases_of, last_quarter

SKUS = ("bike", "helmet", "pump", "tube", "bell", "unsold")
WINDOW = Window(10 * DAY_S, 20 * DAY_S, 90 * DAY_S)

Order = tuple[int, int, tuple[str, ...]]
"""(day, person, what)"""


def shop(*orders: Order) -> Interactions:
    prices = {"bike": 900, "helmet": 50, "pump": 30, "tube": 5, "bell": 9}
    lines = [(number, sku) for number, (_, _, skus) in enumerate(orders) for sku in skus]
    return interactions(
        [Product(sku, sku) for sku in SKUS],
        [day * DAY_S for day, _, _ in orders],
        [person for _, person, _ in orders],
        [number for number, _ in lines],
        [SKUS.index(sku) for _, sku in lines],
        [prices[sku] for _, sku in lines],
    )


def asked(past: Interactions, task: Task, most: int = 99) -> list[Case]:
    return cases_of(past, WINDOW, task, np.random.default_rng(1), most)


EARLIER: Order = (1, GUEST, ("bike", "helmet", "pump", "tube"))


def test_of_a_basket_one_product_is_hidden_and_the_others_are_given() -> None:
    case = asked(shop(EARLIER, (12, GUEST, ("bike", "helmet", "pump"))), Task.BASKET)[0]
    assert {*case.question.anchors, *case.relevant} == {"bike", "helmet", "pump"}
    assert len(case.relevant) == 1
    assert case.question.banned == frozenset(case.question.anchors)
    assert case.question.purpose is Purpose.TOGETHER


def test_single_gives_the_dearest_product() -> None:
    case = asked(shop(EARLIER, (12, GUEST, ("helmet", "bike", "pump"))), Task.SINGLE)[0]
    assert case.question.anchors == ("bike",)
    assert case.relevant == {"helmet", "pump"}
    assert case.question.purpose is Purpose.MAIL


def test_what_is_asked_for_is_not_told_by_what_is_missing_from_the_history() -> None:
    past = shop(EARLIER, (5, 1, ("helmet", "bell", "bike")), (12, 1, ("bike", "helmet")))
    for task in (Task.BASKET, Task.SINGLE):
        case = asked(past, task)[0]
        assert {*case.question.history} == {"helmet", "bell", "bike"} - {*case.question.anchors}
        assert case.relevant


def test_next_asks_for_what_is_bought_for_the_first_time_within_the_days() -> None:
    past = shop(EARLIER, (5, 1, ("tube",)), (12, 1, ("bike",)), (30, 1, ("tube", "helmet")), (60, 1, ("pump",)))
    within_30, within_60 = asked(past, Task.NEXT_30)[0], asked(past, Task.NEXT_60)[0]
    assert within_30.question.anchors == ("bike",)
    assert within_30.question.history == ("tube",)
    assert {"tube", "bike"} <= within_30.question.banned
    assert within_30.relevant == {"helmet"}
    assert within_60.relevant == {"helmet", "pump"}
    assert within_30.question.purpose is Purpose.NEXT


def test_who_bought_nothing_new_or_cannot_be_followed_long_enough_is_no_question() -> None:
    nothing_new = shop(EARLIER, (12, 1, ("bike",)), (20, 1, ("bike",)))
    late = cases_of(
        shop(EARLIER, (12, 1, ("bike",)), (20, 1, ("pump",))),
        Window(10 * DAY_S, 20 * DAY_S, 41 * DAY_S),
        Task.NEXT_30,
        np.random.default_rng(0),
        9,
    )
    assert asked(nothing_new, Task.NEXT_60) == []
    assert late == []


def test_a_product_first_sold_later_is_neither_ranked_nor_asked_for() -> None:
    past = shop(EARLIER, (12, 1, ("bike", "pump")), (15, 2, ("bell", "tube")), (16, 1, ("bell", "helmet")))
    case = next(c for c in asked(past, Task.NEXT_30) if "bike" in c.question.anchors)
    assert case.relevant == {"helmet"}
    assert "bell" in case.question.banned
    assert case.question.allowed is not None
    assert not case.question.allowed[SKUS.index("unsold")]


def test_only_orders_of_the_window_are_asked_about_and_no_more_than_wanted() -> None:
    past = shop(EARLIER, *((day, GUEST, ("bike", "pump")) for day in range(2, 40)))
    assert len(asked(past, Task.SINGLE)) == 10
    assert len(asked(past, Task.SINGLE, most=4)) == 4


def test_the_last_quarter_is_cut_into_a_month_of_questions_and_two_of_answers() -> None:
    window = last_quarter(shop(EARLIER, (101, GUEST, ("bike", "pump"))))
    assert window == Window(11 * DAY_S, 41 * DAY_S, 101 * DAY_S)
