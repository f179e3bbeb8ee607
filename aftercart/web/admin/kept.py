"""What pages tell, kept for a while in this process: a report of a large shop takes seconds, and is asked for often.

While one request makes it anew, others get what there is; so it costs the database the same however many people look.
"""

from collections.abc import Callable, Hashable
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

KEPT_S = 60.0
TIMES = 20
"""What took long to make is kept so many times as long: at most a twentieth of the time goes into making it."""
MOST = 100
"""Reports kept; the oldest goes first."""


class _Report(NamedTuple):
    value: Any
    as_of: datetime
    until_s: float


class Kept:
    """Reports by key."""

    def __init__(self, clock_s: Callable[[], float] = monotonic) -> None:
        """`clock_s`: of the process, in seconds; it never goes back."""
        self._clock_s = clock_s
        self._reports: dict[Hashable, _Report] = {}
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def get(self, key: Hashable, now: datetime, make: Callable[[], T]) -> tuple[T, datetime]:
        """The report and as of when it is; made now if there is none, or if it is too old and nobody is at it."""
        with self._lock:
            report, making = self._reports.get(key), self._making.setdefault(key, Lock())
        if report and (self._clock_s() < report.until_s or making.locked()):
            return report.value, report.as_of
        with making:
            with self._lock:
                report = self._reports.get(key)
            if report and self._clock_s() < report.until_s:  # made while this one waited
                return report.value, report.as_of
            return self._made(key, now, make), now

    def _made(self, key: Hashable, now: datetime, make: Callable[[], T]) -> T:
        began = self._clock_s()
        try:
            value = make()
        except Exception:
            with self._lock:
                if key not in self._reports:  # of something that there is not, say
                    self._making.pop(key, None)
            raise
        ended = self._clock_s()
        until_s = ended + max(KEPT_S, TIMES * (ended - began))
        with self._lock:
            self._reports.pop(key, None)
            self._reports[key] = _Report(value, now, until_s)
            while len(self._reports) > MOST:
                oldest = next(iter(self._reports))
                del self._reports[oldest]
                self._making.pop(oldest, None)
        return value
