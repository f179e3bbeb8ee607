"""T31: all IANA zones x every change of their clocks from 2020 to 2035, against the rule worked out by hand.

The changes are read from the files of the time zone database themselves (RFC 8536), with their offsets before and
after; what the engine answers is compared with plain sums of these.
"""

import re
import struct
from calendar import Calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from aftercart.campaigns.schema import Step
from aftercart.enrollment.schedule import due_at
from aftercart.policy.quiet_hours import QuietHours
from aftercart.policy.send_times import SendTimes
from aftercart.policy.zones import known_zone

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
NIGHT = SendTimes((QuietHours.parse("21:00-08:00"),))
NO_JITTER = 0


@dataclass(frozen=True)
class Change:
    """At `at` the clocks of `zone` go from one offset to another."""

    zone: ZoneInfo
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def skipped(self) -> timedelta:
        """How much of the wall's time never is; below zero, how much comes twice."""
        return self.after - self.before

    def wall(self, instant: datetime) -> datetime:
        """What clocks show at an instant around the change."""
        return (instant + (self.after if instant >= self.at else self.before)).replace(tzinfo=None)

    @property
    def odd(self) -> datetime:
        """The time in the middle of what is skipped or comes twice, as the wall shows it (or would)."""
        first = self.wall(self.at) - max(self.skipped, timedelta(0))
        return first + abs(self.skipped) / 2

    @property
    def meant(self) -> datetime:
        """The instant that `odd` means: the first after the gap, or the first of the two."""
        return self.at if self.skipped > timedelta(0) else self.at - abs(self.skipped) / 2

    def __str__(self) -> str:
        return f"{self.zone} {self.at} {self.before} -> {self.after}"


