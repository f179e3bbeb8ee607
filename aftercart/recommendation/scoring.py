"""Rank the catalog for a batch of orders by the trained embeddings: one matrix product for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.catalog import Product
from aftercart.recommendation.dataset import Floats, Ints, ones, row_means
from aftercart.recommendation.model import Learned, Model

_SCORES_AT_ONCE = 8_000_000


@dataclass(frozen=True, eq=False)
class Question:
    """One order as a ranking sees it. `banned` is never ranked; `allowed` (by product number): None for all."""

    anchors: tuple[str, ...]
    history: tuple[str, ...] = ()
    banned: frozenset[str] = frozenset()
    allowed: npt.NDArray[np.bool_] | None = field(default=None)


class Candidate(NamedTuple):
    """A product in the running. `because`: the anchor that speaks for it most, or empty. `rank` counts from 1."""

    sku: str
    score: float
    because: str
    rank: int


Ranking = list[Candidate]


def by_lightfm(model: Model, questions: Sequence[Question], catalog: Mapping[str, Product], most: int) -> list[Ranking]:
    """The best `most` products for each question, best first.

    Anchors that the model never saw count by their metadata if `catalog` has them, else not at all; a question left
    without anchors, like a model without training, gets an empty ranking. Equal scores: the product learned first.
    """
    if model.learned is None:
        return [[] for _ in questions]
    givens = _Givens(model, model.learned, questions, catalog)
    step = max(1, _SCORES_AT_ONCE // max(len(model.products), 1))
    chunks = range(0, len(questions), step)
    return [ranking for at in chunks for ranking in _ranked(model, givens, questions[at : at + step], at, most)]


class _Givens:
    """What is given in a batch, as rows that can be multiplied: anchors as vectors, orders as vectors."""

    def __init__(
        self, model: Model, learned: Learned, questions: Sequence[Question], catalog: Mapping[str, Product]
    ) -> None:
        self.model, self.learned = model, learned
        wanted = dict.fromkeys(sku for question in questions for sku in question.anchors)
        skus = [sku for sku in wanted if sku in model.index or sku in catalog]
        self.row = {sku: row for row, sku in enumerate(skus)}
        self.anchor_vectors = _anchor_vectors(model, learned, skus, catalog)
        self.anchors = [[sku for sku in dict.fromkeys(q.anchors) if sku in self.row] for q in questions]
        self.sold_anchors = _ones([model.known(anchors) for anchors in self.anchors], len(model.products))
        histories = [_history(model, question, learned.history_length) for question in questions]
        orders = _ones([[self.row[sku] for sku in anchors] for anchors in self.anchors], len(skus))
        self.orders = row_means(orders) @ self.anchor_vectors
        self.orders += row_means(_ones(histories, len(model.products))) @ learned.embeddings.history

    def scores(self, rows: slice) -> Floats:
        """Scores of the catalog for these orders.

        A score says how many standard deviations a product lies above the catalog. Evidence goes through asinh:
        its tail is so heavy that it would drown the rest.
        """
        embeddings = self.learned.embeddings
        scores = _standardized(self.orders[rows] @ embeddings.item.T + embeddings.item_bias)
        if self.learned.evidence_weight:
            votes = self.model.evidence.votes(self.sold_anchors[rows]).toarray()
            scores += self.learned.evidence_weight * np.arcsinh(_standardized(votes))
        return scores

    def strongest(self, anchors: Sequence[str], items: Ints) -> list[str]:
        """For each item the anchor whose row adds most to the embeddings' part of its score, which is linear."""
        vectors = self.anchor_vectors[[self.row[sku] for sku in anchors]]
        return [anchors[row] for row in np.argmax(vectors @ self.learned.embeddings.item[items].T, axis=0).tolist()]


def _ranked(model: Model, givens: _Givens, questions: Sequence[Question], at: int, most: int) -> Iterator[Ranking]:
    scores = givens.scores(slice(at, at + len(questions)))
    for row, question in enumerate(questions):
        anchors = givens.anchors[at + row]
        if not anchors:
            yield []
            continue
        best = best_of(_without_banned(model, question, scores[row]), most)
        because = givens.strongest(anchors, best)
        # Whole rows as lists: to take single numbers out of an array costs more than all the rest.
        skus, values = (model.products[item].sku for item in best.tolist()), scores[row, best].tolist()
        yield list(map(Candidate, skus, values, because, count(1)))


def _standardized(scores: Floats) -> Floats:
    spread = scores.std(axis=1, keepdims=True) + np.float32(1e-9)
    standardized: Floats = (scores - scores.mean(axis=1, keepdims=True)) / spread
    return standardized


def _without_banned(model: Model, question: Question, scores: Floats) -> Floats:
    open_scores = scores.copy()
    open_scores[model.known([*question.banned])] = -np.inf
    if question.allowed is not None:
        open_scores[~question.allowed] = -np.inf
    return open_scores


def best_of(scores: Floats, most: int) -> Ints:
    """The places of the `most` highest finite scores, best first; of equal ones, the lower place first."""
    most = min(most, len(scores))
    if most <= 0:
        return np.empty(0, dtype=np.int64)
    least = np.partition(scores, len(scores) - most)[len(scores) - most]
    places = np.flatnonzero((scores >= least) & np.isfinite(scores))
    return places[np.lexsort((places, -scores[places]))][:most]


def _history(model: Model, question: Question, longest: int) -> list[int]:
    anchors = set(question.anchors)
    newest = [sku for sku in dict.fromkeys(reversed(question.history)) if sku not in anchors and sku in model.index]
    return [model.index[sku] for sku in newest[:longest]]


def _anchor_vectors(model: Model, learned: Learned, skus: Sequence[str], catalog: Mapping[str, Product]) -> Floats:
    vectors = np.zeros((len(skus), learned.embeddings.item.shape[1]), dtype=np.float32)
    seen = [row for row, sku in enumerate(skus) if sku in model.index]
    new = [row for row, sku in enumerate(skus) if sku not in model.index]
    vectors[seen] = learned.embeddings.anchor[[model.index[skus[row]] for row in seen]]
    if new:
        metadata = learned.vocabulary.rows([catalog[skus[row]] for row in new])
        vectors[new] = metadata @ learned.embeddings.feature_anchor
    return vectors


def _ones(rows: Sequence[Sequence[int]], width: int) -> sp.csr_matrix:
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    pointers = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    return ones(columns, pointers, width)
