"""LightFM asked the right way: the order is the user, its complements are the items.

A "user" row is the mean of the anchors' feature rows, and beside it, in a feature space of its own, the mean of what
the customer had bought before. An "item" row is the product's identity and its metadata. In every epoch each past
order is split afresh into anchors and targets, so that the model learns "given these, those". Why this form:
docs/decisions/0001-lightfm-order-as-user.md.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from lightfm import LightFM

from aftercart.recommendation.inputs.dataset import DAY_S, Floats, Interactions, Ints, Slices, ones, row_means

_SIDE_BY_SIDE = 2
"""Members in training at a time: LightFM lets go of the interpreter's lock, and what they learn from takes memory."""

_ROWS_AT_ONCE = 65_536


class Subject(StrEnum):
    """What a model is taught. One that learns both at once does worse at either."""

    TOGETHER = "together"
    """What else stands in an order."""
    NEXT = "next"
    """What its customer buys after it."""


@dataclass(frozen=True)
class Recipe:
    """How to train. Several small models side by side, whose scores add up, depend less on chance than a large one:
    `components` is what they have together, `members` how many there are for each subject. Whence the defaults:
    docs/decisions/0014-a-blend-that-is-learned.md, 0024-two-subjects-for-lightfm.md,
    0043-new-products-stand-as-far-apart.md and 0045-what-is-bought-again.md.
    """

    components: int = 64
    members: int = 2
    epochs: int = 30
    learning_rate: float = 0.05
    max_sampled: int = 30
    most_anchors: int = 4
    most_targets: int = 8
    most_given: int = 8
    half_life_days: float = 120.0
    least_chance: float = 0.25
    history: int = 12
    history_dropped: float = 0.2
    identity_dropped: float = 0.4
    identity_shrink: float = 2.0
    new_gain: float = 2.0
    new_orders: float = 5.0
    next_within_days: int = 60
    rows_per_epoch: int = 1_000_000
    threads: int = 1


