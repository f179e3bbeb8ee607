"""Rank the catalog for a batch of orders by the trained model: one matrix product for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from aftercart.recommendation.asking.question import Question, Ranking
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import Floats, Ints
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.givens import Givens

_SCORES_AT_ONCE, _LEAST_AT_ONCE = 2_000_000, 8
"""More scores would not stay in the processor's caches; with fewer orders all products are read too often."""
_COLUMNS_EACH = 8


def by_lightfm(model: Model, questions: Sequence[Question], catalog: Mapping[str, Product], most: int) -> list[Ranking]:
    """The best `most` products for each question, best first.

    Anchors that the model never saw count by their metadata if `catalog` has them, else not at all; a question left
    without anchors, like a model without training, gets an empty ranking. Equal scores: the product learned first.
    """
    if model.learned is None:
        return [Ranking() for _ in questions]
    givens = Givens(model, model.learned, questions, catalog)
    step = max(_LEAST_AT_ONCE, _SCORES_AT_ONCE // max(len(model.products), 1))
    chunks = range(0, len(questions), step)
    return [ranking for at in chunks for ranking in _ranked(model, givens, questions[at : at + step], at, most)]


def _ranked(model: Model, givens: Givens, questions: Sequence[Question], at: int, most: int) -> Iterator[Ranking]:
    scores = givens.scores(slice(at, at + len(questions)))
    for row, question in enumerate(questions):
        if not givens.anchors[at + row]:
            yield Ranking()
            continue
        if question.boosted is not None:
            # Weights are those of a logit: a score is the logarithm of a chance.
            scores[row, question.boosted] += np.float32(np.log(question.times))
        _close_banned(givens, question, scores[row])
        best = best_of(scores[row], most)
        # Whole rows as lists: to take single numbers out of an array costs more than all the rest.
        named, values = model.catalog.skus(best), scores[row, best].tolist()
        number = at + row
        yield Ranking(named, values, best, partial(givens.strongest, number), (givens, number))


def _close_banned(givens: Givens, question: Question, scores: Floats) -> None:
    scores[givens.numbers.known(question.banned)] = -np.inf
    if question.allowed is not None:
        scores[~question.allowed] = -np.inf


def best_of(scores: Floats, most: int) -> Ints:
    """The places of the `most` highest finite scores, best first; of equal ones, the lower place first."""
    most = min(most, len(scores))
    if most <= 0:
        return np.empty(0, dtype=np.int64)
    bound = _bound(scores, most)
    places = np.flatnonzero(scores >= bound if bound > -np.inf else np.isfinite(scores))
    found = scores[places]
    return places[np.argsort(-found, kind="stable")[:most]]


def _bound(scores: Floats, most: int) -> np.float32:
    """What the `most` highest scores are not below, and few others reach.

    The maxima of many columns tell it: so many products are as high as the lowest of the `most` highest maxima. One
    pass over a large catalog and the choice among few is several times as fast as the choice among all.
    """
    columns = most * _COLUMNS_EACH
    depth = len(scores) // columns
    if depth > 1:
        scores = scores[: depth * columns].reshape(depth, columns).max(axis=0)
    bound: np.float32 = np.partition(scores, len(scores) - most)[len(scores) - most]
    return bound
