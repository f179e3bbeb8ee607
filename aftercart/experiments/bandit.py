"""Shares that follow success. What they lead to cannot be tested: people came to the arms at different times."""

from collections.abc import Mapping

import numpy as np

from aftercart.experiments.assignment import FLOOR

_DRAWS = 20_000


def shares(results: Mapping[str, tuple[int, int]], *, seed: int, floor: float = FLOOR) -> dict[str, float]:
    """The share of the next people that each arm shall get: how likely it is the best (Thompson 1933).

    `results`: arm → how many people have had it, and how many of them ordered; it starts from a uniform prior. The
    shares add up to 1. Raises ValueError where the floors alone do not fit, or more ordered than there are.
    """
    if floor * len(results) > 1 or any(not 0 <= ordered <= people for people, ordered in results.values()):
        raise ValueError(f"no shares of at least {floor} for {dict(results)}")
    random = np.random.default_rng(seed)
    draws = np.stack([random.beta(1 + won, 1 + people - won, _DRAWS) for people, won in results.values()])
    best = np.bincount(draws.argmax(axis=0), minlength=len(results)) / _DRAWS
    free = 1 - floor * len(results)
    return {arm: float(floor + free * chance) for arm, chance in zip(results, best, strict=True)}
