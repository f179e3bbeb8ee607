"""What is given in a batch of questions, as arrays: orders as vectors, anchors as votes, and the scores they make.

A component of a score is counted in standard deviations above the catalog. Votes go through asinh: their tail is so
heavy that it would drown the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from aftercart.recommendation.blend import CIRCUMSTANCES, Component, Weights
from aftercart.recommendation.catalog import Product
from aftercart.recommendation.dataset import Floats, Ints, ones, row_means
from aftercart.recommendation.lightfm_model import Embeddings
from aftercart.recommendation.model import Learned, Model
from aftercart.recommendation.question import Question

LINKS = {
    Component.EASE: "ease",
    Component.EASE_WIDE: "ease_wide",
    Component.HISTORY: "ease_wide",
    Component.FOLLOWED: "followed",
    Component.NEW: "alike",
}
"""Which links the components of votes are read from."""

_EMBEDDED = (Component.LIGHTFM, Component.LIGHTFM_NEXT)

_NAMES = {component: component.value for component in Component}
"""Plain strings, read once: to turn members of an enumeration into JSON takes ten times as long."""

_LONGEST_HISTORY = 60
"""Lines of earlier orders that may vote, the newest ones."""
_HISTORY_SHARE = np.float32(0.15)
_LEAST_SPREAD = 1e-9


class Numbers(dict[str, int | None]):
    """The numbers of the products that one batch names, each looked up once; None: the model has never seen it."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._catalog = model.catalog

    def __missing__(self, sku: str) -> int | None:
        found = self[sku] = self._catalog.number(sku)
        return found

    def known(self, skus: Iterable[str]) -> list[int]:
        """Those of the products that the model knows."""
        return [number for sku in skus if (number := self[sku]) is not None]


