"""How many beats of a database this machine knows of: in memory, and in a file that is part of no dump.

The file is written anew with every beat, and the disk notes when (its ctime, which no program can set). So a file that
was copied, restored or unpacked, with the database beside it or without, is told from the one that was written here.
"""

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from time import time

import structlog

from aftercart.machine import machine_id

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
GUARD_EVERY = timedelta(minutes=5)
"""It reads all sends, which takes a second a million."""
AT_ONCE_S = 5.0
"""Between the instant that stands in the file and the one at which the disk says it was written."""

_MACHINE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class _Noted:
    """What stands in the file. `written_at`: by the machine's clock, in seconds since 1970, as the disk tells it."""

    place: str
    beats: int
    machine: str | None = None
    written_at: float = 0


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
        noted = self._noted(place)
        return max(self._beats if self._place == place else 0, noted.beats if noted else 0)

    def vouches_for(self, place: str, beats: int) -> bool:
        """Whether the file says that this database, which knows of so many beats, is as it was left here.

        It may be one beat ahead: the process has died between counting it and noting it. A file that came from
        elsewhere, another machine or a backup, vouches for nothing.
        """
        noted = self._noted(place)
        if noted is None or noted.machine != machine_id() or beats - noted.beats not in (0, 1):
            return False
        with suppress(OSError):
            return abs(self._file.stat().st_ctime - noted.written_at) < AT_ONCE_S
        return False

    def came_from_elsewhere(self, place: str) -> bool:
        """Whether the file about this database was written on another machine: its disk was cloned, or carried there.

        Only machine-id(5) tells; the address of a card is another one in each container.
        """
        noted, here = self._noted(place), machine_id()
        ids = (noted.machine if noted else None, here)
        return all(id_ and _MACHINE_ID.fullmatch(id_) for id_ in ids) and ids[0] != here

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
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(asdict(_Noted(place, beats, machine_id(), time())), file)
                file.flush()
                os.fsync(file.fileno())  # else a power cut leaves an older one, which vouches for nothing
            fresh.replace(self._file)
        except OSError as err:
            log.warning("beats_not_kept", file=str(self._file), error=err.strerror)

    def _noted(self, place: str) -> _Noted | None:
        """What the file says of the database that lies there."""
        with suppress(OSError, ValueError, TypeError):
            noted = _Noted(**json.loads(self._file.read_text(encoding="utf-8")))
            return noted if noted.place == place else None
        return None
