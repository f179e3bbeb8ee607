"""What is given in a batch of questions, as arrays: orders as vectors, anchors as votes, and the scores they make.

A component of a score is counted in standard deviations above the catalog. Votes go through asinh: their tail is so
heavy that it would drown the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import Floats, Ints
from aftercart.recommendation.models.blend import CIRCUMSTANCES, Component, Weights
from aftercart.recommendation.models.lightfm_model import Embeddings
from aftercart.recommendation.models.model import TOGETHER, Learned, Model
from aftercart.recommendation.models.serving_arrays import ONES_COLUMN, SELLING_COLUMN, Stack, columns_of

LINKS = {
    Component.TOGETHER: TOGETHER,
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
        self._added: list[sp.csr_matrix] = []
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
        scores: Floats = self._linear(rows) @ self.model.linear.T
        if self._voting:
            votes = self._votes(rows, self._voting)
            lengths = np.diff(votes.indptr)
            votes.data *= self.weights[rows, self._places].T.ravel().repeat(lengths)
            _add(scores, votes, lengths)
            self._added.append(votes)
        self._starts.append(rows.start)
        return scores

    def _linear(self, rows: slice) -> Floats:
        """What the rows of products are multiplied by. Weighted already, as these vectors are few."""
        weights, widths = self.weights[rows], [each.item.shape[1] for each in self.learned.subjects]
        found = np.zeros((len(weights), self.model.linear.shape[1]), dtype=np.float32)
        for component, asked in self._asked.items():
            number = component is Component.LIGHTFM_NEXT and len(widths) > 1
            columns, bias = columns_of(number, widths)
            vectors, scale, constant = asked.linear(rows, weights[:, component.place])
            found[:, columns] += vectors
            found[:, bias] += scale
            found[:, ONES_COLUMN] -= constant
        found[:, SELLING_COLUMN] = weights[:, Component.SELLING.place]
        return found

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
        said, place = np.zeros(len(rows), dtype=np.float32), self._voting.index(component)
        chunk = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(chunk).tolist():
            start, votes, here = self._starts[number], self._added[number], chunk == number
            count = votes.shape[0] // len(self._voting)
            said[here] = votes[place * count + rows[here] - start, items[here]].A1
        return said

    def parts(self, rows: slice) -> Floats:
        """What each component says about each product, unweighted: questions by products by components."""
        found = np.zeros((len(self.anchors[rows]), len(self.model.products), len(Component)), dtype=np.float32)
        for component, asked in self._asked.items():
            found[:, :, component.place] = asked.scores(rows)
        found[:, :, Component.SELLING.place] = self.model.selling
        voting = [*LINKS, Component.AGAIN]
        votes = self._votes(rows, voting).toarray().reshape(len(voting), *found.shape[:2])
        for component, said in zip(voting, votes, strict=True):
            found[:, :, component.place] = said
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

    def _votes(self, rows: slice, components: Sequence[Component]) -> sp.csr_matrix:
        """What these components say, where they say anything; 0 is what they say of all other products. A row for each
        question, for one component after the other: those that links are read for, then what is bought again."""
        linked = [component for component in components if component in LINKS]
        said = [self._linked(rows, linked)] if linked else []
        if Component.AGAIN in components:
            said.append(self._bought_before(rows))
        return _above_the_rest(sp.vstack(said, format="csr") if len(said) > 1 else said[0])

    def _linked(self, rows: slice, components: Sequence[Component]) -> sp.csr_matrix:
        """The votes of what links are read for."""
        stack, count = self.model.votes, len(self.anchors[rows])
        anchors, history = _Speakers.of(self._sold[rows]), _Speakers.of(self._history[rows])
        by = {Component.HISTORY: history.on_average(), Component.EASE_WIDE: self._both(rows)}
        asked = [
            by.get(each, anchors).of_kind(stack, LINKS[each]) if LINKS[each] in stack.names else _Speakers.nobody(count)
            for each in components
        ]
        votes = stack.votes(
            lengths=np.concatenate([each.lengths for each in asked]),
            speakers=np.concatenate([each.items for each in asked]),
            weights=np.concatenate([each.weights for each in asked]),
        )
        if Component.NEW in components:
            start = components.index(Component.NEW) * count
            here = slice(votes.indptr[start], votes.indptr[start + count])
            votes.data[here] *= self.model.newness[votes.indices[here]]
        return votes

    def _bought_before(self, rows: slice) -> sp.csr_matrix:
        """How often each customer bought what they may buy again, on a logarithmic scale."""
        questions = self._questions[rows]
        bought = _Speakers.of([self.numbers.known(_without_anchors(question)) for question in questions])
        pointers = np.concatenate(([0], np.cumsum(bought.lengths)))
        shape = (len(questions), len(self.model.products))
        times = sp.csr_matrix((bought.weights, bought.items, pointers), shape=shape)
        times.sum_duplicates()
        np.log1p(times.data, out=times.data)
        return times

    def _both(self, rows: slice) -> "_Speakers":
        """Anchors, and earlier purchases with a share."""
        pairs = list(zip(self._sold[rows], self._history[rows], strict=True))
        both = _Speakers.of([[*anchors, *history] for anchors, history in pairs])
        lengths = np.array([len(part) for pair in pairs for part in pair], dtype=np.int64)
        shares = np.tile(np.array([1, _HISTORY_SHARE], dtype=np.float32), len(pairs))
        return _Speakers(both.items, np.repeat(shares, lengths), both.lengths)

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

    @cached_property
    def _sold(self) -> list[list[int]]:
        """The anchors that the model knows."""
        return [self.numbers.known(anchors) for anchors in self.anchors]

    @cached_property
    def _voting(self) -> list[Component]:
        counted = self.learned.blend.counted
        linked = [component for component in LINKS if component in counted]
        # A mail offers nothing that its reader has: nobody need be asked what they would buy again.
        is_barred = all(question.banned.issuperset(question.history) for question in self._questions)
        return linked if is_barred or Component.AGAIN not in counted else [*linked, Component.AGAIN]

    @cached_property
    def _places(self) -> list[int]:
        return [component.place for component in self._voting]


@dataclass(frozen=True, eq=False)
class _Speakers:
    """Who votes on each question, one question after the other, and how much each counts."""

    items: Ints
    weights: Floats
    lengths: Ints

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "_Speakers":
        items = np.array([item for row in rows for item in row], dtype=np.int64)
        return cls(items, np.ones(len(items), np.float32), np.array([len(row) for row in rows], dtype=np.int64))

    @classmethod
    def nobody(cls, questions: int) -> "_Speakers":
        return cls.of([()] * questions)

    def on_average(self) -> "_Speakers":
        shares = (1 / np.repeat(self.lengths, self.lengths)).astype(np.float32)
        return _Speakers(self.items, shares, self.lengths)

    def of_kind(self, stack: Stack, name: str) -> "_Speakers":
        return _Speakers(self.items + stack.names.index(name) * stack.products, self.weights, self.lengths)


@dataclass(frozen=True, eq=False)
class _Asked:
    """Questions put to one LightFM: anchors as vectors, and orders as the means of theirs."""

    embeddings: Embeddings
    anchors: Floats
    orders: Floats

    def linear(self, rows: slice, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """What components of products are multiplied by, what their biases are, and what is taken off, so weighted."""
        center, spread = (of_all[rows] for of_all in self._catalog)
        scale = weights / spread
        return self.orders[rows] * scale[:, None], scale, scale * center

    def scores(self, rows: slice) -> Floats:
        """Those of all products, without a weight."""
        vectors, scale, constant = self.linear(rows, np.ones(len(self.orders[rows]), dtype=np.float32))
        scores: Floats = vectors @ self.embeddings.item.T
        scores += scale[:, None] * self.embeddings.item_bias
        scores -= constant[:, None]
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
        with_one = np.ones((len(self.orders), len(mean)), dtype=np.float32)  # that stands for the bias
        with_one[:, :-1] = self.orders
        center = with_one @ mean
        variance = np.einsum("ij,ij->i", with_one @ covariance, with_one)
        return center, np.sqrt(np.maximum(variance, 0)) + np.float32(_LEAST_SPREAD)


def _above_the_rest(votes: sp.csr_matrix) -> sp.csr_matrix:
    """asinh of the standard deviations above the catalog's mean, less what a product without votes has."""
    lengths = np.diff(votes.indptr)
    has_any = lengths > 0
    starts, lengths = votes.indptr[:-1][has_any], lengths[has_any]
    center, squares = (_sums(values, starts) / votes.shape[1] for values in (votes.data, votes.data * votes.data))
    scale = 1 / (np.sqrt(np.maximum(squares - center**2, 0)) + _LEAST_SPREAD)
    rest = np.arcsinh(-center * scale)
    scale, center, rest = (np.repeat(each.astype(np.float32), lengths) for each in (scale, center * scale, rest))
    votes.data = np.arcsinh(votes.data * scale - center) - rest
    return votes


