"""How long after something: calendar days at the same wall clock, or an exact time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

from aftercart.policy.wall_clock import first_instant

LONGEST_DAYS = 3660
"""Ten years. What is longer is a slip of the finger, and dates end with the year 9999."""

_DELAY = re.compile(r"(\d{1,9})([smhdw])")
_EXACT_UNITS = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}


@dataclass(frozen=True, slots=True)
class Delay:
    """`calendar_days` (3d, 2w: the same time on the wall that many days later) or an `exact` time (72h, 90m, 5s)."""

    calendar_days: int = 0
    exact: timedelta = timedelta(0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `3d`, `2w`, `72h`, `90m` or `5s`. Raises ValueError that says what is wrong."""
        match = _DELAY.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text!r} is no time span; write it as 3d, 2w, 72h, 90m or 5s")
        count, unit = int(match[1]), match[2]
        delay = (
            cls(exact=count * _EXACT_UNITS[unit]) if unit in _EXACT_UNITS else cls(count * (7 if unit == "w" else 1))
        )
        if delay.about > timedelta(days=LONGEST_DAYS):
            raise ValueError(f"{text} is longer than ten years; write something shorter")
        return delay

    def __str__(self) -> str:
        if self.calendar_days or not self.exact:
            return f"{self.calendar_days}d"
        unit = next(name for name, length in _EXACT_UNITS.items() if not self.exact % length)
        return f"{self.exact // _EXACT_UNITS[unit]}{unit}"

    @property
    def about(self) -> timedelta:
        """Its length with every day taken for 24 hours."""
        return timedelta(days=self.calendar_days) + self.exact

    def after(self, start: datetime, zone: tzinfo) -> datetime:
        """The instant this long after `start`, for somebody who lives in `zone`."""
        if not self.calendar_days:
            return start.astimezone(UTC) + self.exact  # in a local zone `+` would move the hands of the clock
        local = start.astimezone(zone)
        return first_instant(local.date() + timedelta(days=self.calendar_days), local.time(), zone)
