"""What a model knows, laid out for multiplication: one product of matrices scores the catalog by all that adds up over
columns of a product, and one of sparse matrices asks all kinds of evidence for their votes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.counted.links import Links
from aftercart.recommendation.inputs.dataset import Floats, Ints
from aftercart.recommendation.models.lightfm_model import Embeddings

SELLING_COLUMN, ONES_COLUMN = -2, -1
"""Of the rows below: they end with these, whatever LightFM has."""

_READ_AT_ONCE = 4

Places = npt.NDArray[np.signedinteger]


def linear_rows(subjects: Sequence[Embeddings], selling: Floats) -> Floats:
    """A row for each product: its components of each LightFM model, its biases, how it sells, and a one for what is the
    same for all. As wide as a few numbers that are read at once: odd rows take a quarter longer."""
    widths = [each.item.shape[1] for each in subjects]
    width = -(-(sum(widths) + len(widths) + 2) // _READ_AT_ONCE) * _READ_AT_ONCE
    rows: Floats = np.zeros((len(selling), width), dtype=np.float32)
    for number, each in enumerate(subjects):
        columns, bias = columns_of(number, widths)
        rows[:, columns], rows[:, bias] = each.item, each.item_bias
    rows[:, SELLING_COLUMN], rows[:, ONES_COLUMN] = selling, 1
    return rows


def columns_of(number: int, widths: Sequence[int]) -> tuple[slice, int]:
    """Where in these rows the components of a LightFM model stand, and its bias."""
    start = sum(widths[:number])
    return slice(start, start + widths[number]), sum(widths) + number


@dataclass(frozen=True, eq=False)
class Stack:
    """Several kinds of links over the same products, one under the other. What product a says by kind number k:
    `items[pointers[k * products + a]:pointers[k * products + a + 1]]`, with their `weights`."""

    names: tuple[str, ...]
    pointers: Places
    items: Places
    weights: Floats

    @property
    def rows(self) -> int:
        return len(self.pointers) - 1

    @property
    def products(self) -> int:
        return self.rows // len(self.names)

    def links(self, name: str) -> Links:
        """One kind by itself, in the same memory."""
        start = self.names.index(name) * self.products
        return Links(self.pointers[start : start + self.products + 1], self.items, self.weights)

    def votes(self, *, lengths: Ints, speakers: Ints, weights: Floats) -> sp.csr_matrix:
        """For rows of so many speakers, each by kind and product, the summed weights of what they speak for."""
        pointers = np.zeros(len(lengths) + 1, dtype=self.pointers.dtype)
        np.cumsum(lengths, out=pointers[1:])
        rows = (weights, speakers.astype(self.items.dtype), pointers)
        return sp.csr_matrix(rows, shape=(len(lengths), self.rows)) @ self._matrix

    @cached_property
    def _matrix(self) -> sp.csr_matrix:
        return sp.csr_matrix((self.weights, self.items, self.pointers), shape=(self.rows, self.products))


def stacked(named: Sequence[tuple[str, Links]]) -> Stack:
    """These kinds of links, one under the other."""
    if len(named) == 1:
        ((name, links),) = named
        return Stack((name,), links.pointers, links.items, links.weights)
    parts = [links.parts() for _, links in named]
    sizes = np.cumsum([0, *(len(items) for _, items, _ in parts)])
    # Sparse matrices want pointers and columns of one type, and copy them at every multiplication if they are of two.
    wide = np.int64 if sizes[-1] > np.iinfo(np.int32).max else np.int32
    starts = [pointers[:-1].astype(np.int64) + size for (pointers, _, _), size in zip(parts, sizes, strict=False)]
    return Stack(
        tuple(name for name, _ in named),
        np.concatenate([*starts, sizes[-1:]]).astype(wide),
        np.concatenate([items for _, items, _ in parts]).astype(wide, copy=False),
        np.concatenate([weights for _, _, weights in parts]),
    )
