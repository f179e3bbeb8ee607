"""How many beats of a database this machine knows of: in memory, and in a file that is part of no dump."""

import json
import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

import structlog

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
GUARD_EVERY = timedelta(minutes=5)
"""It reads all sends, which takes a second a million."""


class Witness:
    """Safe to share between threads; several processes may share the file."""

    def __init__(self, file: Path) -> None:
        self.lock = Lock()
        """Held by whoever looks at the fence: one look at a time is enough."""
        self.has_looked = False
        """Whether this process has looked at the fence at all."""
        self._file = file
        self._place, self._beats = "", 0
        self._last: dict[str, datetime] = {}

    def beats(self, place: str) -> int:
        """The most beats seen of the database that lies there; 0 where nothing is known of it."""
        return max(self._beats if self._place == place else 0, self._from_file(place))

    @property
    def remembered(self) -> int:
        """The beats that this process has seen itself, wherever the database lay."""
        return self._beats

    def tells(self, now: datetime) -> bool:
        """Whether it is time to say again that all mail is held: once a minute, and not once a second."""
        return self._is_time("held", now)

    def looks_for_late(self, now: datetime) -> bool:
        """Whether it is time to look again whether mails are late."""
        return self._is_time("late", now)

    def looks_at_the_guard(self, now: datetime) -> bool:
        """Whether it is time to look again whether a campaign annoys too many people."""
        return self._is_time("guard", now, GUARD_EVERY)

    def _is_time(self, what: str, now: datetime, every: timedelta = EVERY) -> bool:
        last = self._last.get(what)
        is_time = last is None or abs(now - last) >= every
        if is_time:
            self._last[what] = now
        return is_time

    def note(self, place: str, beats: int) -> None:
        """So many have been seen. A file that cannot be written costs one of three safeguards, and no mail."""
        self._place, self._beats = place, beats
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            fresh.write_text(json.dumps({"place": place, "beats": beats}), encoding="utf-8")
            fresh.replace(self._file)
        except OSError as err:
            log.warning("beats_not_kept", file=str(self._file), error=err.strerror)

    def _from_file(self, place: str) -> int:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["place"] == place:
                return int(kept["beats"])
        return 0