def _sums(values: Floats, starts: Ints) -> npt.NDArray[np.float64]:
    return np.add.reduceat(values, starts, dtype=np.float64) if len(starts) else np.zeros(0)


def _add(scores: Floats, votes: sp.csr_matrix, lengths: Ints) -> None:
    """To each question's scores what all components say of it."""
    count, width = scores.shape
    rows = np.tile(np.arange(count) * width, votes.shape[0] // count)
    np.add.at(scores.reshape(-1), votes.indices + rows.repeat(lengths), votes.data)


def _history(numbers: Numbers, question: Question, longest: int) -> list[int]:
    return numbers.known(dict.fromkeys(reversed(_without_anchors(question))))[:longest]


def _without_anchors(question: Question) -> list[str]:
    """What was bought before, a product as often as it was bought."""
    anchors = set(question.anchors)
    return [sku for sku in question.history if sku not in anchors]


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
    if len(rows) == 1 and rows[0]:  # one order, a page's: what many take costs more than all its vectors
        total: Floats = np.add.reduce(vectors[rows[0]], axis=0, keepdims=True)
        return (total / len(rows[0])).astype(np.float32, copy=False)
    found = np.zeros((len(rows), vectors.shape[1]), dtype=np.float32)
    naming = [at for at, row in enumerate(rows) if row]
    if not naming:
        return found
    lengths = np.array([len(rows[at]) for at in naming])
    starts = np.cumsum(lengths) - lengths
    sums = np.add.reduceat(vectors[[number for row in rows for number in row]], starts, axis=0)
    found[naming] = sums / lengths[:, None]
    return found
