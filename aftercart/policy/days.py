"""Days of the recipient's calendar, as a shop owner names them: `mon`, `mon-fri`, `2026-12-25`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday()`."""
LONGEST_SPAN = timedelta(days=366)
"""What is closed for longer than a year is paused, and no date."""

_WEEKDAYS = re.compile(rf"({'|'.join(WEEKDAYS)})(?:\s*-\s*({'|'.join(WEEKDAYS)}))?")
_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\s+to\s+(\d{4}-\d{2}-\d{2}))?")


@dataclass(frozen=True, slots=True)
class Days:
    """Some days of the week (0 is Monday) and some spans of dates, both ends included. `day in days` tells."""

    weekdays: frozenset[int] = frozenset()
    dates: frozenset[tuple[date, date]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `mon`, `mon-fri`, `2026-12-25` or `2026-12-24 to 2027-01-02`.

        Raises ValueError that says what is wrong.
        """
        plain = " ".join(text.lower().split())
        if match := _WEEKDAYS.fullmatch(plain):
            return cls(weekdays=_from_to(match[1], match[2] or match[1]))
        if match := _DATES.fullmatch(plain):
            return cls(dates=frozenset({_span(match[1], match[2] or match[1])}))
        raise ValueError(f"{text!r} is no day; write it as mon, mon-fri, 2026-12-25 or 2026-12-24 to 2027-01-02")

    @classmethod
    def parse_all(cls, texts: Iterable[str]) -> Self:
        """All of them together."""
        days = [cls.parse(text) for text in texts]
        return cls(frozenset().union(*(d.weekdays for d in days)), frozenset().union(*(d.dates for d in days)))

    def __contains__(self, day: date) -> bool:
        return day.weekday() in self.weekdays or any(first <= day <= last for first, last in self.dates)

    def __bool__(self) -> bool:
        return bool(self.weekdays or self.dates)

    def __or__(self, other: Self) -> Self:
        if not other or not self:
            return self or other
        return type(self)(self.weekdays | other.weekdays, self.dates | other.dates)

    def __str__(self) -> str:
        return ", ".join(self.entries())

    def entries(self) -> list[str]:
        """As they are written, in one order however they were."""
        spans = (first.isoformat() + (f" to {last}" if last > first else "") for first, last in sorted(self.dates))
        return [*(WEEKDAYS[number] for number in sorted(self.weekdays)), *spans]


EVERY_DAY = Days(weekdays=frozenset(range(7)))
NO_DAY = Days()


def _from_to(first: str, last: str) -> frozenset[int]:
    """`sat-mon` goes over the end of the week."""
    start = WEEKDAYS.index(first)
    return frozenset((start + n) % 7 for n in range((WEEKDAYS.index(last) - start) % 7 + 1))


def _span(first: str, last: str) -> tuple[date, date]:
    start, end = _date(first), _date(last)
    if end < start:
        raise ValueError(f"{first} to {last} ends before it begins; write the earlier date first")
    if end - start >= LONGEST_SPAN:
        raise ValueError(f"{first} to {last} is longer than a year; pause the campaign instead")
    return start, end


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as err:
        raise ValueError(f"{text} is no date; write it as 2026-12-25") from err
