"""How much a sender may be given: so many mails a second, an hour, a day. Pure.

By the hour and the day, what was handed over is counted in short parts of the window, and one part more than the window
has must stay below the limit. Wherever a window of that length is laid, it touches no more parts than were counted; so
none ever holds more than the limit, at the price of one part of it.

By the second mails leave evenly spaced (the generic cell rate algorithm, as ATM has it): what leaves in bursts arrives
in one second where the last burst was late on its way. The spacing is a tenth wider than the limit asks for. Half of
that lets a worker that comes late catch up, half is for what happens between counting a mail and its arrival.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SET_BACK = timedelta(seconds=10)
"""The clocks of several machines differ by less. What lies further ahead was noted before the clock was set back."""

Counts = Mapping[str, Sequence[Sequence[int]]]
"""Plain JSON. By the hour and the day: pairs of the number of a part and how many mails fell into it, oldest first. By
the second: the instant of the next place, in microseconds."""


class Per(StrEnum):
    """The window that a limit speaks of."""

    SECOND = "second"
    HOUR = "hour"
    DAY = "day"


_PART = {Per.HOUR: timedelta(minutes=1), Per.DAY: timedelta(hours=1)}
_COUNTED = {Per.HOUR: 61, Per.DAY: 25}
"""Parts that must stay below the limit together."""
_PACED = timedelta(seconds=1.1)
_CATCH_UP = timedelta(seconds=0.05)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many mails in any window of this length."""

    most: int
    per: Per

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read `14 per second`. Raises ValueError that says how to write it."""
        match = re.fullmatch(r"(\d+)\s+per\s+(second|hour|day)", text.strip())
        if not match:
            raise ValueError(f"{text!r} is no limit; write it as 14 per second, 10000 per hour or 50000 per day")
        if int(match[1]) == 0:
            raise ValueError("0 would send nothing at all; to hold every mail write paused: true in the brand file")
        return cls(int(match[1]), Per(match[2]))

    def __str__(self) -> str:
        return f"{self.most} per {self.per}"

    @property
    def spacing(self) -> timedelta:
        """From one mail to the next, on average, when as many leave as may."""
        return (_PACED if self.per is Per.SECOND else _COUNTED[self.per] * _PART[self.per]) / self.most

    def free_at(self, counts: Counts, now: datetime) -> datetime:
        """The first instant, `now` or later, at which one more mail may leave."""
        if self.per is Per.SECOND:
            return max(now, _paced_until(self, counts, now) - _CATCH_UP)
        part = _part(self.per, now)
        recent = _recent(self.per, counts, part)
        over = sum(count for _, count in recent) - self.most + 1
        for index, count in recent:
            if over <= 0:
                break
            over -= count
            part = index + _COUNTED[self.per]
        return max(now, EPOCH + part * _PART[self.per])

    def used(self, counts: Counts, now: datetime) -> int:
        """How many mails count at `now`."""
        if self.per is Per.SECOND:
            return -((now - _paced_until(self, counts, now)) // self.spacing)
        return sum(count for _, count in _recent(self.per, counts, _part(self.per, now)))

    def left(self, counts: Counts, now: datetime) -> int:
        """How many mails may leave at `now`."""
        return max(self.most - self.used(counts, now), 0)


def free_at(limits: Iterable[Limit], counts: Counts, now: datetime) -> tuple[datetime, Limit | None]:
    """When all limits let one more mail through, and the one that is waited for."""
    waits = [(limit.free_at(counts, now), limit) for limit in limits]
    until, limit = max(waits, key=lambda wait: wait[0], default=(now, None))
    return (until, limit) if until > now else (now, None)


def counted(limits: Iterable[Limit], counts: Counts, now: datetime, mails: int = 1) -> dict[str, list[list[int]]]:
    """The counts with some mails more, and without what has become too old to matter."""
    after: dict[str, list[list[int]]] = {}
    for limit in sorted(limits, key=lambda limit: limit.most, reverse=True):  # the smallest one has the last word
        after[limit.per.value] = _counted(limit, counts, now, mails)
    return after


def set_right(counts: Counts, now: datetime) -> Counts:
    """The counts once the clock was set back: what they hold for later happened just now. Else the very same object.

    They must be kept, or what was counted in the old time moves along with the new one and is never over.
    """
    right: dict[str, list[list[int]]] = {}
    for per, pairs in counts.items():
        if per == Per.SECOND:
            right[per] = [[min(until, _micros(now + _PACED)), mails] for until, mails in pairs]
        else:
            right[per] = [[index, count] for index, count in _recent(Per(per), counts, _part(Per(per), now))]
    return right if is_ahead(counts, now) else counts


def is_ahead(counts: Counts, now: datetime) -> bool:
    """Whether they were counted by a clock that was set back since."""
    latest = {per: max((index for index, _ in pairs), default=0) for per, pairs in counts.items()}
    begins = [
        EPOCH + (index * MICROSECOND - _PACED if per == Per.SECOND else index * _PART[Per(per)])
        for per, index in latest.items()
    ]
    return any(instant > now + SET_BACK for instant in begins)


def _micros(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND


def _counted(limit: Limit, counts: Counts, now: datetime, mails: int) -> list[list[int]]:
    if limit.per is Per.SECOND:
        return [[_micros(_paced_until(limit, counts, now) + mails * limit.spacing), mails]]
    part = _part(limit.per, now)
    recent = [[index, count] for index, count in _recent(limit.per, counts, part)]
    if recent and recent[-1][0] == part:
        recent[-1][1] += mails
    else:
        recent.append([part, mails])
    return recent


def _paced_until(limit: Limit, counts: Counts, now: datetime) -> datetime:
    """When the next mail's place comes; `now` where it has passed."""
    for until, _ in counts.get(limit.per.value, ()):
        return min(max(EPOCH + until * MICROSECOND, now), now + _CATCH_UP + limit.spacing)
    return now


