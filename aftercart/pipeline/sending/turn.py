"""Whose turn it is to compute, among the threads of one process.

Threads share Python's lock. Where two compute at once neither gets on faster, and whenever one of them reads a reply or
writes a row, the other one takes the lock and keeps it for a while. So a batch is worked off in its turn. It keeps the
turn while mails are handed over, as long as the mail server answers at once; while that is waited for, others compute.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from time import monotonic

FAR_S = 0.003
"""A mail server that takes longer for an answer is one that is waited for."""
LOOK_S = 0.005
"""How often whoever is next looks whether the turn is in use."""


class Hold:
    """One batch's turn."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard_at: float | None = None

    def heard(self) -> None:
        """Mails are being handed over, and the sender has just come back to us: with an answer, or for the next."""
        self._heard_at = self._clock()

    @property
    def is_waiting(self) -> bool:
        """Whether the sender has been silent for a while. Never before it was given a mail."""
        return self._heard_at is not None and self._clock() - self._heard_at > FAR_S


class Turn:
    """Safe to use from many threads. `clock`: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._line, self._over = Lock(), Condition()
        self._holder: Hold | None = None

    @contextmanager
    def taken(self) -> Iterator[Hold]:
        """Wait for the turn and hold it, but for the time in which `Hold.heard` is not called."""
        hold = Hold(self._clock)
        with self._line, self._over:  # only the first in the line looks at the clock
            while self._holder and not self._holder.is_waiting:
                self._over.wait(LOOK_S)
            self._holder = hold
        try:
            yield hold
        finally:
            with self._over:
                if self._holder is hold:
                    self._holder = None
                    self._over.notify()
