"""Two things timed in turn."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Result:
    """`per_second` and `floor_per_second` count `unit`s; medians over `rounds`."""

    name: str
    unit: str
    per_second: float
    floor: str
    floor_per_second: float
    rounds: int
    note: str = ""

    @property
    def ratio(self) -> float:
        """Our speed as a share of the floor's."""
        return self.per_second / self.floor_per_second

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "ratio": self.ratio}


def beside(
    name: str,
    unit: str,
    ours: Work,
    floor_name: str,
    floor: Work,
    *,
    count: int,
    rounds: int,
    prepare: Work = lambda: None,
    prepare_floor: Work = lambda: None,
    floor_count: int | None = None,
    clock: Callable[[], float] = perf_counter,
) -> Result:
    """Time `ours` and `floor`, each of which does `count` units, in turn, after one round that does not count.

    `prepare` runs before each turn of `ours`, `prepare_floor` before each of `floor`, untimed. `floor_count`: where
    the floor does fewer. `clock`: of what waits for nothing, `process_time` measures what others on the machine do not
    disturb.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for make_ready, work, kept in zip((prepare, prepare_floor), (ours, floor), times, strict=True):
            make_ready()
            start = clock()
            work()
            if turn:
                kept.append(clock() - start)
    mine, bare = (median(kept) for kept in times)
    return Result(name, unit, count / mine, floor_name, (floor_count or count) / bare, rounds)
