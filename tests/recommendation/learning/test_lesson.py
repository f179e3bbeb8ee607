from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from aftercart.errors import ModelError
from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import DAY_S, GUEST, Interactions, interactions
from aftercart.recommendation.judging.evaluation import Comparison, Judgment, Quality, held_out, last_weeks
from aftercart.recommendation.judging.protocol import Task
from aftercart.recommendation.learning.lesson import Budget, Lesson, learn, started
from aftercart.recommendation.models.blend import UNTUNED, Component
from aftercart.recommendation.models.lightfm_model import Recipe
from aftercart.recommendation.models.model import Model

RECIPE = Recipe(components=8, epochs=8)


def lesson(past: Interactions, budget: Budget | None = None, seen: list[tuple[int, int]] | None = None) -> Lesson:
    steps = seen if seen is not None else []
    return learn(
        past,
        "v1",
        seed=5,
        budget=budget or started(None),
        progress=lambda epoch, epochs: steps.append((epoch, epochs)),
        recipe=RECIPE,
    )


def test_learning_twice_gives_the_same_model(past: Interactions) -> None:
    first, second = lesson(past), lesson(past)
    assert first.judged == second.judged
    assert first.model.learned is not None
    assert second.model.learned is not None
    assert np.array_equal(first.model.learned.embeddings.item, second.model.learned.embeddings.item)


def test_every_epoch_is_told_as_it_ends(past: Interactions) -> None:
    seen: list[tuple[int, int]] = []
    lesson(past, seen=seen)
    assert seen == [(epoch, 8) for epoch in range(1, 9)]


def test_a_spent_budget_ends_learning_with_one_epoch_of_each_part(past: Interactions) -> None:
    ticks = count(step=10)
    found = lesson(past, Budget(seconds=5, stopwatch=lambda: float(next(ticks)), started_at=0))
    assert (found.epochs, found.planned_epochs) == (2, 8)


def test_a_budget_not_reached_changes_nothing_about_the_epochs(past: Interactions) -> None:
    assert lesson(past, Budget(seconds=500, stopwatch=lambda: 0.0, started_at=0)).epochs == 8


def test_too_few_orders_are_refused_with_what_to_do(past: Interactions) -> None:
    with pytest.raises(ModelError, match="import orders"):
        lesson(past.until(int(np.sort(past.placed_at)[49])))


def test_a_model_of_a_shop_with_a_pattern_beats_the_best_sellers(past: Interactions) -> None:
    found = lesson(past).judged.mails
    assert found is not None
    assert found.lightfm.ndcg10 > found.best_sellers.ndcg10 + 0.1
    assert not found.is_worse


def test_every_kind_of_evidence_is_weighed_anew(past: Interactions) -> None:
    """What the tuner does not hear keeps its usual weight to the last bit."""
    learned = lesson(past).model.learned
    assert learned is not None
    heard = {Purpose.TOGETHER: set(Component) - {Component.NEW}, Purpose.MAIL: set(Component) - {Component.NEW}}
    for purpose, components in heard.items():
        found, usual = learned.blend.weights[purpose], UNTUNED.weights[purpose]
        kept = {each for each in components if np.array_equal(found[:, each.place], usual[:, each.place])}
        assert kept == set()


def test_a_shop_whose_customers_buy_the_same_again_learns_what_theirs_is() -> None:
    """Each of sixty people has five things of their own, and buys three of them in any order."""
    random = np.random.default_rng(7)
    catalog = [Product(f"sku-{number}", f"Thing {number}") for number in range(100)]
    own = [random.choice(100, 5, replace=False) for _ in range(60)]
    bought = [(day, who, random.choice(own[who], 3, replace=False)) for day in range(0, 168, 14) for who in range(60)]
    days, people, items = zip(*bought, strict=True)
    orders = np.repeat(np.arange(len(bought)), 3).tolist()
    moments = [day * DAY_S for day in days]
    past = interactions(catalog, moments, people, orders, np.concatenate(items).tolist(), [1.0] * len(orders))
    learned = lesson(past).model.learned
    assert learned is not None
    weights = learned.blend.in_words()
    assert min(weights[purpose][Component.AGAIN] for purpose in (Purpose.TOGETHER, Purpose.MAIL)) > 0.2


def one_line_each(past: Interactions, people: int) -> Interactions:
    """The first product of each order, bought by so many people in turn (0: by guests)."""
    orders = range(past.order_count)
    first, moments = past.line_start[:-1], np.sort(past.placed_at).tolist()
    persons = [order % people if people else GUEST for order in orders]
    return interactions(past.products, moments, persons, orders, past.item[first].tolist(), past.price[first].tolist())


def test_a_shop_that_sells_one_thing_an_order_learns_from_people_who_come_back(past: Interactions) -> None:
    found = lesson(one_line_each(past, 40)).judged
    assert found.mails is not None
    assert found.mails.lightfm.ndcg10 > found.mails.bought_together.ndcg10
    assert found.checkouts is None


def test_a_shop_without_pairs_and_without_people_who_come_back_is_told_so(past: Interactions) -> None:
    with pytest.raises(ModelError, match="no order holds two products and no customer came back"):
        lesson(one_line_each(past, 0))


def test_a_small_shop_whose_questions_choose_nothing_is_tested_on_all_of_them(past: Interactions) -> None:
    few = past.until(int(np.sort(past.placed_at)[70]))
    asked = held_out(few, last_weeks(few), np.random.default_rng(5))
    found = lesson(few).judged.mails
    assert sum(map(len, asked.values())) < 60
    assert found is not None
    assert found.cases == len(asked[Task.SINGLE]) + len(asked[Task.NEXT_30])


@pytest.mark.parametrize("described", [0, 15], ids=["no product is described", "half of them are"])
def test_products_of_which_nothing_but_the_sku_is_known_are_learned_all_the_same(
    past: Interactions, described: int
) -> None:
    """LightFM divides by the number of features it looks at: a row without any ended training."""
    bare = tuple(Product(product.sku, "") for product in past.products[described:])
    found = lesson(replace(past, products=(*past.products[:described], *bare))).judged.mails
    assert found is not None
    assert found.lightfm.ndcg10 > found.best_sellers.ndcg10


@pytest.mark.parametrize(("gain", "expected"), [(-0.2, False), (-0.04, True), (0.1, True), (None, True)])
def test_a_model_may_serve_unless_shown_to_be_worse(past: Interactions, gain: float | None, expected: bool) -> None:
    some = Quality(0.3, 0.5)
    found = Comparison(99, some, some, some, some, gain, noise=0.05) if gain is not None else None
    model = Model("v1", past.products, evidence_of(past))
    assert Lesson(model, Judgment(mails=found, checkouts=None), 1, 1).may_serve is expected
    assert Lesson(model, Judgment(mails=None, checkouts=found), 1, 1).may_serve is expected
