"""What is asked of a ranking, and what it answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, repeat, starmap
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.dataset import Ints
from aftercart.recommendation.request import Purpose

_NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Question:
    """One order as a ranking sees it. `banned` is never ranked; `allowed` (by product number): None for all."""

    anchors: tuple[str, ...]
    history: tuple[str, ...] = ()
    banned: frozenset[str] = frozenset()
    allowed: npt.NDArray[np.bool_] | None = field(default=None)
    purpose: Purpose = Purpose.MAIL


class Candidate(NamedTuple):
    """A product in the running. `because`: the anchor that speaks for it most, or empty. `rank` counts from 1."""

    sku: str
    score: float
    because: str
    rank: int


Because = Callable[[Ints], Sequence[str]]
"""For products by number: the anchors that speak for them most."""
Parts = Callable[[Ints], Sequence[Mapping[str, float]]]
"""For products by number: what each kind of evidence adds to their scores."""


class Ranking(Sequence[Candidate]):
    """Candidates, best first. They are made as they are asked for: of eighty that are ranked for a mail, the guards
    look at some twenty, and four are shown."""

    def __init__(
        self,
        skus: Sequence[str] = (),
        scores: Sequence[float] = (),
        items: Ints = _NOTHING,
        because: Because | None = None,
        parts: Parts | None = None,
    ) -> None:
        self.skus = skus
        self._scores, self._items, self._because, self._parts = scores, items, because, parts

    def __len__(self) -> int:
        return len(self.skus)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> list[Candidate]: ...
    def __getitem__(self, place: int | slice) -> Candidate | list[Candidate]:
        if isinstance(place, slice):
            return [self[at] for at in range(len(self))[place]]
        at = range(len(self))[place]
        return Candidate(self.skus[at], self._scores[at], self._anchors[at] if self._anchors else "", at + 1)

    def __iter__(self) -> Iterator[Candidate]:
        in_order = zip(self.skus, self._scores, self._anchors or repeat(""), count(1))
        return starmap(Candidate, in_order)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # two that are equal may be parts of different models

    def parts(self, ranks: Sequence[int]) -> Sequence[Mapping[str, float]]:
        """What each kind of evidence adds to the scores of these ranks; empty where a score has only one part."""
        if not self._parts or not ranks:
            return [{} for _ in ranks]
        return self._parts(self._items[np.asarray(ranks) - 1])

    @cached_property
    def _anchors(self) -> Sequence[str]:
        return self._because(self._items) if self._because else ()
