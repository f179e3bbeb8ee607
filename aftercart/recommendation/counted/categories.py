"""Which categories stand together in past orders: those that go with each other, and those that keep apart.

Sparse, as a shop may write what it likes into a category, and some write thousands of them.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from weakref import proxy

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.asking.guards import MOST_OF_A_CATEGORY, Rivals
from aftercart.recommendation.counted.evidence import Evidence
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import Floats
from aftercart.recommendation.inputs.packed_catalog import packed

EXPECTED_AT_LEAST = 20.0
"""With fewer pairs expected by chance, that there are none says nothing."""
SHARE_OF_CHANCE = 0.1

_PAIRS_KEPT = 65_536


@dataclass(frozen=True, eq=False)
class Categories:
    """The categories of a catalog by number. `of_item`: that of each product; len(names) where it has none."""

    names: tuple[str, ...]
    of_item: npt.NDArray[np.int32]
    evidence: Evidence

    @cached_property
    def number(self) -> dict[str, int]:
        """The number of each category."""
        return {name: at for at, name in enumerate(self.names)}

    @cached_property
    def shares(self) -> sp.csr_matrix:
        """Row a, column b: of what orders hold beside a product of category a, how much is of category b.

        Newer orders count more. Nothing of a's own category, where only a pair of products can tell whether
        somebody wants both, and nothing of categories that orders keep apart.
        """
        each = np.repeat(self.evidence.item_orders, np.diff(self.evidence.pair_pointers))
        pairs = self._paired((each * self.evidence.pair_weights).astype(np.float64)).tolil()
        pairs.setdiag(0)
        for one, other in self._apart():
            pairs[one, other] = 0
        found = pairs.tocsr()
        found.eliminate_zeros()
        totals = np.asarray(found.sum(axis=1)).ravel()
        return (sp.diags(1 / np.maximum(totals, np.finfo(np.float64).tiny)) @ found).tocsr()

    @cached_property
    def are_misfits(self) -> Callable[[int, int], bool]:
        """Whether two products of different categories, by number, do not fit each other: a tire, and a tube of another
        size. Orders hold both categories together, each of the two stands in many of these, and hardly any holds both.
        """
        # Few anchors meet few candidates, again and again. A proxy, lest these and what they know live in a cycle.
        return lru_cache(_PAIRS_KEPT)(partial(Categories._are_misfits, proxy(self)))

    def _are_misfits(self, one: int, other: int) -> bool:
        here, there = int(self.of_item[one]), int(self.of_item[other])
        if here == there or len(self.names) in (here, there):
            return False
        mine, theirs = self._beside(one, there), self._beside(other, here)
        if min(mine, theirs) < EXPECTED_AT_LEAST:  # no more than these are expected, whatever the rest of the pairs
            return False
        expected = mine * theirs / self._together[here, there]
        counted = self.evidence.orders_together(one, other)
        return bool(expected >= EXPECTED_AT_LEAST and counted < SHARE_OF_CHANCE * expected)

    def _beside(self, item: int, category: int) -> int:
        """How many products of a category orders hold beside this one."""
        row = slice(int(self.evidence.pair_pointers[item]), int(self.evidence.pair_pointers[item + 1]))
        return int(self.evidence.pair_counts[row][self.of_item[self.evidence.pair_items[row]] == category].sum())

    @cached_property
    def _together(self) -> sp.csr_matrix:
        """How many pairs of products orders hold of two categories."""
        return self._paired(self.evidence.pair_counts.astype(np.float64))

    def taken(self, categories: AbstractSet[str], slots: int) -> frozenset[str]:
        """Those of which people put fewer than two among as many other products as there are slots, so that the one
        that was bought counts. A list holds no more of an anchor's own category than orders do."""
        known = categories & self.number.keys()
        return frozenset(name for name in known if self._own_shares[self.number[name]] * slots < MOST_OF_A_CATEGORY)

    @cached_property
    def _own_shares(self) -> npt.NDArray[np.float64]:
        """Of what orders hold beside a product of each category, how much is of the same one."""
        pairs = self._together
        totals = np.asarray(pairs.sum(axis=1)).ravel()
        shares: npt.NDArray[np.float64] = pairs.diagonal() / np.maximum(totals, 1)
        return shares

    @cached_property
    def within(self) -> Floats:
        """Of what sells lately in its category, how much is this product; 0 for a product without a category."""
        selling = self.evidence.selling
        totals = np.bincount(self.of_item, weights=selling, minlength=len(self.names) + 1)
        totals[-1] = 0
        total = totals[self.of_item]
        shares: Floats = np.divide(selling, total, out=np.zeros(len(selling)), where=total > 0).astype(np.float32)
        return shares

    @cached_property
    def rivals(self) -> Rivals:
        """Pairs of different categories, both ways round, that orders hold together far less often than by chance.

        A road bike and a mountain bike are no complements, though both sell well and both are bikes. Nobody has to
        say so: past orders show it. By chance: pairs expected if orders drew their products independently,
        n_a * n_b / orders.
        """
        return frozenset((self.names[one], self.names[other]) for one, other in self._apart())

    def _apart(self) -> Iterator[tuple[int, int]]:
        together = self._together
        orders = np.bincount(self.of_item, weights=self.evidence.item_orders, minlength=len(self.names) + 1)[:-1]
        for one in np.flatnonzero(orders):
            expected = orders * (orders[one] / max(self.evidence.order_count, 1))
            counted = together[one].toarray()[0]
            for other in np.flatnonzero((expected >= EXPECTED_AT_LEAST) & (counted < SHARE_OF_CHANCE * expected)):
                if other != one:
                    yield int(one), int(other)

    def _paired(self, weights: npt.NDArray[np.float64]) -> sp.csr_matrix:
        """The sum of the weights of all pairs of products, by their categories."""
        rows = np.repeat(self.of_item, np.diff(self.evidence.pair_pointers))
        columns = self.of_item[self.evidence.pair_items]
        named = (rows < len(self.names)) & (columns < len(self.names))
        shape = (len(self.names), len(self.names))
        return sp.coo_matrix((weights[named], (rows[named], columns[named])), shape=shape).tocsr()


def categories_of(products: Sequence[Product], evidence: Evidence) -> Categories:
    """The categories of a catalog, with what orders show of them."""
    values, of_item = packed(products).values("category")
    names = tuple(sorted({*values} - {""}))
    number = {name: at for at, name in enumerate(names)}
    places = np.array([number.get(value, len(names)) for value in values], dtype=np.int32)
    return Categories(names, places[of_item], evidence)
