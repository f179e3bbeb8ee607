"""Categories that stand against each other: who buys from one hardly ever takes one of the other in the same order.

A road bike and a mountain bike are no complements, though both sell well and both are bikes. Nobody has to say so:
past orders show it.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from aftercart.recommendation.catalog import Product
from aftercart.recommendation.evidence import Evidence
from aftercart.recommendation.guards import Rivals

EXPECTED_AT_LEAST = 20.0
"""With fewer pairs expected by chance, that there are none says nothing."""
SHARE_OF_CHANCE = 0.1


def rival_categories(products: Sequence[Product], evidence: Evidence) -> Rivals:
    """Pairs of different categories, both ways round, that orders hold together far less often than by chance.

    By chance: pairs expected if orders drew their products independently, n_a * n_b / orders.
    """
    names = sorted({product.category for product in products} - {""})
    number = {name: at for at, name in enumerate(names)}
    category = np.array([number.get(product.category, len(names)) for product in products], dtype=np.int64)
    size = len(names) + 1
    orders = np.bincount(category, weights=evidence.item_orders, minlength=size)
    together = _together(category, evidence, size)
    expected = np.outer(orders, orders) / max(evidence.order_count, 1)
    apart = (expected >= EXPECTED_AT_LEAST) & (together < SHARE_OF_CHANCE * expected)
    rows, columns = np.nonzero(apart[:-1, :-1])
    return frozenset((names[one], names[other]) for one, other in zip(rows, columns, strict=True) if one != other)


def _together(
    category: np.ndarray[tuple[int], np.dtype[np.int64]], evidence: Evidence, size: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rows = np.repeat(category, np.diff(evidence.pair_pointers))
    counts = (evidence.pair_counts.astype(np.float64), (rows, category[evidence.pair_items]))
    found: np.ndarray[tuple[int, int], np.dtype[np.float64]] = sp.coo_matrix(counts, shape=(size, size)).toarray()
    return found
