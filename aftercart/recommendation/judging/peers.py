"""What the model is compared with: well-known ways to rank, each with the settings that suit it.

A peer learns from past orders and scores the whole catalog for rows of anchors and of what the customers had bought
before. It gets what the model gets: EASE also sees histories and next orders, and its settings are chosen on a
window inside the training time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from aftercart.errors import MissingExtraError
from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.counted.content import unit_rows
from aftercart.recommendation.counted.ease import ease_weights, orders_alone, with_next_orders
from aftercart.recommendation.inputs.dataset import DAY_S, Floats, Interactions, Ints
from aftercart.recommendation.inputs.features import vocabulary
from aftercart.recommendation.judging.metrics import ndcg
from aftercart.recommendation.judging.protocol import Case, Task, Window, cases_of
from aftercart.recommendation.ranking.scoring import best_of

_AT_ONCE = 256
_EASE_STRENGTHS = (50.0, 200.0, 1_000.0, 5_000.0)
_EASE_HISTORY = 0.15
_INNER_CASES = 400


class Peer(Protocol):
    """A way to rank that has learned."""

    def scores(self, anchors: sp.csr_matrix, histories: sp.csr_matrix) -> Floats:
        """Of the whole catalog, for rows of ones."""
        ...


Learns = Callable[[Interactions], Peer]


@dataclass(frozen=True, eq=False)
class _Constant:
    """The same for everybody."""

    value: Floats

    def scores(self, anchors: sp.csr_matrix, _histories: sp.csr_matrix) -> Floats:
        return np.tile(self.value, (anchors.shape[0], 1))


@dataclass(frozen=True, eq=False)
class _Sums:
    """Anchors speak for products, histories with less weight; what they say is added up."""

    matrix: sp.csr_matrix
    history: float = 0.0

    def scores(self, anchors: sp.csr_matrix, histories: sp.csr_matrix) -> Floats:
        found: Floats = ((anchors + self.history * histories) @ self.matrix).toarray()
        return found


@dataclass(frozen=True, eq=False)
class _Block:
    """The same with a dense matrix among the products `kept`."""

    kept: Ints
    weights: Floats
    history: float

    def scores(self, anchors: sp.csr_matrix, histories: sp.csr_matrix) -> Floats:
        found = np.zeros(anchors.shape, dtype=np.float32)
        found[:, self.kept] = (anchors + self.history * histories)[:, self.kept] @ self.weights
        return found


def popularity(past: Interactions) -> Peer:
    """Orders per product."""
    return _Constant(past.orders_of_item.astype(np.float32))


def bought_together(past: Interactions) -> Peer:
    """Orders that hold both, summed over the anchors."""
    baskets = orders_alone(past)
    counts = (baskets.T @ baskets).tocsr()
    counts.setdiag(0)
    return _Sums(counts)


def content(past: Interactions) -> Peer:
    """Cosine of the products' metadata, rare words counting more."""
    return _Content(unit_rows(vocabulary(past.products), past.products))


@dataclass(frozen=True, eq=False)
class _Content:
    unit: sp.csr_matrix

    def scores(self, anchors: sp.csr_matrix, _histories: sp.csr_matrix) -> Floats:
        found: Floats = ((anchors @ self.unit) @ self.unit.T).toarray().astype(np.float32)
        return found


def item_knn(past: Interactions) -> Peer:
    """Item-kNN with BM25 weights by `implicit`. Raises MissingExtraError without it."""
    try:
        from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight
    except ImportError as err:
        raise MissingExtraError("peers", "item-kNN (leave it out with --without item_knn)") from err
    model = ItemItemRecommender(K=200)
    model.fit(bm25_weight(orders_alone(past).T, K1=1.2, B=0.5).T.tocsr(), show_progress=False)
    similar = model.similarity.tocsr().astype(np.float32)
    similar.setdiag(0)
    return _Sums(similar)


def ease(past: Interactions) -> Peer:
    """EASE with histories and next orders or without, and the strength that does best inside the training time."""
    end = past.last_order_at
    window = Window(end - 60 * DAY_S, end - 30 * DAY_S, end + 1)
    random = np.random.default_rng(11)
    tasks = (Task.BASKET, Task.SINGLE, Task.NEXT_30)
    asked = [cases for task in tasks if (cases := cases_of(past, window, task, random, _INNER_CASES))]
    earlier = past.until(window.start)
    settings = [(s, wide) for s in _EASE_STRENGTHS for wide in (True, False)]
    if not asked or not earlier.order_count:
        return _ease(past, 200.0, wide=False)
    best = max(settings, key=lambda setting: _inner(_ease(earlier, setting[0], wide=setting[1]), earlier, asked))
    return _ease(past, best[0], wide=best[1])


PEERS: Mapping[str, Learns] = {
    "popularity": popularity,
    "bought_together": bought_together,
    "content": content,
    "item_knn": item_knn,
    "ease": ease,
}


def ranked_by(peer: Peer, past: Interactions, questions: Sequence[Question], most: int) -> list[list[str]]:
    """The best SKUs for each question. Ties go to the product that sold more."""
    index = {product.sku: number for number, product in enumerate(past.products)}
    tie = (past.orders_of_item / max(int(past.orders_of_item.max(initial=0)), 1)).astype(np.float32)
    found: list[list[str]] = []
    for at in range(0, len(questions), _AT_ONCE):
        chunk = questions[at : at + _AT_ONCE]
        scores = peer.scores(_rows([q.anchors for q in chunk], index), _rows([q.history for q in chunk], index)).astype(
            np.float32
        )
        scores += 1e-8 * np.abs(scores).max(axis=1, keepdims=True) * tie
        for question, row in zip(chunk, scores, strict=True):
            row[[index[sku] for sku in question.banned if sku in index]] = -np.inf
            if question.allowed is not None:
                row[~question.allowed] = -np.inf
            found.append([past.products[item].sku for item in best_of(row, most).tolist()])
    return found


def _ease(past: Interactions, strength: float, *, wide: bool) -> Peer:
    kept, weights = ease_weights(with_next_orders(past) if wide else orders_alone(past), strength)
    return _Block(kept, weights, _EASE_HISTORY if wide else 0.0)


def _inner(peer: Peer, past: Interactions, asked: Sequence[Sequence[Case]]) -> float:
    return float(np.mean([_mean_ndcg(peer, past, cases) for cases in asked]))


def _mean_ndcg(peer: Peer, past: Interactions, cases: Sequence[Case]) -> float:
    lists = ranked_by(peer, past, [case.question for case in cases], 10)
    return float(np.mean([ndcg(ranked, case) for ranked, case in zip(lists, cases, strict=True)]))


def _rows(skus: Sequence[Sequence[str]], index: Mapping[str, int]) -> sp.csr_matrix:
    columns = [[index[sku] for sku in dict.fromkeys(row) if sku in index] for row in skus]
    pointers = np.concatenate(([0], np.cumsum([len(row) for row in columns])))
    flat = np.array([column for row in columns for column in row], dtype=np.int64)
    return sp.csr_matrix((np.ones(len(flat), np.float32), flat, pointers), shape=(len(skus), len(index)))
