"""How often one person may hear from us."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Self

from aftercart.policy.wall_clock import first_instant


class CapScope(StrEnum):
    """Whose mails a cap counts."""

    PERSON = "person"
    """All marketing mails of the brand to this person."""
    TOPIC = "person+topic"
    """Only those of campaigns with the same topic."""
    CAMPAIGN = "person+campaign"
    """Only those of the same campaign."""


class OnCap(StrEnum):
    """What becomes of a mail that meets a cap."""

    DEFER = "defer"
    """It waits for the exact instant at which a slot frees."""
    DROP = "drop"
    """It ends."""
    REPLACE = "replace"
    """It waits likewise; when it goes, a less important mail that it leaves no slot for ends."""


class CalendarWindow(StrEnum):
    """A window that begins at midnight by the recipient's wall clock, so that it has 23 to 25 hours a day."""

    DAY = "day"
    WEEK = "week"
    """Monday to Sunday."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A mail that holds a slot: reserved, handed over, or handed over with an unknown outcome."""

    at: datetime
    campaign: str
    topic: str


_CAP = re.compile(r"(\d+) per (?:(\d+)([smhdw])|(day|week))( per topic| per campaign)?")
_SCOPES = {"": CapScope.PERSON, " per topic": CapScope.TOPIC, " per campaign": CapScope.CAMPAIGN}
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most `maximum` mails in any `per`.

    A rolling window (a timedelta; `1d` is 24 hours) is half-open, (t - per, t]. A calendar window is the recipient's
    local day or week.
    """

    maximum: int
    per: timedelta | CalendarWindow
    scope: CapScope = CapScope.PERSON

    def __post_init__(self) -> None:
        if self.maximum < 1:
            raise ValueError("a cap of 0 would hold every mail for ever; leave the cap out, or pause the campaign")
        if isinstance(self.per, timedelta) and self.per <= timedelta(0):
            raise ValueError("a window must be longer than nothing")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1 per 1d`, `3 per week`, `2 per 30d per topic` or `per campaign`. Raises ValueError that says what is
        wrong."""
        match = _CAP.fullmatch(" ".join(text.split()))
        if not match:
            raise ValueError(
                f"{text!r} is no frequency cap; write it as `1 per 1d`, `3 per week`, `2 per 30d per topic`, "
                "`2 per 30d per campaign`"
            )
        maximum, count, unit, calendar, scope = match.groups()
        per = CalendarWindow(calendar) if calendar else _rolling(int(count), unit)
        return cls(int(maximum), per, _SCOPES[scope or ""])

    def __str__(self) -> str:
        per = self.per if isinstance(self.per, CalendarWindow) else _in_words(self.per)
        scope = next(words for words, scope in _SCOPES.items() if scope is self.scope)
        return f"{self.maximum} per {per}{scope}"

    def counts(self, mail: Counted, campaign: str, topic: str) -> bool:
        """Whether a counted mail is in the way of one of `campaign` and `topic`."""
        match self.scope:
            case CapScope.PERSON:
                return True
            case CapScope.TOPIC:
                return mail.topic == topic
            case CapScope.CAMPAIGN:
                return mail.campaign == campaign

    def free_from(self, counted: Iterable[Counted], now: datetime, zone: tzinfo, campaign: str, topic: str) -> datetime:
        """The first instant, `now` or later, at which one more mail of `campaign` and `topic` keeps within this cap."""
        times = [mail.at for mail in counted if self.counts(mail, campaign, topic)]
        if isinstance(self.per, CalendarWindow):
            return _calendar_slot(self.per, self.maximum, times, now, zone)
        return _rolling_slot(self.per, self.maximum, times, now)

    def halved(self) -> "FrequencyCap":
        """The same cap for half as many mails: fewer of them, or where one is left in twice the time.

        A calendar window becomes a rolling one of two days or weeks.
        """
        if self.maximum > 1:
            return replace(self, maximum=self.maximum // 2)
        length = {CalendarWindow.DAY: timedelta(days=1), CalendarWindow.WEEK: timedelta(weeks=1)}
        per = length[self.per] if isinstance(self.per, CalendarWindow) else self.per
        return replace(self, per=2 * per)

    @property
    def reach(self) -> timedelta:
        """How far back counted mails can matter to this cap."""
        if isinstance(self.per, timedelta):
            return self.per
        return timedelta(days=8) if self.per is CalendarWindow.WEEK else timedelta(days=2)


def next_free(
    caps: Sequence[FrequencyCap], counted: Sequence[Counted], now: datetime, zone: tzinfo, campaign: str, topic: str
) -> datetime | None:
    """None where one more mail may go out now, else the exact instant at which every cap has a free slot.

    Mails counted in the future (a clock was set back) hold their slots too, so that no window ever holds too many.
    """
    free = now
    while (later := max((cap.free_from(counted, free, zone, campaign, topic) for cap in caps), default=free)) > free:
        free = later
    return free if free > now else None


def reach(caps: Iterable[FrequencyCap]) -> timedelta:
    """How far back counted mails can matter to any of the caps: what has to be loaded."""
    return max((cap.reach for cap in caps), default=timedelta(0))


def _rolling_slot(window: timedelta, maximum: int, times: list[datetime], now: datetime) -> datetime:
    """A slot frees when the `maximum`-th newest mail leaves the window; that holds for a lowered cap as well."""
    if len(times) < maximum:
        return now
    return max(now, sorted(times, reverse=True)[maximum - 1] + window)


def _calendar_slot(
    window: CalendarWindow, maximum: int, times: list[datetime], now: datetime, zone: tzinfo
) -> datetime:
    free = now
    while True:
        start, end = _around(window, free, zone)
        # Those of later days too, where a clock was set back: a mail of tonight may leave after midnight.
        if sum(start <= at for at in times) < maximum:
            return free
        free = end


def _around(window: CalendarWindow, instant: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """First instant of the local day or week around `instant`, and first instant of the next one.

    A clock that is set back over midnight does not bring yesterday back: that day has ended.
    """
    day: date = instant.astimezone(zone).date()
    if first_instant(day + timedelta(days=1), time(), zone) <= instant:
        day += timedelta(days=1)
    length = timedelta(days=1)
    if window is CalendarWindow.WEEK:
        day, length = day - timedelta(days=day.weekday()), timedelta(days=7)
    return first_instant(day, time(), zone), first_instant(day + length, time(), zone)


def _rolling(count: int, unit: str) -> timedelta:
    try:
        return count * _UNITS[unit]
    except OverflowError as err:
        raise ValueError(f"{count}{unit} is longer than time itself") from err


def _in_words(window: timedelta) -> str:
    unit = next(name for name in "dhms" if not window % _UNITS[name])
    return f"{window // _UNITS[unit]}{unit}"
