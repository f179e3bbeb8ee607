"""Past orders as arrays: what was bought together, what a customer had before, what they bought next.

All lines stand on one timeline, sorted by customer, then by time. So an order, the history before it and the
purchases after it are all slices of the same array, and building training rows needs no loop over orders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.inputs.catalog import Product

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

DAY_S = 86_400
GUEST = -1


@dataclass(frozen=True, eq=False)
class Slices:
    """For each row, `values[starts[row]:ends[row]]`."""

    values: Ints
    starts: Ints
    ends: Ints

    @property
    def lengths(self) -> Ints:
        return self.ends - self.starts

    def matrix(self, rows: Ints, columns: int) -> sp.csr_matrix:
        """The slices of `rows` as a matrix of ones, one line each; a value that stands twice counts once."""
        starts, lengths = self.starts[rows], self.lengths[rows]
        pointers = np.concatenate(([0], np.cumsum(lengths)))
        offsets = np.arange(pointers[-1]) - np.repeat(pointers[:-1], lengths)
        return ones(self.values[np.repeat(starts, lengths) + offsets], pointers, columns)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Orders of known products. Build it with `interactions`, which sorts and drops doubled lines.

    `item` and `price` (minor units) are per line, the rest per order; `line_start` has one entry more than there
    are orders. Products are numbered as in `products`, customers without gaps (each guest is one of their own).
    """

    products: tuple[Product, ...]
    item: Ints
    price: Floats
    line_start: Ints
    placed_at: Ints
    customer: Ints

    @property
    def order_count(self) -> int:
        return len(self.placed_at)

    @property
    def sizes(self) -> Ints:
        """How many different products each order holds."""
        return np.diff(self.line_start)

    @property
    def last_order_at(self) -> int:
        """Seconds since 1970; 0 where there is no order."""
        return int(self.placed_at.max(initial=0))

    @cached_property
    def order_of_line(self) -> Ints:
        return np.repeat(np.arange(self.order_count), self.sizes)

    @cached_property
    def orders_of_item(self) -> Ints:
        """In how many orders each product stands."""
        return np.bincount(self.item, minlength=len(self.products))

    @cached_property
    def baskets(self) -> Slices:
        """The products of each order."""
        return Slices(self.item, self.line_start[:-1], self.line_start[1:])

    def histories(self, longest: int) -> Slices:
        """What the customer of each order had bought before it: the newest `longest` lines."""
        first_order = np.searchsorted(self.customer, self.customer, side="left")
        starts = self.line_start[first_order]
        ends = self.line_start[:-1]
        return Slices(self.item, np.maximum(starts, ends - longest), ends)

    def next_purchases(self, within_days: int) -> Slices:
        """What the customer of each order bought for the first time after it, `within_days`."""
        is_first = self._first_purchases()
        span = int(self.placed_at.max(initial=0)) - int(self.placed_at.min(initial=0)) + within_days * DAY_S + 1
        moment = self.customer * span + (self.placed_at - self.placed_at.min(initial=0))
        horizon = np.minimum(moment + within_days * DAY_S, (self.customer + 1) * span - 1)
        end_order = np.searchsorted(moment, horizon, side="right")
        place = np.concatenate(([0], np.cumsum(is_first)))
        return Slices(self.item[is_first], place[self.line_start[1:]], place[self.line_start[end_order]])

    def until(self, moment: int) -> "Interactions":
        """The orders placed before `moment` (seconds since 1970)."""
        return self._only(self.placed_at < moment)

    def _only(self, kept: npt.NDArray[np.bool_]) -> "Interactions":
        lines = kept[self.order_of_line]
        starts = np.concatenate(([0], np.cumsum(self.sizes[kept])))
        customer = np.unique(self.customer[kept], return_inverse=True)[1]
        return Interactions(self.products, self.item[lines], self.price[lines], starts, self.placed_at[kept], customer)

    def _first_purchases(self) -> npt.NDArray[np.bool_]:
        pairs = self.customer[self.order_of_line] * len(self.products) + self.item
        first = np.zeros(len(self.item), dtype=bool)
        first[np.unique(pairs, return_index=True)[1]] = True
        return first


def interactions(
    products: Sequence[Product],
    placed_at: Sequence[int],
    person: Sequence[int],
    line_order: Sequence[int],
    line_item: Sequence[int],
    line_price: Sequence[float],
) -> Interactions:
    """Arrays from plain columns: orders (`placed_at` in seconds since 1970, `person` any number, GUEST for a guest)
    and lines (number of the order in those columns, number of the product, unit price). Orders without lines go.
    """
    order, item = np.asarray(line_order, dtype=np.int64), np.asarray(line_item, dtype=np.int64)
    order, item, price = _without_doubles(order, item, np.asarray(line_price, dtype=np.float32), len(products))
    used, order = np.unique(order, return_inverse=True)
    times = np.asarray(placed_at, dtype=np.int64)[used]
    customer = _numbered(np.asarray(person, dtype=np.int64)[used])
    ranking = np.lexsort((np.arange(len(used)), times, customer))
    rank = np.empty_like(ranking)
    rank[ranking] = np.arange(len(used))
    by_order = np.argsort(rank[order], kind="stable")
    sizes = np.bincount(order, minlength=len(used))[ranking]
    return Interactions(
        tuple(products),
        item[by_order],
        price[by_order],
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        times[ranking],
        customer[ranking],
    )


def ones(columns: Ints, pointers: Ints, width: int) -> sp.csr_matrix:
    """A matrix of ones in CSR form; a column that stands twice in a row counts once."""
    shape = (len(pointers) - 1, width)
    matrix = sp.csr_matrix((np.ones(len(columns), np.float32), columns, pointers), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def row_means(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """A matrix of ones with each row divided by its number of entries."""
    lengths = np.diff(matrix.indptr)
    shares = (1 / np.repeat(lengths, lengths)).astype(np.float32)
    return sp.csr_matrix((shares, matrix.indices, matrix.indptr), shape=matrix.shape)


def _without_doubles(order: Ints, item: Ints, price: Floats, items: int) -> tuple[Ints, Ints, Floats]:
    kept = np.sort(np.unique(order * max(items, 1) + item, return_index=True)[1])
    return order[kept], item[kept], price[kept]


def _numbered(person: Ints) -> Ints:
    """Persons as numbers without gaps; every guest gets a number of their own."""
    guests = person == GUEST
    alone = person.copy()
    alone[guests] = person.max(initial=0) + 1 + np.arange(int(guests.sum()))
    return np.unique(alone, return_inverse=True)[1]