class Givens:
    """A batch of questions put to a trained model. Anchors that the model never saw count by their metadata if
    `catalog` has them, else not at all."""

    def __init__(
        self, model: Model, learned: Learned, questions: Sequence[Question], catalog: Mapping[str, Product]
    ) -> None:
        self.model, self.learned, self._questions = model, learned, questions
        self.numbers = Numbers(model)
        wanted = dict.fromkeys(sku for question in questions for sku in question.anchors)
        skus = [sku for sku in wanted if self.numbers[sku] is not None or sku in catalog]
        self._row = {sku: row for row, sku in enumerate(skus)}
        self.anchors = [[sku for sku in dict.fromkeys(q.anchors) if sku in self._row] for q in questions]
        self._added: dict[tuple[Component, int], sp.csr_matrix] = {}
        self._starts: list[int] = []
        self._history = [_history(self.numbers, question, _LONGEST_HISTORY) for question in questions]
        asked = [component for component in _EMBEDDED if component in learned.blend.counted]
        self._asked = {component: self._asked_of(component, skus, catalog) for component in asked}

    def _asked_of(self, component: Component, skus: Sequence[str], catalog: Mapping[str, Product]) -> "_Asked":
        """The questions as one of the LightFM models sees them."""
        embeddings = self._embeddings(component)
        anchors = _anchor_vectors(self.numbers, self.learned, embeddings, skus, catalog)
        orders = _means(anchors, [[self._row[sku] for sku in named] for named in self.anchors])
        if any(self._history):
            newest = [history[: self.learned.history_length] for history in self._history]
            orders += _means(embeddings.history, newest)
        return _Asked(embeddings, anchors, orders)

    def _embeddings(self, component: Component) -> Embeddings:
        following = self.learned.following if component is Component.LIGHTFM_NEXT else None
        return following or self.learned.embeddings

    def scores(self, rows: slice) -> Floats:
        """Scores of the catalog for these questions."""
        weights = self.weights[rows]
        said = [
            asked.scores(rows, weights[:, component.place])
            for component, asked in self._asked.items()
            if weights[:, component.place].any()
        ]
        scores = said.pop() if said else np.zeros((len(weights), len(self.model.products)), dtype=np.float32)
        for part in said:
            scores += part
        if weights[:, Component.SELLING.place].any():
            scores += weights[:, [Component.SELLING.place]] * self.model.selling
        for component in self._voting:
            votes = self.votes(component, rows)
            votes.data *= np.repeat(weights[:, component.place], np.diff(votes.indptr))
            _add(scores, votes)
            self._added[component, rows.start] = votes
        self._starts.append(rows.start)
        return scores

    def parts_of(self, rows: Ints, items: Ints) -> list[dict[str, float]]:
        """What each component added to the scores of pairs of a question and a product; those of one pair sum to its
        score."""
        weights = self.weights[rows]
        found = {
            _NAMES[component]: weights[:, component.place] * asked.scores_of(rows, items)
            for component, asked in self._asked.items()
        }
        found[_NAMES[Component.SELLING]] = weights[:, Component.SELLING.place] * self.model.selling[items]
        for component in self._voting:
            found[_NAMES[component]] = self._voted(component, rows, items)
        columns = [values.tolist() for values in found.values()]
        return [dict(zip(found, values, strict=True)) for values in zip(*columns, strict=True)]

    def _voted(self, component: Component, rows: Ints, items: Ints) -> Floats:
        said = np.zeros(len(rows), dtype=np.float32)
        chunk = np.searchsorted(self._starts, rows, side="right") - 1
        for number, start in enumerate(self._starts):
            here = chunk == number
            said[here] = self._added[component, start][rows[here] - start, items[here]].A1
        return said

    def parts(self, rows: slice) -> Floats:
        """What each component says about each product, unweighted: questions by products by components."""
        found = np.zeros((len(self.anchors[rows]), len(self.model.products), len(Component)), dtype=np.float32)
        for component, asked in self._asked.items():
            found[:, :, component.place] = asked.scores(rows, np.ones(len(found), dtype=np.float32))
        found[:, :, Component.SELLING.place] = self.model.selling
        for component in (Component.TOGETHER, *LINKS):
            found[:, :, component.place] = self.votes(component, rows).toarray()
        return found

    @cached_property
    def weights(self) -> Weights:
        """Of each component, for each question."""
        purposes = [question.purpose for question in self._questions]
        return self.learned.blend.of(purposes, self.circumstances)

    @cached_property
    def circumstances(self) -> Floats:
        """What weights depend on, for each question."""
        found = np.zeros((len(self.anchors), len(CIRCUMSTANCES)), dtype=np.float32)
        found[:, 0] = 1
        found[:, 1] = [len(anchors) == 1 for anchors in self.anchors]
        leads = self.model.evidence.leads
        found[:, 2] = [
            max((leads[number] - 0.5 for number in self.numbers.known(anchors)), default=0) for anchors in self.anchors
        ]
        return found

    def votes(self, component: Component, rows: slice) -> sp.csr_matrix:
        """What a component of votes says, where it says anything; 0 is what it says of all other products."""
        return _above_the_rest(self._bare_votes(component, rows))

    def _bare_votes(self, component: Component, rows: slice) -> sp.csr_matrix:
        anchors = self._sold_anchors[rows]
        if component is Component.TOGETHER:
            return self.model.evidence.votes(anchors)
        links = self.learned.links.get(LINKS[component])
        if not links:
            return sp.csr_matrix(anchors.shape, dtype=np.float32)
        if component is Component.HISTORY:
            return links.votes(row_means(self._histories[rows]))
        if component is Component.EASE_WIDE:
            return links.votes(anchors + _HISTORY_SHARE * self._histories[rows])
        votes = links.votes(anchors)
        if component is Component.NEW:
            votes.data *= self.model.newness[votes.indices]
        return votes

    def strongest(self, row: int, items: Ints) -> list[str]:
        """For each item the anchor whose row adds most to the embeddings' parts of its score, which are linear."""
        anchors = self.anchors[row]
        if len(anchors) == 1:
            return anchors * len(items)
        rows, weights = [self._row[sku] for sku in anchors], self.weights[row]
        says = np.zeros((len(anchors), len(items)), dtype=np.float32)
        for component, asked in self._asked.items():
            says += weights[component.place] * asked.said_by(rows, row, items)
        return [anchors[at] for at in np.argmax(says, axis=0).tolist()]

    # Sparse matrices cost more to make than one order takes to rank, so they are made where something votes.

    @cached_property
    def _sold_anchors(self) -> sp.csr_matrix:
        return _ones([self.numbers.known(anchors) for anchors in self.anchors], len(self.model.products))

    @cached_property
    def _histories(self) -> sp.csr_matrix:
        return _ones(self._history, len(self.model.products))

    @property
    def _voting(self) -> list[Component]:
        counted = self.learned.blend.counted
        return [component for component in (Component.TOGETHER, *LINKS) if component in counted]


