"""Hours of the recipient's day in which no mail goes out."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Self

from aftercart.policy.wall_clock import first_instant, second_instant

LARGEST_JITTER = timedelta(minutes=20)
"""Held mails leave spread over this long, so that not everybody is mailed at 08:00:00."""

_WINDOW = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Quiet from `start` (included) to `end` (excluded) by the clock on the recipient's wall, overnight allowed.

    The clock rules also where it is set back: an hour that it shows twice is judged by what it shows.
    """

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("start and end are the same, so no mail could ever go out")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `21:00-08:00`. Raises ValueError that says what is wrong."""
        match = _WINDOW.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text!r} is no window of hours; write it as 21:00-08:00")
        start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
        if (end_hour, end_minute) == (24, 0):
            end_hour = 0
        return cls(_time_of_day(start_hour, start_minute), _time_of_day(end_hour, end_minute))

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    @property
    def allowed_a_day(self) -> timedelta:
        """How much of a day of 24 hours lies outside."""
        end, start = (timedelta(hours=at.hour, minutes=at.minute) for at in (self.end, self.start))
        return (start - end) % timedelta(days=1)

    def covers(self, wall_time: time) -> bool:
        """Whether a clock on the wall that shows `wall_time` stands inside the window."""
        if self.start < self.end:
            return self.start <= wall_time < self.end
        return wall_time >= self.start or wall_time < self.end

    def is_quiet(self, instant: datetime, zone: tzinfo) -> bool:
        """Whether `instant` is inside the window for somebody who lives in `zone`."""
        return self.covers(instant.astimezone(zone).time())

    def allowed_from(self, instant: datetime, zone: tzinfo, person_hash: int) -> datetime:
        """`instant` itself where it is allowed, else the end of the window plus the person's own jitter.

        The jitter is the same for the same person, shorter than 20 minutes, and never reaches the next window.
        """
        if not self.is_quiet(instant, zone):
            return instant
        opening = instant
        while self.is_quiet(opening, zone):  # more than once where a gap swallows the allowed hours
            opening = _next(self.end, opening, zone)
        return self._jittered(opening, zone, person_hash)

    def _jittered(self, opening: datetime, zone: tzinfo, person_hash: int) -> datetime:
        room = min(LARGEST_JITTER, _next(self.start, opening, zone) - opening)
        later = opening + timedelta(seconds=person_hash % max(1, int(room.total_seconds())))
        # Where clocks are set back just after the window ends, `later` can show an hour inside it once more.
        return opening if self.is_quiet(later, zone) else later


@lru_cache(maxsize=4096)  # asked several times for every mail
def person_hash(email: str) -> int:
    """A number that stays with a person for ever: the same in every process and every release."""
    return int.from_bytes(hashlib.sha256(email.strip().casefold().encode()).digest()[:8])


def _time_of_day(hour: int, minute: int) -> time:
    try:
        return time(hour, minute)
    except ValueError as err:
        raise ValueError(f"{hour:02}:{minute:02} is no time of day; hours run from 00:00 to 23:59") from err


def _next(wall_time: time, after: datetime, zone: tzinfo) -> datetime:
    """The first instant after `after` at which the wall clock shows `wall_time`, or has just jumped over it."""
    today = after.astimezone(zone).date()
    readings: tuple[Callable[[date, time, tzinfo], datetime], ...] = (first_instant, second_instant)
    days = (today + timedelta(days=n) for n in range(3))
    return next(moment for day in days for read in readings if (moment := read(day, wall_time, zone)) > after)
