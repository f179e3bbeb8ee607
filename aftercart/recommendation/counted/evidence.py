"""What past orders show without any model: what was bought together, and what sells.

It fills slots when the model cannot, explains picks ("bought together in 212 orders"), and tells a complement
from a substitute.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.counted.variants import bought_once
from aftercart.recommendation.inputs.dataset import DAY_S, Floats, Interactions, Ints

_TOGETHER_HALF_LIFE_DAYS = 180
_SELLING_HALF_LIFE_DAYS = 30
_PAIR_SHRINK = 2.0
_ITEM_SHRINK = 10.0
_LEAD_SHRINK = 4.0
_MOST_PAIRS = 8_000_000
_LEAST_WEIGHT = 1e-6

_OFTEN_ORDERS = 5
_OFTEN_SHARE = 0.02

# If eight orders are expected to hold both by chance, that none does happens to one pair in 3,000.
_INSTEAD_EXPECTED, _INSTEAD_SHARE, _INSTEAD_ALIKE = 8.0, 0.1, 0.5


@dataclass(frozen=True, eq=False)
class Evidence:
    """Counts over `order_count` orders. Pairs in CSR form: for product a, `pair_items[pointers[a]:pointers[a + 1]]`.

    `pair_weights`: how strongly a speaks for b, newer orders counting more (half-life 180 days); about the chance
    that an order with a also holds b, shrunk where few orders say so. `selling`: orders per product, half-life 30 days.
    `leads`: in what share of its orders with others a product is the dearest one, shrunk towards a half. `bought_once`:
    whether people who have one do not come back for another color or size.
    """

    order_count: int
    item_orders: npt.NDArray[np.int32]
    selling: Floats
    leads: Floats
    bought_once: npt.NDArray[np.bool_]
    pair_pointers: npt.NDArray[np.int32]
    pair_items: npt.NDArray[np.int32]
    pair_counts: npt.NDArray[np.int32]
    pair_weights: Floats

    def orders_together(self, one: int, other: int) -> int:
        """In how many orders both stand."""
        place = self._place(one, other)
        return 0 if place is None else int(self.pair_counts[place])

    def weights(self, one: int, others: Ints) -> Floats:
        """How strongly `one` speaks for each of these."""
        row = slice(int(self.pair_pointers[one]), int(self.pair_pointers[one + 1]))
        known = self.pair_items[row]
        places = np.searchsorted(known, others)
        there = places < len(known)
        there[there] = known[places[there]] == others[there]
        found = np.zeros(len(others), np.float32)
        found[there] = self.pair_weights[row][places[there]]
        return found

    def are_often_together(self, one: int, other: int) -> bool:
        """Whether people buy both in one order, and not by chance: then they are no substitutes."""
        together = self.orders_together(one, other)
        single, other_single = int(self.item_orders[one]), int(self.item_orders[other])
        by_chance = single * other_single / max(self.order_count, 1)
        return together >= max(_OFTEN_ORDERS, _OFTEN_SHARE * single, by_chance)

    def are_bought_instead(self, one: int, other: int) -> bool:
        """Whether people take one or the other: both sell so well that chance alone would bring them into some orders
        together, hardly any order holds both, and what is bought with one is bought with the other."""
        by_chance = int(self.item_orders[one]) * int(self.item_orders[other]) / max(self.order_count, 1)
        if by_chance < _INSTEAD_EXPECTED or self.orders_together(one, other) > _INSTEAD_SHARE * by_chance:
            return False
        return self._likeness(one, other) >= _INSTEAD_ALIKE

    def _likeness(self, one: int, other: int) -> float:
        """The cosine between what is bought with one and with the other."""
        rows = [slice(int(self.pair_pointers[item]), int(self.pair_pointers[item + 1])) for item in (one, other)]
        mine, theirs = (self.pair_weights[row] for row in rows)
        bought, bought_with_other = (self.pair_items[row] for row in rows)
        _, here, there = np.intersect1d(bought, bought_with_other, assume_unique=True, return_indices=True)
        lengths = float(np.linalg.norm(mine) * np.linalg.norm(theirs))
        return float(mine[here] @ theirs[there]) / lengths if lengths else 0.0

    def _place(self, one: int, other: int) -> int | None:
        start, end = int(self.pair_pointers[one]), int(self.pair_pointers[one + 1])
        place = start + int(np.searchsorted(self.pair_items[start:end], other))
        return place if place < end and self.pair_items[place] == other else None


def evidence_of(past: Interactions) -> Evidence:
    """Count the past. Newest order: weight 1."""
    width = len(past.products)
    baskets = past.baskets.matrix(np.arange(past.order_count), width)
    age_days = (past.placed_at.max(initial=0) - past.placed_at) / DAY_S
    fading = _fading(age_days, _TOGETHER_HALF_LIFE_DAYS)
    counts = _pairs(baskets, np.ones(past.order_count))
    weights = _pairs(baskets, fading)
    row = np.repeat(np.arange(width), np.diff(counts.indptr))
    kept = row != counts.indices
    if kept.sum() > _MOST_PAIRS:
        kept &= counts.data > 1
    faded_orders = baskets.T @ fading
    pair_counts = counts.data[kept]
    trust = pair_counts / (pair_counts + _PAIR_SHRINK)
    return Evidence(
        order_count=past.order_count,
        item_orders=past.orders_of_item.astype(np.int32),
        selling=(baskets.T @ _fading(age_days, _SELLING_HALF_LIFE_DAYS)).astype(np.float32),
        leads=_leads(past),
        bought_once=bought_once(past),
        pair_pointers=np.concatenate(([0], np.cumsum(np.bincount(row[kept], minlength=width)))).astype(np.int32),
        pair_items=counts.indices[kept].astype(np.int32),
        pair_counts=np.rint(pair_counts).astype(np.int32),
        pair_weights=(weights.data[kept] * trust / (faded_orders[row[kept]] + _ITEM_SHRINK)).astype(np.float32),
    )


def _leads(past: Interactions) -> Floats:
    width = len(past.products)
    several = past.sizes >= 2
    in_several = np.bincount(past.item[several[past.order_of_line]], minlength=width)
    dearest_first = np.lexsort((-past.price, past.order_of_line))
    dearest = past.item[dearest_first[past.line_start[:-1]]] if past.order_count else past.item[:0]
    led = np.bincount(dearest[several], minlength=width)
    shares: Floats = ((led + _LEAD_SHRINK / 2) / (in_several + _LEAD_SHRINK)).astype(np.float32)
    return shares


def _pairs(baskets: sp.csr_matrix, order_weight: npt.NDArray[np.float64]) -> sp.csr_matrix:
    weighted = sp.diags(order_weight, format="csr") @ baskets
    matrix = (baskets.T @ weighted).tocsr()
    matrix.sort_indices()
    return matrix


def _fading(age_days: npt.NDArray[np.float64], half_life_days: int) -> npt.NDArray[np.float64]:
    """Never quite 0: the pairs of very old orders must keep their places."""
    return np.maximum(0.5 ** (age_days / half_life_days), _LEAST_WEIGHT)
