"""The seam to LightFM: what goes in, what comes out, and that nothing but the seed decides."""

from dataclasses import replace

import numpy as np
import pytest

from aftercart.recommendation.inputs.dataset import Floats, Interactions, Ints
from aftercart.recommendation.inputs.features import vocabulary
from aftercart.recommendation.models.lightfm_model import Embeddings, Recipe, Subject, Trainer

RECIPE = Recipe(components=16, epochs=6)


def trained(
    past: Interactions, seed: int = 3, recipe: Recipe = RECIPE, subject: Subject = Subject.TOGETHER
) -> Embeddings:
    words = vocabulary(past.products)
    trainer = Trainer(recipe, seed)
    for _ in range(recipe.epochs):
        trainer.epoch(past, words.rows(past.products))
    found = trainer.embeddings(subject, past.orders_of_item, words.rows(past.products))
    assert found
    return found


def arrays(embeddings: Embeddings) -> list[np.ndarray]:
    return [getattr(embeddings, name) for name in Embeddings.__dataclass_fields__]


def test_the_same_seed_gives_the_same_model_to_the_last_bit(past: Interactions) -> None:
    pairs = zip(arrays(trained(past)), arrays(trained(past)), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_another_seed_gives_another_model(past: Interactions) -> None:
    assert not np.array_equal(trained(past, seed=3).item, trained(past, seed=4).item)


def test_a_bike_asks_for_things_of_its_own_way_of_riding(past: Interactions) -> None:
    model = trained(past, recipe=replace(RECIPE, epochs=15))
    scores = model.anchor @ model.item.T + model.item_bias
    for number, product in enumerate(past.products):
        if product.department != "Bikes":
            continue
        others = [n for n, other in enumerate(past.products) if other.department != "Bikes"]
        best = max(others, key=lambda n: scores[number, n])
        assert past.products[best].sku.split("-")[0] == product.sku.split("-")[0]


def test_a_product_never_sold_is_known_by_its_metadata_alone(past: Interactions) -> None:
    words = vocabulary(past.products)
    trainer = Trainer(RECIPE, seed=3)
    trainer.epoch(past, words.rows(past.products))
    unsold = trainer.embeddings(Subject.TOGETHER, np.zeros_like(past.orders_of_item), words.rows(past.products))
    assert unsold
    assert unsold.anchor == pytest.approx(words.rows(past.products) @ unsold.feature_anchor, abs=1e-6)


def test_a_product_never_sold_stands_twice_as_far_from_the_middle_which_fades_with_its_orders(
    past: Interactions,
) -> None:
    sold = past.orders_of_item.copy()
    sold[:3] = 0, 5, 100_000
    plain, found = (rows_of_items(past, replace(RECIPE, new_gain=gain), sold) for gain in (0.0, 1.0))
    middle = plain.mean(axis=0)
    for product, times in enumerate([2.0, 1.5, 1.0]):
        assert found[product] - middle == pytest.approx(times * (plain[product] - middle), abs=1e-4)


def rows_of_items(past: Interactions, recipe: Recipe, sold: Ints) -> Floats:
    """With their biases, after one epoch."""
    words = vocabulary(past.products)
    trainer = Trainer(recipe, seed=3)
    trainer.epoch(past, words.rows(past.products))
    found = trainer.embeddings(Subject.TOGETHER, sold, words.rows(past.products))
    assert found
    return np.column_stack([found.item, found.item_bias])


def test_each_subject_is_learned_from_rows_of_its_own(past: Interactions) -> None:
    """Orders of one product each, of people who never came back, and then of people who did."""
    words = vocabulary(past.products)
    for customers, learned in ((np.arange(past.order_count), []), (past.customer, [Subject.NEXT])):
        single = replace(
            past,
            item=past.item[past.line_start[:-1]],
            price=past.price[past.line_start[:-1]],
            line_start=np.arange(past.order_count + 1),
            customer=customers,
        )
        trainer = Trainer(RECIPE, seed=3)
        trainer.epoch(single, words.rows(past.products))
        given = single.orders_of_item, words.rows(past.products)
        assert [subject for subject in Subject if trainer.embeddings(subject, *given)] == learned
