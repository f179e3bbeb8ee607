"""When something that could not be told is tried again, and when an outlet is left alone. Pure.

The waits are those that the Standard Webhooks specification proposes: three days and a half in all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LEASE = timedelta(minutes=2)
"""For which nobody else takes what a worker has taken: longer than a round of the slowest answers. If the worker dies,
it is told again then, under the same id."""
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After the first try, the second, and so on; then it is given up."""
JITTER = 0.1
"""So much longer at most, so that what failed together does not come back together."""
FAILURES_TO_REST = 5
"""Rounds in a row in which nothing was told: one body that its receiver cannot digest does not stop the others."""
FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(minutes=30)
DISABLED_AFTER = timedelta(days=5)
"""Of nothing but failures."""
LONGEST_ASKED = timedelta(days=1)
"""What a `Retry-After` may ask for."""


def again_at(tries: int, now: datetime, chance: float, asked_for: timedelta = timedelta(0)) -> datetime | None:
    """The next try after so many, or None: no more. `chance`: in [0, 1). `asked_for`: by the receiver."""
    if tries > len(WAITS):
        return None
    wait = WAITS[tries - 1] * (1 + JITTER * chance)
    return now + max(wait, min(asked_for, LONGEST_ASKED))


@dataclass(frozen=True, slots=True)
class Standing:
    """How an outlet stands. `failures`: rounds in a row in which nothing was told. `rests_until`:
    it is left alone, then tried with a single message."""

    failures: int = 0
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def is_probed(self) -> bool:
        """Whether one message is enough to see how it is."""
        return self.failures >= FAILURES_TO_REST

    def is_open(self, now: datetime) -> bool:
        """Whether something may be told there now."""
        return self.disabled_at is None and (self.rests_until is None or now >= self.rests_until)

    def after_success(self) -> "Standing":
        return Standing()

    def after_failure(self, now: datetime, *, is_gone: bool = False) -> "Standing":
        """`is_gone`: it answered 410, which says that it wants to hear nothing any more."""
        failures, since = self.failures + 1, self.failing_since or now
        over = failures - FAILURES_TO_REST
        rest = min(FIRST_REST * 2 ** min(max(over, 0), 10), LONGEST_REST) if over >= 0 else None
        is_over = is_gone or now - since >= DISABLED_AFTER
        return Standing(failures, since, now + rest if rest else None, now if is_over else None)
