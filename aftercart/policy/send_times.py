"""When mail may go out by the recipient's clock and calendar: outside quiet hours, on the days that are allowed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Self

from aftercart.policy.days import EVERY_DAY, NO_DAY, Days
from aftercart.policy.public_holidays import public_holidays
from aftercart.policy.quiet_hours import QuietHours
from aftercart.policy.wall_clock import first_instant, second_instant

LARGEST_JITTER = timedelta(minutes=20)
"""Held mails leave spread over this long, so that not everybody is mailed at 08:00:00."""

FARTHEST = timedelta(days=800)
"""Where nothing is allowed for so long, nothing ever will be: two years and all of their holidays."""

_MIDNIGHT = time()
_ONE_DAY = timedelta(days=1)
_MINUTES_A_DAY = 24 * 60
_MINUTES_A_WEEK = 7 * _MINUTES_A_DAY


@dataclass(frozen=True, slots=True)
class SendTimes:
    """Mail waits inside any of the quiet hours, and on any day that is off.

    A day is off unless it is in `send_on`, if it is in `not_on`, and, with `not_on_holidays`, if it is a public holiday
    of the country (and region) that the recipient lives in. Every day is that of the recipient's zone.
    """

    quiet_hours: tuple[QuietHours, ...] = ()
    send_on: Days = EVERY_DAY
    not_on: Days = NO_DAY
    not_on_holidays: bool = False
    country: str = ""
    region: str = ""

    def __str__(self) -> str:
        said = (
            f"quiet hours {'; '.join(map(str, self.quiet_hours))}" if self.quiet_hours else "",
            f"only on {self.send_on}" if self.send_on != EVERY_DAY else "",
            f"not on {self.not_on}" if self.not_on else "",
            "not on public holidays" if self.not_on_holidays else "",
        )
        return ", ".join(filter(None, said))

    def living_in(self, country: str, region: str) -> Self:
        """The same for somebody whose public holidays are those of a place."""
        return replace(self, country=country, region=region) if self.not_on_holidays else self

    def is_off(self, day: date) -> bool:
        """Whether no mail goes out on that day of the recipient's calendar."""
        if day not in self.send_on or day in self.not_on:
            return True
        return self.not_on_holidays and day in public_holidays(self.country, self.region, day.year)

    def is_day_off(self, instant: datetime, zone: tzinfo) -> bool:
        """Whether `instant` lies on a day that is off for somebody who lives in `zone`."""
        if self.send_on is EVERY_DAY and not self.not_on and not self.not_on_holidays:
            return False  # the usual case, asked for every mail
        return self.is_off(instant.astimezone(zone).date())

    def is_quiet(self, instant: datetime, zone: tzinfo) -> bool:
        """Whether `instant` is inside any of the quiet hours for somebody who lives in `zone`."""
        wall = instant.astimezone(zone)
        return any(window.covers(wall) for window in self.quiet_hours)

    def holds(self, instant: datetime, zone: tzinfo) -> bool:
        """Whether a mail has to wait at `instant`, for whatever reason."""
        return self.is_day_off(instant, zone) or self.is_quiet(instant, zone)

    def allowed_from(self, instant: datetime, zone: tzinfo, person_hash: int) -> datetime:
        """`instant` itself where it is allowed, else the next opening plus the person's own jitter.

        The jitter is the same for the same person, shorter than 20 minutes, and never reaches the next time at which
        mail waits. Where nothing is allowed for `FARTHEST`, the end of that, by which every mail has expired.
        """
        if not self.holds(instant, zone):
            return instant
        opening = instant
        while self.holds(opening, zone):
            opening = self._later(opening, zone)
            if opening - instant > FARTHEST:
                return instant + FARTHEST
        return self._jittered(opening, zone, person_hash)

    def open_minutes(self) -> tuple[int, ...]:
        """How many minutes of each weekday (Monday first) mail may go out in a week without dates and holidays."""
        week = bytearray(b"\1" * _MINUTES_A_WEEK)
        for day in range(7):
            if day not in self.send_on.weekdays or day in self.not_on.weekdays:
                week[day * _MINUTES_A_DAY : (day + 1) * _MINUTES_A_DAY] = bytes(_MINUTES_A_DAY)
            for window in self.quiet_hours:
                if day in window.on.weekdays:
                    _close(week, day * _MINUTES_A_DAY + _minute(window.start), _length(window))
        return tuple(sum(week[day * _MINUTES_A_DAY : (day + 1) * _MINUTES_A_DAY]) for day in range(7))

    def _later(self, held: datetime, zone: tzinfo) -> datetime:
        """An instant after `held` before which mail waits for sure."""
        if self.is_day_off(held, zone):
            return _next(_MIDNIGHT, held, zone)
        wall = held.astimezone(zone)
        return max(_next(window.end, held, zone) for window in self.quiet_hours if window.covers(wall))

    def _jittered(self, opening: datetime, zone: tzinfo, person_hash: int) -> datetime:
        room = min([LARGEST_JITTER, *(start - opening for start in self._next_starts(opening, zone))])
        later = opening + timedelta(seconds=person_hash % max(1, int(room.total_seconds())))
        # Where clocks are set back just after the window ends, `later` can show an hour inside it once more.
        return opening if self.holds(later, zone) else later

    def _next_starts(self, opening: datetime, zone: tzinfo) -> Iterator[datetime]:
        """When mail may have to wait again."""
        for at in (_MIDNIGHT, *(window.start for window in self.quiet_hours)):
            start = _next(at, opening, zone)
            if self.holds(start, zone):
                yield start


ANY_TIME = SendTimes()


def _next(wall_time: time, after: datetime, zone: tzinfo) -> datetime:
    """The first instant after `after` at which the wall clock shows `wall_time`, or has just jumped over it."""
    today = after.astimezone(zone).date()
    days = [today + n * _ONE_DAY for n in range(3)]
    moments = (read(day, wall_time, zone) for day in days for read in (first_instant, second_instant))
    return next(moment for moment in moments if moment > after)


def _close(week: bytearray, start: int, length: int) -> None:
    """A window of Sunday night goes on on Monday morning."""
    end = min(start + length, _MINUTES_A_WEEK)
    week[start:end] = bytes(end - start)
    over = start + length - end
    week[:over] = bytes(over)


def _length(window: QuietHours) -> int:
    return (_minute(window.end) - _minute(window.start)) % _MINUTES_A_DAY or _MINUTES_A_DAY


def _minute(wall_time: time) -> int:
    return wall_time.hour * 60 + wall_time.minute
