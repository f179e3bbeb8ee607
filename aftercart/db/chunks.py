"""Long lists of values, in pieces that one statement can take."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

CHUNK = 500
"""Values in one IN list: SQLite's oldest limit is 999 variables, and plans stay cached."""

T = TypeVar("T")


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Each value once, in the order in which they come first, in lists of at most `size`."""
    unique = list(dict.fromkeys(values))
    return (unique[start : start + size] for start in range(0, len(unique), size))
