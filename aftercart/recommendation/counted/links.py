"""How strongly each product speaks for others, as a sparse matrix: what several kinds of evidence come down to."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.inputs.dataset import Floats, Interactions


@dataclass(frozen=True, eq=False)
class Links:
    """For product a: `items[pointers[a]:pointers[a + 1]]`, in ascending order, with their `weights`. The first pointer
    may be other than 0, where these are a part of more."""

    pointers: npt.NDArray[np.signedinteger]
    items: npt.NDArray[np.signedinteger]
    weights: Floats

    def parts(self) -> tuple[npt.NDArray[np.signedinteger], npt.NDArray[np.signedinteger], Floats]:
        """Pointers from 0, items and weights of these links alone."""
        here = slice(int(self.pointers[0]), int(self.pointers[-1]))
        pointers = self.pointers - self.pointers[0] if self.pointers[0] else self.pointers
        return pointers, self.items[here], self.weights[here]

    def weight(self, one: int, other: int) -> float:
        """How strongly `one` speaks for `other`; 0 where nothing is known."""
        start, end = int(self.pointers[one]), int(self.pointers[one + 1])
        place = start + int(np.searchsorted(self.items[start:end], other))
        return float(self.weights[place]) if place < end and self.items[place] == other else 0.0


def links_of(matrix: sp.csr_matrix) -> Links:
    """A square matrix as links."""
    matrix.sort_indices()
    return Links(
        matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data.astype(np.float32, copy=False)
    )


def strongest(block: Floats, most: int) -> sp.csr_matrix:
    """A dense block of rows as a sparse one that keeps what weighs most in each row."""
    most = min(most, block.shape[1] - 1)
    if most <= 0:
        return sp.csr_matrix(block.shape, dtype=np.float32)
    columns = np.sort(np.argpartition(-np.abs(block), most - 1, axis=1)[:, :most], axis=1)
    pointers = np.arange(len(block) + 1) * most
    kept = sp.csr_matrix((np.take_along_axis(block, columns, axis=1).ravel(), columns.ravel(), pointers), block.shape)
    kept.eliminate_zeros()
    return kept


_FOLLOW_SHRINK = 5.0
_FOLLOW_WITHIN_DAYS = 60


def followed(past: Interactions) -> Links:
    """How often one product was bought for the first time within 60 days after an order with another: the share of
    those orders that were followed by anything, shrunk where they are few."""
    width = len(past.products)
    later = past.next_purchases(_FOLLOW_WITHIN_DAYS)
    orders = np.flatnonzero(later.lengths > 0)
    before, after = past.baskets.matrix(orders, width), later.matrix(orders, width)
    orders_of = np.asarray(before.sum(axis=0)).ravel()
    shares = sp.diags(1 / (orders_of + _FOLLOW_SHRINK)) @ (before.T @ after)
    return links_of(shares.tocsr())
