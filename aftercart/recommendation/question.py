"""What is asked of a ranking, and what it answers."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.request import Purpose


@dataclass(frozen=True, eq=False)
class Question:
    """One order as a ranking sees it. `banned` is never ranked; `allowed` (by product number): None for all."""

    anchors: tuple[str, ...]
    history: tuple[str, ...] = ()
    banned: frozenset[str] = frozenset()
    allowed: npt.NDArray[np.bool_] | None = field(default=None)
    purpose: Purpose = Purpose.NEXT


class Candidate(NamedTuple):
    """A product in the running. `because`: the anchor that speaks for it most, or empty. `rank` counts from 1."""

    sku: str
    score: float
    because: str
    rank: int


Ranking = list[Candidate]
