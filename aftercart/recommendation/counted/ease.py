"""EASE: which products predict which, counted so that what a third product explains is not counted twice.

Weights of a ridge regression of every product on all others, in closed form (Steck 2019, "Embarrassingly Shallow
Autoencoders for Sparse Data"): with G = X'X + strength * I and P the inverse of G, weight(a, b) = -P[a, b] / P[b, b].
"""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.counted.links import Links, links_of, strongest
from aftercart.recommendation.inputs.dataset import Interactions, Ints

MOST_ITEMS = 5_000
"""Only among the products that sell most: the matrix is dense, 200 MB at that size, and inverted."""
KEPT_PER_ITEM = 200


_NEXT_WITHIN_DAYS = 60


def orders_alone(past: Interactions) -> sp.csr_matrix:
    """Orders by products."""
    return past.baskets.matrix(np.arange(past.order_count), len(past.products))


def with_next_orders(past: Interactions) -> sp.csr_matrix:
    """Orders by products, and beside them each order joined with what its customer bought in the 60 days after it."""
    later = past.next_purchases(_NEXT_WITHIN_DAYS)
    rows = np.flatnonzero(later.lengths > 0)
    width = len(past.products)
    joint = past.baskets.matrix(rows, width) + later.matrix(rows, width)
    return sp.vstack([orders_alone(past), joint], format="csr")


def ease_links(orders: sp.csr_matrix, strength: float) -> Links:
    """The weights that count most, for rows of orders by products; the rarest products have none."""
    kept, weights = ease_weights(orders, strength)
    among = strongest(weights, KEPT_PER_ITEM).tocoo()
    shape = (orders.shape[1], orders.shape[1])
    return links_of(sp.csr_matrix((among.data, (kept[among.row], kept[among.col])), shape=shape))


def ease_weights(orders: sp.csr_matrix, strength: float) -> tuple[Ints, npt.NDArray[np.float32]]:
    """The products weighed, ascending, and all their weights: [a, b] says how a speaks for b."""
    sold = np.asarray(orders.sum(axis=0)).ravel()
    kept = np.sort(np.argsort(-sold, kind="stable")[: min(MOST_ITEMS, int((sold > 0).sum()))])
    chosen = orders[:, kept]
    gram = (chosen.T @ chosen).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += strength
    inverse = np.linalg.inv(gram)
    weights = (inverse / -np.diag(inverse)).astype(np.float32)
    np.fill_diagonal(weights, 0)
    return kept, weights
