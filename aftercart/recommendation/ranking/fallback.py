"""Who fills the slots that the model cannot: what was bought together, then what sells best of the categories that go
with those of the anchors, then what sells best at all.

Same interface as `scoring.by_lightfm`; all need nothing but past orders, and newer orders count more.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import scipy.sparse as sp

from aftercart.recommendation.asking.question import Because, Question, Ranking
from aftercart.recommendation.asking.request import Source
from aftercart.recommendation.counted.categories import Categories
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import Floats, Ints
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.scoring import best_of, by_lightfm

Ranker = Callable[[Model, Sequence[Question], Mapping[str, Product], int], list[Ranking]]


def by_bought_together(
    model: Model, questions: Sequence[Question], _catalog: Mapping[str, Product], most: int
) -> list[Ranking]:
    """What past orders held beside the anchors, the strongest first. Nothing for anchors never sold."""
    known = [model.known(question.anchors) for question in questions]
    anchors = np.array([item for row in known for item in row], dtype=np.int64)
    lengths = np.array([len(row) for row in known], dtype=np.int64)
    # The first kind of the votes is what was bought together, so products speak by their own numbers.
    votes = model.votes.votes(lengths=lengths, speakers=anchors, weights=np.ones(len(anchors), np.float32))
    return [_voted(model, question, known[row], votes[row], most) for row, question in enumerate(questions)]


def by_category_best_sellers(
    model: Model, questions: Sequence[Question], catalog: Mapping[str, Product], most: int
) -> list[Ranking]:
    """What sells best lately of the categories that go with those of the anchors: the chance of the category beside
    theirs, times that of the product within it. An anchor never sold counts as well if `catalog` has it."""
    return [_of_categories(model, question, _categories(model, question, catalog), most) for question in questions]


def by_best_sellers(
    model: Model, questions: Sequence[Question], _catalog: Mapping[str, Product], most: int
) -> list[Ranking]:
    """What sells best lately among what the campaign's filter leaves. No anchor speaks for it."""
    selling = model.evidence.selling
    order = best_of(np.where(selling > 0, selling, -np.inf), len(selling))
    return [_selling(model, question, order, most) for question in questions]


RANKERS: Mapping[Source, Ranker] = {
    Source.LIGHTFM: by_lightfm,
    Source.BOUGHT_TOGETHER: by_bought_together,
    Source.CATEGORY_BEST_SELLERS: by_category_best_sellers,
    Source.BEST_SELLERS: by_best_sellers,
}


def _voted(model: Model, question: Question, anchors: Sequence[int], votes: sp.csr_matrix, most: int) -> Ranking:
    items = np.sort(votes.indices)
    scores = _raised(question, items, votes.toarray()[0][items] if len(items) else votes.data)
    is_open = _open(model, question, items)
    items, scores = items[is_open], scores[is_open]
    best = best_of(scores, most)
    return _ranking(model, items[best], scores[best], partial(_because, model, anchors))


def _because(model: Model, anchors: Sequence[int], items: Ints) -> list[str]:
    if not len(items):
        return []
    strongest = np.argmax([model.evidence.weights(anchor, items) for anchor in anchors], axis=0)
    named = model.catalog.skus(np.asarray(anchors))
    return [named[at] for at in strongest.tolist()]


def _categories(model: Model, question: Question, catalog: Mapping[str, Product]) -> dict[str, int]:
    """Anchor → number of its category, for those that have one that the model knows."""
    found, categories = {}, model.categories
    for sku in dict.fromkeys(question.anchors):
        number = model.number(sku)
        category = int(categories.of_item[number]) if number is not None else _category(categories, catalog.get(sku))
        if category < len(categories.names):
            found[sku] = category
    return found


def _category(categories: Categories, product: Product | None) -> int:
    none = len(categories.names)
    return categories.number.get(product.category, none) if product else none


def _of_categories(model: Model, question: Question, anchors: Mapping[str, int], most: int) -> Ranking:
    if not anchors:
        return Ranking()
    shares = model.categories.shares[list(anchors.values())].toarray()
    chances = np.append(shares.mean(axis=0), 0)[model.categories.of_item] * model.categories.within
    chances = _raised(question, np.arange(len(chances)), chances)
    items = np.flatnonzero(chances > 0)
    items = items[_open(model, question, items)]
    items = items[best_of(chances[items], most)]
    return _ranking(model, items, chances[items], partial(_because_of_category, model, list(anchors), shares))


def _because_of_category(model: Model, anchors: Sequence[str], shares: Floats, items: Ints) -> list[str]:
    return [anchors[at] for at in np.argmax(shares[:, model.categories.of_item[items]], axis=0).tolist()]


def _ranking(model: Model, items: Ints, scores: Floats, because: Because | None) -> Ranking:
    return Ranking(model.catalog.skus(items), scores.astype(float).tolist(), items, because)


def _selling(model: Model, question: Question, order: np.ndarray, most: int) -> Ranking:
    items = order[_open(model, question, order)]
    selling = _raised(question, items, model.evidence.selling[items])
    if question.boosted is not None:
        best = best_of(selling, most)
        items, selling = items[best], selling[best]
    return _ranking(model, items[:most], selling[:most], None)


def _raised(question: Question, items: Ints, scores: Floats) -> Floats:
    """With what the campaign boosts counted as if it were bought so many times as often."""
    return scores if question.boosted is None else np.where(question.boosted[items], scores * question.times, scores)


def _open(model: Model, question: Question, items: np.ndarray) -> np.ndarray:
    is_open = ~np.isin(items, model.known([*question.banned, *question.anchors]))
    if question.allowed is not None:
        is_open &= question.allowed[items]
    return is_open