@dataclass(frozen=True, eq=False)
class Embeddings:
    """What training leaves behind, ready to be multiplied. One row per product, or per feature of the vocabulary.

    score(order, product) = mean(anchor rows) . item row + mean(history rows) . item row + item bias
    """

    item: npt.NDArray[np.float32]
    item_bias: npt.NDArray[np.float32]
    anchor: npt.NDArray[np.float32]
    history: npt.NDArray[np.float32]
    feature_anchor: npt.NDArray[np.float32]
    feature_history: npt.NDArray[np.float32]
    counted: tuple[Floats, Floats] | None = None
    """`spread`, where the files of a model tell it."""

    @cached_property
    def spread(self) -> tuple[Floats, Floats]:
        """Mean and covariance of the item rows with their biases: they tell how the scores of any order are spread."""
        return self.counted or self._counted()

    def _counted(self) -> tuple[Floats, Floats]:
        item, bias = self.item, self.item_bias
        mean = np.append(item.mean(axis=0), bias.mean())
        # Block by block: a copy of all rows at once would double the memory of a large catalog.
        total = np.zeros((len(mean), len(mean)))
        for at in range(0, len(item), _ROWS_AT_ONCE):
            rows = slice(at, at + _ROWS_AT_ONCE)
            block = np.column_stack([item[rows], bias[rows]]) - mean
            total += block.T @ block
        return mean.astype(np.float32), (total / max(len(item), 1)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Rows:
    """Training rows: what is given (anchors), what was there before (histories), what to find (targets)."""

    anchors: sp.csr_matrix
    histories: sp.csr_matrix
    targets: sp.csr_matrix


class Trainer:
    """A model in training. Deterministic: the same seed, data and one thread give the same embeddings."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self._recipe = recipe
        self._random = np.random.default_rng(seed)
        seeds = iter(range(seed, seed + recipe.members * len(Subject)))
        self._members = {subject: [_member(recipe, next(seeds)) for _ in range(recipe.members)] for subject in Subject}

    def epoch(self, past: Interactions, metadata: sp.csr_matrix) -> None:
        """One pass over freshly split orders, by each member over orders split in a way of its own.

        Two members learn at a time: each from what was drawn for it in its turn, so the outcome is the same.
        """
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            learning: deque[Future[object]] = deque()
            for subject, members in self._members.items():
                for member in members:
                    if lesson := self._lesson(subject, past, metadata):
                        learning.append(pool.submit(member.fit_partial, **lesson))
                    if len(learning) == _SIDE_BY_SIDE:
                        learning.popleft().result()
            for last in learning:
                last.result()

    def _lesson(self, subject: Subject, past: Interactions, metadata: sp.csr_matrix) -> dict[str, Any] | None:
        """What one member learns from in one epoch."""
        rows = _drawn(past, subject, self._recipe, self._random)
        if not rows.targets.nnz:
            return None
        sold = past.orders_of_item > 0
        kept = self._random.random(len(past.products)) >= self._recipe.identity_dropped
        # Where nothing else is known of a product: LightFM divides by the number of features, and knows no end of 0.
        kept |= np.diff(metadata.indptr) == 0
        features = _features(kept.astype(np.float32), metadata)
        # Products never sold stay out of the columns: WARP would draw them as negatives and bury them.
        return {
            "interactions": rows.targets[:, sold].tocoo(),
            "user_features": sp.hstack([rows.anchors @ features, rows.histories @ features], format="csr"),
            "item_features": features[sold],
            "num_threads": self._recipe.threads,
        }

    def embeddings(self, subject: Subject, orders_of_item: Ints, metadata: sp.csr_matrix) -> Embeddings | None:
        """The embeddings of a subject as they stand; None if no epoch found anything of it to learn from. The identity
        of a product sold n times counts n / (n + shrink). Of what few have bought only metadata speak, which keep it
        near the middle of the catalog: it is moved away from there, by `new_gain` times the distance where nobody has
        bought it, and by half of that after `new_orders`."""
        members = self._members[subject]
        if any(member.user_embeddings is None for member in members):
            return None
        trust = orders_of_item / (orders_of_item + self._recipe.identity_shrink)
        features = _features(trust.astype(np.float32), metadata)
        width, identities = features.shape[1], features.shape[0]
        users = np.hstack([member.user_embeddings for member in members])
        anchor, history = users[:width], users[width:]
        newness = self._recipe.new_orders / (orders_of_item + self._recipe.new_orders)
        apart = (1 + self._recipe.new_gain * newness).astype(np.float32)
        return Embeddings(
            item=_moved_apart(features @ np.hstack([member.item_embeddings for member in members]), apart[:, None]),
            item_bias=_moved_apart(features @ np.sum([member.item_biases for member in members], axis=0), apart),
            anchor=features @ anchor,
            history=features @ history,
            feature_anchor=anchor[identities:],
            feature_history=history[identities:],
        )


def _member(recipe: Recipe, seed: int) -> LightFM:
    return LightFM(
        no_components=recipe.components // (recipe.members * len(Subject)),
        loss="warp",
        learning_rate=recipe.learning_rate,
        max_sampled=recipe.max_sampled,
        random_state=seed,
    )


def _moved_apart(values: Floats, times: Floats) -> Floats:
    """Each product so many times as far from the mean of all."""
    mean = values.mean(axis=0)
    apart: Floats = mean + times * (values - mean)
    return apart


def _features(identity: npt.NDArray[np.float32], metadata: sp.csr_matrix) -> sp.csr_matrix:
    own = sp.diags(identity, format="csr", dtype=np.float32)
    own.eliminate_zeros()
    return sp.hstack([own, metadata], format="csr", dtype=np.float32)


def _drawn(past: Interactions, subject: Subject, recipe: Recipe, random: np.random.Generator) -> Rows:
    """An epoch's rows: orders split into anchors and targets, or orders with what their customer bought next."""
    lately, width = _lately(past, recipe, random), len(past.products)
    if subject is Subject.TOGETHER:
        orders = _some(np.flatnonzero((past.sizes >= 2) & lately), recipe.rows_per_epoch, random)
        anchors, targets = _split(past, orders, recipe, random)
    else:
        later = past.next_purchases(recipe.next_within_days)
        orders = _some(np.flatnonzero((later.lengths > 0) & lately), recipe.rows_per_epoch, random)
        anchors = _sample(past.baskets, orders, recipe.most_given, width, random)
        targets = _sample(later, orders, recipe.most_targets, width, random)
    histories = past.histories(recipe.history).matrix(orders, width)
    return Rows(
        anchors=row_means(anchors),
        histories=_sometimes_dropped(row_means(histories), recipe.history_dropped, random),
        targets=targets,
    )


def _lately(past: Interactions, recipe: Recipe, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """The orders of this epoch: the newest are in each of them, old ones in some. Tastes and the range change."""
    age = (past.last_order_at - past.placed_at) / DAY_S
    chance = np.maximum(0.5 ** (age / recipe.half_life_days), recipe.least_chance)
    kept: npt.NDArray[np.bool_] = random.random(past.order_count) < chance
    return kept


def _some(rows: Ints, most: int, random: np.random.Generator) -> Ints:
    if len(rows) <= most:
        return rows
    return np.sort(random.choice(rows, size=most, replace=False))


def _split(
    past: Interactions, orders: Ints, recipe: Recipe, random: np.random.Generator
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Each order shuffled: the first one to four products are its anchors, the next ones its targets."""
    sizes = past.sizes[orders]
    pointers = np.concatenate(([0], np.cumsum(sizes)))
    row = np.repeat(np.arange(len(orders)), sizes)
    place = np.arange(pointers[-1]) - pointers[row]
    lines = past.line_start[orders][row] + place
    items = past.item[lines[np.lexsort((random.random(len(lines)), row))]]
    given = np.minimum(random.integers(1, recipe.most_anchors + 1, len(orders)), sizes - 1)
    is_anchor = place < given[row]
    is_target = ~is_anchor & (place < (given + recipe.most_targets)[row])
    width = len(past.products)
    return tuple(ones(items[chosen], _pointers(row[chosen], len(orders)), width) for chosen in (is_anchor, is_target))


def _sample(slices: Slices, rows: Ints, most: int, width: int, random: np.random.Generator) -> sp.csr_matrix:
    """Up to `most` values of each slice, drawn at random (a value may be drawn twice and then counts once)."""
    draws = random.random((len(rows), most)) * slices.lengths[rows][:, None]
    values = slices.values[slices.starts[rows][:, None] + draws.astype(np.int64)]
    return ones(values.ravel(), np.arange(len(rows) + 1) * most, width)


def _sometimes_dropped(matrix: sp.csr_matrix, share: float, random: np.random.Generator) -> sp.csr_matrix:
    kept = (random.random(matrix.shape[0]) >= share).astype(np.float32)
    return sp.diags(kept, format="csr", dtype=np.float32) @ matrix


def _pointers(sorted_rows: Ints, count: int) -> Ints:
    return np.concatenate(([0], np.cumsum(np.bincount(sorted_rows, minlength=count))))