@cache
def names() -> tuple[str, ...]:
    """Every zone and every alias, as the database lists them; a machine may know odd ones besides ("localtime")."""
    return tuple((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@cache
def changes() -> tuple[Change, ...]:
    return tuple(change for name in names() for change in _changes_of(name))


def _changes_of(name: str) -> Iterator[Change]:
    file = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with file.open("rb") as opened:
        zone = ZoneInfo.from_file(opened, key=name)
    before = None
    for at, offset in _read(file.read_bytes()):
        if before is not None and offset != before and FROM <= at < UNTIL:
            yield Change(zone, at, before, offset)
        before = offset


def _read(data: bytes) -> Iterator[tuple[datetime, timedelta]]:
    """The instants of a TZif file, each with the offset that holds from then on (RFC 8536, section 3)."""
    second = 44 + _size(struct.unpack(">6l", data[20:44]), 4)
    counts = struct.unpack(">6l", data[second + 20 : second + 44])
    _, _, _, count, types, _ = counts
    start = second + 44
    instants = struct.unpack(f">{count}q", data[start : start + 8 * count])
    kinds, records = data[start + 8 * count : start + 9 * count], start + 9 * count
    offsets = [struct.unpack(">l", data[records + 6 * n : records + 6 * n + 4])[0] for n in range(types)]
    listed = [
        (EPOCH + timedelta(seconds=at), timedelta(seconds=offsets[kind]))
        for at, kind in zip(instants, kinds, strict=True)
    ]
    yield from listed
    rule = RULE.fullmatch(data[start + _size(counts, 8) :].decode().strip())
    if rule and listed:
        years = range(max(FROM, listed[-1][0]).year - 1, UNTIL.year + 1)
        yield from (later for year in years for later in _by_rule(rule, year) if later[0] > listed[-1][0])


def _size(counts: tuple[int, ...], width: int) -> int:
    isut, isstd, leap, times, types, chars = counts
    return times * (width + 1) + types * 6 + chars + leap * (width + 4) + isstd + isut


RULE = re.compile(
    r"(?:[A-Za-z]+|<.+?>)(?P<standard>[-+\d:]+)(?:[A-Za-z]+|<.+?>)(?P<summer>[-+\d:]*)"
    r",M(?P<start>[\d.]+)(?:/(?P<start_at>[-+\d:]+))?,M(?P<end>[\d.]+)(?:/(?P<end_at>[-+\d:]+))?"
)
"""What holds after the last instant of a file, as POSIX writes TZ: `CET-1CEST,M3.5.0,M10.5.0/3`."""


def _by_rule(rule: re.Match[str], year: int) -> list[tuple[datetime, timedelta]]:
    standard = -_hours(rule["standard"])  # POSIX counts to the west
    summer = -_hours(rule["summer"]) if rule["summer"] else standard + HOUR
    start = _on_the_wall(rule["start"], rule["start_at"], year) - standard
    end = _on_the_wall(rule["end"], rule["end_at"], year) - summer
    return sorted([(start, summer), (end, standard)])


def _on_the_wall(rule: str, at: str | None, year: int) -> datetime:
    """`3.5.0`: in March the fifth (or last) Sunday."""
    month, week, weekday = map(int, rule.split("."))
    days = [
        day for day in Calendar().itermonthdates(year, month) if day.month == month and day.isoweekday() % 7 == weekday
    ]
    return datetime.combine(days[:5][min(week, len(days)) - 1], time(), UTC) + _hours(at or "2")


def _hours(text: str) -> timedelta:
    hours, *rest = text.lstrip("+-").split(":")
    length = timedelta(hours=int(hours), minutes=int(rest[0]) if rest else 0)
    return -length if text.startswith("-") else length


def step(after: str, at: str | None = None) -> Step:
    return Step.model_validate({"id": "one", "after": after, "at": at, "template": "accessories"})


TWO_WEEKS, EXACT = step("14d"), step("336h")


def test_the_files_hold_every_zone_and_its_changes() -> None:
    """A list that is too short would prove nothing."""
    assert len(names()) > 590
    assert all(known_zone(name) for name in names())
    assert len(changes()) > 6300
    paris = [change.at for change in changes() if str(change.zone) == "Europe/Paris"]
    assert len(paris) == 2 * 16
    assert datetime(2026, 3, 29, 1, tzinfo=UTC) in paris


def test_days_keep_the_time_on_the_wall_and_hours_are_exact_across_every_change() -> None:
    """An order of 09:00 a week before is mailed at 09:00 two weeks later: no offset of today is taken along."""
    for change in changes():
        day = (change.wall(change.at) - 7 * DAY).date()
        ordered = datetime.combine(day, time(9), change.zone)
        by_days = due_at(TWO_WEEKS, ordered, change.zone)
        assert by_days.astimezone(change.zone).replace(tzinfo=None) == ordered.replace(tzinfo=None) + 14 * DAY, change
        assert due_at(EXACT, ordered, change.zone) - ordered.astimezone(UTC) == 336 * HOUR, change
        assert due_at(step_at_9(), ordered - HOUR, change.zone) == by_days, change


@cache
def step_at_9() -> Step:
    return step("14d", at="09:00")


def test_a_mail_for_a_time_that_is_skipped_or_comes_twice_is_due_as_promised() -> None:
    """In a gap at the first instant after it, in a fold at the first occurrence; for `14d` and for `at` alike."""
    tried = {True: 0, False: 0}
    for change in changes():
        ordered = (change.odd - 14 * DAY).replace(tzinfo=change.zone)
        if ordered.astimezone(UTC).astimezone(change.zone) != ordered:  # the order itself falls into another change
            continue
        assert due_at(TWO_WEEKS, ordered, change.zone) == change.meant, change
        if not change.odd.second:
            at = step("14d", at=f"{change.odd:%H:%M}")
            assert due_at(at, ordered - MINUTE, change.zone) == change.meant, change
        tried[change.skipped > timedelta(0)] += 1
    assert min(tried.values()) > 3000


def test_quiet_hours_that_end_in_a_gap_or_a_fold_end_as_promised() -> None:
    for change in changes():
        end = change.odd.time().replace(second=0)
        quiet = SendTimes((QuietHours((change.odd - 5 * HOUR).time().replace(second=0), end),))
        opening = quiet.allowed_from(change.meant - 2 * HOUR, change.zone, NO_JITTER)
        assert opening == change.meant, change


def test_every_night_around_every_change_ends_at_8h_on_the_wall() -> None:
    for change in changes():
        for hours in (-16, 0):
            held = change.at + hours * HOUR
            opening = NIGHT.allowed_from(held, change.zone, NO_JITTER)
            shown = change.wall(opening).time()
            assert shown == time(8) or (opening == held and time(8) <= shown < time(21)), change
