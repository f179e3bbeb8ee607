"""Hours of the recipient's day in which no mail goes out."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Self

from aftercart.policy.days import EVERY_DAY, Days

_WINDOW = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})(?:\s+on\s+(.+))?")
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Quiet from `start` (included) to `end` (excluded) by the clock on the recipient's wall, overnight allowed.

    `on`: the days on which a window begins; one that goes over midnight ends on the next. The clock rules also where
    it is set back: an hour that it shows twice is judged by what it shows.
    """

    start: time
    end: time
    on: Days = EVERY_DAY

    def __post_init__(self) -> None:
        if self.start == self.end and self.on.weekdays == EVERY_DAY.weekdays:
            raise ValueError("start and end are the same, so no mail could ever go out")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `21:00-08:00`, `18:00-10:00 on sat, sun` or `12:00-24:00 on 2026-12-24`.

        Raises ValueError that says what is wrong.
        """
        match = _WINDOW.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text!r} is no window of hours; write it as 21:00-08:00 or 18:00-10:00 on sat, sun")
        start_hour, start_minute, end_hour, end_minute = map(int, match.groups()[:4])
        if (end_hour, end_minute) == (24, 0):
            end_hour = 0
        on = Days.parse_all(match[5].split(",")) if match[5] else EVERY_DAY
        return cls(_time_of_day(start_hour, start_minute), _time_of_day(end_hour, end_minute), on)

    def __str__(self) -> str:
        on = "" if self.on == EVERY_DAY else f" on {self.on}"
        return f"{self.start:%H:%M}-{'24:00' if self.end == time() else f'{self.end:%H:%M}'}{on}"

    @property
    def every_day(self) -> bool:
        """Whether it holds on all days alike."""
        return self.on == EVERY_DAY

    def covers(self, wall: datetime) -> bool:
        """Whether a clock and a calendar on the wall that show `wall` stand inside the window."""
        shown = wall.time()
        if self.start < self.end:
            return self.start <= shown < self.end and wall.date() in self.on
        began_today = shown >= self.start and wall.date() in self.on
        return began_today or (shown < self.end and wall.date() - _ONE_DAY in self.on)


@lru_cache(maxsize=4096)  # asked several times for every mail
def person_hash(email: str) -> int:
    """A number that stays with a person for ever: the same in every process and every release."""
    return int.from_bytes(hashlib.sha256(email.strip().casefold().encode()).digest()[:8])


def _time_of_day(hour: int, minute: int) -> time:
    try:
        return time(hour, minute)
    except ValueError as err:
        raise ValueError(f"{hour:02}:{minute:02} is no time of day; hours run from 00:00 to 23:59") from err
