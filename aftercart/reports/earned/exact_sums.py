"""Sums of whole numbers that a database adds up to the last digit, of squares of large amounts, too."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, cast, func

_HALF = 20
"""Bits of an amount: squares of whole amounts would not fit into what a database adds up."""


def sum_of(value: ColumnElement[Any]) -> ColumnElement[int]:
    """As a whole number on each database."""
    return cast(func.sum(value), BigInteger)


def products_of(name: str, one: ColumnElement[int], other: ColumnElement[int]) -> Iterator[ColumnElement[int]]:
    """The sum of the products, in three parts that fit: see `whole`."""
    (high, low), (other_high, other_low) = (
        (v.bitwise_rshift(cast(_HALF, Integer)), v.bitwise_and(2**_HALF - 1)) for v in (one, other)
    )
    yield sum_of(high * other_high).label(f"{name}_high")
    yield sum_of(high * other_low + low * other_high).label(f"{name}_mixed")
    yield sum_of(low * other_low).label(f"{name}_low")


def whole(row: Any, name: str) -> int:
    """The sum that `products_of` of that name split."""
    high, mixed, low = (getattr(row, f"{name}_{part}") for part in ("high", "mixed", "low"))
    return int((high << 2 * _HALF) + (mixed << _HALF) + low)
