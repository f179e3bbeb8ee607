"""What is asked of a ranking, and what it answers."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, repeat, starmap
from typing import NamedTuple, Protocol, overload

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.inputs.dataset import Ints

_NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Question:
    """One order as a ranking sees it. `banned` is never ranked; `allowed` (by product number): None for all.
    What is `boosted` (None: nothing) ranks as if it were bought `times` as often."""

    anchors: tuple[str, ...]
    history: tuple[str, ...] = ()
    banned: frozenset[str] = frozenset()
    allowed: npt.NDArray[np.bool_] | None = field(default=None)
    boosted: npt.NDArray[np.bool_] | None = field(default=None)
    times: float = 1.0
    purpose: Purpose = Purpose.MAIL


class Candidate(NamedTuple):
    """A product in the running. `because`: the anchor that speaks for it most, or empty. `rank` counts from 1."""

    sku: str
    score: float
    because: str
    rank: int


Because = Callable[[Ints], Sequence[str]]
"""For products by number: the anchors that speak for them most."""


class Batch(Protocol):
    """What was ranked together."""

    def parts_of(self, rows: Ints, items: Ints) -> Sequence[Mapping[str, float]]:
        """For pairs of a question and a product, each by number: what each kind of evidence adds to the score."""


class Ranking(Sequence[Candidate]):
    """Candidates, best first. They are made as they are asked for: of eighty that are ranked for a mail, the guards
    look at some twenty, and four are shown."""

    def __init__(
        self,
        skus: Sequence[str] = (),
        scores: Sequence[float] = (),
        items: Ints = _NOTHING,
        because: Because | None = None,
        batch: tuple[Batch, int] | None = None,
    ) -> None:
        """`batch`: what it was ranked in, and its row there; None where a score has only one part."""
        self.skus = skus
        self.items, self.batch = items, batch
        self._scores, self._because = scores, because

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

    @cached_property
    def _anchors(self) -> Sequence[str]:
        return self._because(self.items) if self._because else ()


def parts_of(ranked: Iterable[tuple[Ranking, int]]) -> list[Mapping[str, float]]:
    """What each kind of evidence adds to the scores of ranks in their rankings, for many at once: each asking costs.
    Empty where a score has only one part."""
    found: list[Mapping[str, float]] = []
    asked: defaultdict[Batch, list[tuple[int, int, int]]] = defaultdict(list)
    for place, (ranking, rank) in enumerate(ranked):
        found.append({})
        if ranking.batch:
            batch, row = ranking.batch
            asked[batch].append((place, row, int(ranking.items[rank - 1])))
    for batch, which in asked.items():
        places, rows, items = zip(*which, strict=True)
        for place, parts in zip(places, batch.parts_of(np.array(rows), np.array(items)), strict=True):
            found[place] = parts
    return found
