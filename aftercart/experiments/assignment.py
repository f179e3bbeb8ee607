"""Which arm of an experiment a person falls into. Pure: the same person falls into the same arm on every machine.

Arm = HMAC(secret, experiment | version | person) mapped to [0, 1). Each experiment has its own salt, so that the same
people are not in every holdout.
"""

import hashlib
import hmac
import math
from collections.abc import Mapping
from itertools import accumulate

FLOOR = 0.1
"""No arm of a bandit falls below this share of people, so that one with a bad start can recover."""


def point(secret: str, experiment: str, version: str, person: str) -> float:
    """Where a person lies in [0, 1). `person` is the normalized address."""
    parts = "\x00".join((experiment, version, person))
    digest = hmac.digest(secret.encode(), parts.encode(), hashlib.sha256)
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # 53 bits: as many as a float holds, so never 1.0


def arm(secret: str, experiment: str, version: str, person: str, shares: Mapping[str, float]) -> str:
    """The arm of a person. `shares` add up to 1; their order matters.

    The arms lie side by side from 0 on, so that moving the border between two of them moves only the people between
    the old border and the new one. Raises ValueError for shares that are negative or do not add up.
    """
    if not shares or min(shares.values()) < 0 or not math.isclose(math.fsum(shares.values()), 1, abs_tol=1e-9):
        raise ValueError(f"shares must be 0 or more and add up to 1: {dict(shares)}")
    here = point(secret, experiment, version, person)
    arms = [(name, share) for name, share in shares.items() if share > 0]
    borders = accumulate(share for _, share in arms)
    inside = (name for (name, _), border in zip(arms, borders, strict=True) if here < border)
    return next(inside, arms[-1][0])  # a rounding error may leave the last border just below 1


def in_holdout(secret: str, experiment: str, version: str, person: str, share: float) -> bool:
    """Whether a person is sent nothing. A larger share keeps everybody who was in a smaller one."""
    return point(secret, experiment, version, person) < share
