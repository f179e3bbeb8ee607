"""Time as the engine sees it: a function that returns the current instant, aware and in UTC.

Whoever needs the time is given a `Clock`; nobody else asks the machine. So a test, the demo and a backtest
can live in another year than the wall.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class SteppedClock:
    """A clock that stands still until it is moved forward. Thread-safe.

    After `run()` it goes on at the machine's pace from where it stands.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._running_since: datetime | None = None
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return self._current()

    def _current(self) -> datetime:
        if self._running_since is None:
            return self._now
        return self._now + (utc_now() - self._running_since)

    def move_to(self, instant: datetime) -> None:
        """Move forward to `instant`; an instant in the past changes nothing."""
        with self._lock:
            self._now = max(self._current(), instant.astimezone(UTC))
            if self._running_since is not None:
                self._running_since = utc_now()

    def step(self, by: timedelta) -> None:
        """Move forward by `by`."""
        self.move_to(self() + by)

    def run(self) -> None:
        """From now on, tick like any clock."""
        with self._lock:
            self._now, self._running_since = self._current(), utc_now()
