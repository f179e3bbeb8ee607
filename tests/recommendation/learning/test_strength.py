from collections.abc import Sequence

import numpy as np
import pytest

from aftercart.recommendation.inputs.dataset import Interactions
from aftercart.recommendation.judging.evaluation import held_out, last_weeks
from aftercart.recommendation.judging.metrics import ndcg
from aftercart.recommendation.judging.protocol import Case
from aftercart.recommendation.learning.lesson import learn, started
from aftercart.recommendation.learning.strength import STRENGTHS, USUAL, strongest_alone, wide_links
from aftercart.recommendation.models.blend import UNTUNED
from aftercart.recommendation.models.lightfm_model import Recipe
from aftercart.recommendation.models.model import Learned, Model


@pytest.fixture(scope="module")
def earlier(past: Interactions) -> Interactions:
    return past.until(last_weeks(past).start)


@pytest.fixture(scope="module")
def model(earlier: Interactions) -> Model:
    quick = Recipe(components=4, epochs=1)
    return learn(earlier, "v", seed=1, budget=started(None), progress=lambda *_: None, recipe=quick).model


@pytest.fixture(scope="module")
def asked(past: Interactions) -> list[Sequence[Case]]:
    return list(held_out(past, last_weeks(past), np.random.default_rng(0)).values())


def learned(model: Model) -> Learned:
    assert model.learned is not None
    return model.learned


def by_hand(earlier: Interactions, cases: Sequence[Case], strength: float) -> float:
    """Mean NDCG@10 of the summed weights of the anchors, and of a share of what was bought before."""
    links, skus = wide_links(earlier, strength), [product.sku for product in earlier.products]
    found = []
    for case in cases:
        given = [(anchor, 1.0) for anchor in case.question.anchors]
        before = dict.fromkeys(sku for sku in case.question.history if sku not in case.question.anchors)
        given += [(sku, 0.15) for sku in before]
        votes = {
            sku: sum(share * links.weight(skus.index(one), at) for one, share in given)
            for at, sku in enumerate(skus)
            if sku not in case.question.banned
        }
        found.append(ndcg(sorted(votes, key=lambda sku: -votes[sku])[:10], case))
    return float(np.mean(found))


def test_the_strength_is_the_one_that_answers_held_out_questions_best(
    model: Model, earlier: Interactions, asked: list[Sequence[Case]]
) -> None:
    chosen = strongest_alone(model, learned(model), earlier, [case for cases in asked for case in cases])
    told = [cases for cases in asked if len(cases) >= 30]
    did = {strength: np.mean([by_hand(earlier, cases, strength) for cases in told]) for strength in STRENGTHS}
    assert len(told) == 2
    assert chosen == max(did, key=lambda strength: did[strength])


def test_a_handful_of_questions_chooses_nothing(
    model: Model, earlier: Interactions, asked: list[Sequence[Case]]
) -> None:
    assert strongest_alone(model, learned(model), earlier, [case for cases in asked for case in cases[:29]]) == USUAL


def test_choosing_changes_nothing_else(model: Model, earlier: Interactions, asked: list[Sequence[Case]]) -> None:
    before = learned(model)
    strongest_alone(model, before, earlier, asked[0])
    assert learned(model) is before
    assert before.blend is not UNTUNED