@dataclass(frozen=True, eq=False)
class _Asked:
    """Questions put to one LightFM: anchors as vectors, and orders as the means of theirs."""

    embeddings: Embeddings
    anchors: Floats
    orders: Floats

    def scores(self, rows: slice, weights: Floats) -> Floats:
        """Weighted already: the product of matrices is scaled by its vectors, which are few."""
        center, spread = (of_all[rows] for of_all in self._catalog)
        scale = (weights / spread)[:, None]
        scores: Floats = (self.orders[rows] * scale) @ self.embeddings.item.T
        scores += scale * self.embeddings.item_bias
        scores -= scale * center[:, None]
        return scores

    def scores_of(self, rows: Ints, items: Ints) -> Floats:
        """Those of pairs of a question and a product, without a weight."""
        center, spread = (of_all[rows] for of_all in self._catalog)
        bare = (self.embeddings.item[items] * self.orders[rows]).sum(axis=1) + self.embeddings.item_bias[items]
        scores: Floats = (bare - center) / spread
        return scores

    def said_by(self, anchors: Sequence[int], row: int, items: Ints) -> Floats:
        """What each of these anchors adds to the scores of some products."""
        _, spread = self._catalog
        said: Floats = self.anchors[anchors] @ self.embeddings.item[items].T / spread[row]
        return said

    @cached_property
    def _catalog(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each question's bare scores over the catalog, without computing them."""
        mean, covariance = self.embeddings.spread
        center = self.orders @ mean[:-1] + mean[-1]
        around = self.orders @ covariance[:-1, :-1] + 2 * covariance[-1, :-1]
        variance = (around * self.orders).sum(axis=1) + covariance[-1, -1]
        return center, np.sqrt(np.maximum(variance, 0)) + np.float32(_LEAST_SPREAD)


def _above_the_rest(votes: sp.csr_matrix) -> sp.csr_matrix:
    """asinh of the standard deviations above the catalog's mean, less what a product without votes has."""
    width = votes.shape[1]
    lengths = np.diff(votes.indptr)
    row = np.repeat(np.arange(votes.shape[0]), lengths)
    total = np.bincount(row, votes.data, votes.shape[0])
    squares = np.bincount(row, votes.data**2, votes.shape[0])
    center = total / width
    spread = np.sqrt(np.maximum(squares / width - center**2, 0)) + _LEAST_SPREAD
    values = (votes.data - np.repeat(center, lengths)) / np.repeat(spread, lengths)
    data = np.arcsinh(values) - np.repeat(np.arcsinh(-center / spread), lengths)
    return sp.csr_matrix((data.astype(np.float32), votes.indices, votes.indptr), shape=votes.shape)


def _add(scores: Floats, part: sp.csr_matrix) -> None:
    rows = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
    scores[rows, part.indices] += part.data


def _history(numbers: Numbers, question: Question, longest: int) -> list[int]:
    anchors = set(question.anchors)
    return numbers.known([sku for sku in dict.fromkeys(reversed(question.history)) if sku not in anchors])[:longest]


def _anchor_vectors(
    numbers: Numbers, learned: Learned, embeddings: Embeddings, skus: Sequence[str], catalog: Mapping[str, Product]
) -> Floats:
    known = numbers.known(skus)
    if len(known) == len(skus):
        found: Floats = embeddings.anchor[known]
        return found
    vectors = np.zeros((len(skus), embeddings.item.shape[1]), dtype=np.float32)
    seen = [row for row, sku in enumerate(skus) if numbers[sku] is not None]
    new = [row for row, sku in enumerate(skus) if numbers[sku] is None]
    vectors[seen] = embeddings.anchor[known]
    metadata = learned.vocabulary.rows([catalog[skus[row]] for row in new])
    vectors[new] = metadata @ embeddings.feature_anchor
    return vectors


def _means(vectors: Floats, rows: Sequence[Sequence[int]]) -> Floats:
    """For each row the mean of the vectors it names; zeros where it names none."""
    found = np.zeros((len(rows), vectors.shape[1]), dtype=np.float32)
    naming = [at for at, row in enumerate(rows) if row]
    if not naming:
        return found
    lengths = np.array([len(rows[at]) for at in naming])
    starts = np.cumsum(lengths) - lengths
    sums = np.add.reduceat(vectors[[number for row in rows for number in row]], starts, axis=0)
    found[naming] = sums / lengths[:, None]
    return found


def _ones(rows: Sequence[Sequence[int]], width: int) -> sp.csr_matrix:
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    pointers = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    return ones(columns, pointers, width)
