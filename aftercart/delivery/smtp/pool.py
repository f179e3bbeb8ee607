"""The connections to one SMTP server that all threads of a process share, and how many there may be.

At 20 ms round trip the number of connections decides how fast mail goes; what a server allows shows when it refuses.
So their number grows while there is work, is halved on a refusal, and grows again slowly.
"""

import threading
from collections.abc import Callable
from time import monotonic

import structlog

from aftercart.delivery.smtp.line import Line
from aftercart.delivery.smtp.opening import LostError

log = structlog.get_logger()

MAILS_FOR_ONE_MORE = 100
"""After so many accepted mails the server is trusted with one more connection, up to the limit."""


class Pool:
    """Idle connections, newest first. Safe to use from many threads."""

    def __init__(self, connect: Callable[[], Line], limit: int, renew_after_s: float) -> None:
        """`connect` waits for the server and raises LostError. `renew_after_s`: idle ones are left at this age."""
        self._connect = connect
        self._limit = self._allowed = max(1, limit)
        self._renew_after_s = renew_after_s
        self._idle: list[Line] = []
        self._lent: set[Line] = set()
        self._retired: set[Line] = set()
        self._coming = 0
        self._accepted = 0
        self._closes = 0
        self._lock = threading.Lock()

    @property
    def is_growing(self) -> bool:
        """Whether a further connection is being made."""
        return self._coming > 0

    def idle(self) -> Line | None:
        """A kept connection that is alive as far as one can see without a round trip."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                line = self._idle.pop()
                self._lent.add(line)
            if monotonic() - line.used_at <= self._renew_after_s:
                line.read()  # a server that has hung up meanwhile has said so
                if line.dialog.is_idle:
                    return line
            self.discard(line)

    def new(self) -> Line:
        """A new connection, whatever the limit: each batch needs one. Raises LostError."""
        line = self._connect()
        with self._lock:
            self._lent.add(line)
        return line

    def grow(self) -> None:
        """Have a further connection made beside the work, if there may be one; `idle` has it when it is there."""
        with self._lock:
            if self._coming or self._idle or len(self._lent) >= self._allowed:
                return
            self._coming += 1
            closes = self._closes
        threading.Thread(target=self._add, args=(closes,), name="smtp-connect", daemon=True).start()

    def _add(self, closes: int) -> None:
        line = self._further()
        with self._lock:
            self._coming -= 1
            if line and closes == self._closes:
                self._idle.append(line)
                return
        if line:
            line.quit()

    def _further(self) -> Line | None:
        try:
            return self._connect()
        except LostError as err:
            log.warning("smtp_no_further_connection", cause=str(err))
            with self._lock:
                self._allowed = max(1, len(self._lent) + len(self._idle))
            return None

    def give_back(self, line: Line) -> None:
        """Keep a connection on which nothing is under way for the next batch."""
        with self._lock:
            self._lent.discard(line)
            if line not in self._retired:
                self._idle.append(line)
                return
            self._retired.discard(line)
        line.quit()

    def discard(self, line: Line) -> None:
        """Close a connection that is of no more use."""
        with self._lock:
            self._lent.discard(line)
            self._retired.discard(line)
        if line.dialog.is_idle:
            line.quit()
        else:
            line.drop()

    def accepted(self) -> None:
        """The server took a mail."""
        with self._lock:
            self._accepted += 1
            if self._accepted % MAILS_FOR_ONE_MORE == 0:
                self._allowed = min(self._allowed + 1, self._limit)

    def refused(self) -> None:
        """The server has enough of us for now."""
        with self._lock:
            self._allowed = max(1, self._allowed // 2)

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._retired |= self._lent
            self._closes += 1
        for line in idle:
            line.quit()