def _part(per: Per, instant: datetime) -> int:
    return (instant - EPOCH) // _PART[per]


def _recent(per: Per, counts: Counts, part: int) -> list[tuple[int, int]]:
    """What still counts. What a clock that was set back takes for the future counts as of now."""
    recent = [(index, count) for index, count in counts.get(per.value, ()) if part - _COUNTED[per] < index < part]
    current = sum(count for index, count in counts.get(per.value, ()) if index >= part)
    return [*recent, (part, current)] if current else recent


DEFAULT_WARM_UP = (50, 100, 200, 400, 800, 1_500, 3_000, 6_000, 10_000, 15_000, 25_000, 40_000, 60_000, 100_000)
"""Mails on each day of a new domain, about twice as many as on the day before; from the 15th day on no limit."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Mailbox providers distrust a domain that sends much from its first day on, so the limit of a day grows."""

    since: date
    per_day: tuple[int, ...] = DEFAULT_WARM_UP

    def limit(self, now: datetime) -> Limit | None:
        """What holds on the day (UTC) of `now`; None once the table has ended."""
        day = max((now.astimezone(UTC).date() - self.since).days, 0)
        return Limit(self.per_day[day], Per.DAY) if day < len(self.per_day) else None

    def free_at(self, counts: Counts, now: datetime) -> datetime:
        """The first instant, `now` or later, at which one more mail may leave: the next day may allow more."""
        today = self.limit(now)
        if today is None:
            return now
        until = today.free_at(counts, now)
        midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
        return until if until <= midnight else self.free_at(counts, midnight)


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """Limits for what goes to some domains of recipients, all of them together."""

    domains: tuple[str, ...]
    limits: tuple[Limit, ...]

    @property
    def scope(self) -> str:
        """Names them in the counts."""
        return self.domains[0]


@dataclass(frozen=True, slots=True)
class Limits:
    """All that one sender may be given."""

    limits: tuple[Limit, ...] = ()
    warm_up: WarmUp | None = None
    mailboxes: Mapping[str, Mailboxes] = field(default_factory=dict)
    """By domain, in ASCII and small letters."""

    def at(self, now: datetime) -> tuple[Limit, ...]:
        """The limits for all of its mail."""
        today = self.warm_up.limit(now) if self.warm_up else None
        return (*self.limits, today) if today else self.limits


UNLIMITED = Limits()
