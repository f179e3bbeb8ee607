"""Experiments in which the truth is known: how often does a daily look find a difference that is not there, or is?

`make simulate` runs 2,000 of each kind (docs/experiments.md has the figures); a test runs some of them.
"""

import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aftercart.experiments.comparison import ALPHA, p_value
from aftercart.experiments.planning import people_needed
from aftercart.experiments.sample import Sample
from aftercart.experiments.sequential import Standing
from aftercart.experiments.verdict import Look, Plan, apart_at, judged

Floats = npt.NDArray[np.float64]
Metric = Literal["conversion", "revenue"]

RATE = 0.08
"""Who orders again within the window."""
DAYS = 28
CONTROL, VARIANT = "control", "b"
WITHOUT_END = Plan(CONTROL, {CONTROL: 0.5, VARIANT: 0.5})


@dataclass(frozen=True)
class Truth:
    """What is so. `lift`: how much more often the variant's people order (0.25: a quarter)."""

    metric: Metric
    people: int
    lift: float = 0.0

    @property
    def plan(self) -> Plan:
        """Planned for all of its people."""
        return Plan(CONTROL, WITHOUT_END.shares, self.people)


def looks(truth: Truth, random: np.random.Generator) -> list[Look]:
    """One experiment, looked at on each of its days: people come by chance, on any day and in either arm."""
    n = truth.people
    day, in_variant = random.integers(DAYS, size=n), random.random(n) < 0.5
    loyal = random.lognormal(0.0, 1.0, n)  # who bought much before orders more often
    before = np.where(random.random(n) < 0.4, 4000 * loyal, 0.0)
    rate = RATE * np.minimum(loyal / np.exp(0.5), 5.0) ** 0.3 * np.where(in_variant, 1 + truth.lift, 1.0)
    ordered = random.random(n) < rate
    # Of the baskets the largest hundredth is worth as much as the smaller half: as skewed as a shop's.
    values = ordered * random.lognormal(8.5, 1.2, n) if truth.metric == "revenue" else ordered.astype(float)
    arms = {CONTROL: ~in_variant, VARIANT: in_variant}
    series = {arm: _by_day(values[chosen], before[chosen], day[chosen]) for arm, chosen in arms.items()}
    return [{arm: samples[number] for arm, samples in series.items()} for number in range(DAYS)]


def _by_day(y: Floats, x: Floats, day: npt.NDArray[np.int64]) -> list[Sample]:
    sums = [
        np.cumsum(np.bincount(day, weights=weights, minlength=DAYS))
        for weights in (np.ones_like(y), y, y * y, x, x * x, x * y)
    ]
    return [Sample(int(one[0]), *map(float, one[1:])) for one in np.stack(sums, axis=1)]


def finds_it_as_planned(truth: Truth, found: list[Look]) -> bool:
    """Whether the default rule of a planned experiment says, on some day, that the arms differ."""
    verdict = judged(found, VARIANT, truth.plan)
    return verdict is not None and verdict.standing in (Standing.BETTER, Standing.WORSE)


def finds_it_without_end(found: list[Look]) -> bool:
    """Whether the interval of an experiment without end shuts out, on some day, that nothing differs."""
    verdicts = (judged(found[: day + 1], VARIANT, WITHOUT_END) for day in range(DAYS))
    return any(verdict is not None and verdict.interval.decides for verdict in verdicts)


def finds_it_in_one_look(found: list[Look]) -> bool:
    """Whether one look on the last day would have found it: the best that there is."""
    apart = apart_at(found[-1], VARIANT, CONTROL)
    return apart is not None and p_value(apart) < ALPHA


def finds_it_by_peeking(found: list[Look]) -> bool:
    """What happens to those who look daily at an interval that is made for one look."""
    return any(finds_it_in_one_look(found[: day + 1]) for day in range(DAYS))


@dataclass(frozen=True)
class Shares:
    """How often each rule found a difference."""

    planned: float
    without_end: float
    one_look: float
    peeking: float


def simulated(truth: Truth, times: int, seed: int) -> Shares:
    """The same experiment so many times."""
    random, counts = np.random.default_rng(seed), np.zeros(4)
    for _ in range(times):
        found = looks(truth, random)
        counts += [
            finds_it_as_planned(truth, found),
            finds_it_without_end(found),
            finds_it_in_one_look(found),
            finds_it_by_peeking(found),
        ]
    return Shares(*(counts / times).tolist())


LIFT = 0.25
NEEDED = people_needed(RATE, RATE * (1 + LIFT), 0.5)


def main(times: int) -> None:
    """Print how often each rule found a difference in so many experiments of each kind."""
    kinds = {
        "A/A, conversion": Truth("conversion", 6_000),
        "A/A, skewed revenue": Truth("revenue", 6_000),
        "A/B, conversion": Truth("conversion", NEEDED, LIFT),
        "A/B, skewed revenue": Truth("revenue", 30_000, LIFT),
    }
    print(f"{times:,} experiments of each kind, looked at on each of {DAYS} days")
    print(f"{'':<22}{'people':>8}{'planned':>10}{'no end':>10}{'one look':>10}{'peeking':>10}")
    for seed, (name, truth) in enumerate(kinds.items()):
        one = simulated(truth, times, seed)
        shares = (one.planned, one.without_end, one.one_look, one.peeking)
        print(f"{name:<22}{truth.people:>8,}" + "".join(f"{share:>10.1%}" for share in shares), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
