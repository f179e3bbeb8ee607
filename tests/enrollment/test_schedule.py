from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.campaigns.schema import Step
from aftercart.enrollment.schedule import due_at, plan
from aftercart.policy.days import Days
from aftercart.policy.quiet_hours import QuietHours
from aftercart.policy.send_times import ANY_TIME, LARGEST_JITTER, SendTimes

PARIS = ZoneInfo("Europe/Paris")
AUCKLAND = ZoneInfo("Pacific/Auckland")
NIGHT = SendTimes((QuietHours.parse("21:00-08:00"),))
HOUR = timedelta(hours=1)


def step(after: str = "3d", **more: Any) -> Step:
    return Step.model_validate({"id": "one", "after": after, "template": "accessories"} | more)


def due(ordered: datetime, after: str, at: str | None = None, zone: ZoneInfo = PARIS) -> str:
    return due_at(step(after, at=at) if at else step(after), ordered, zone).astimezone(zone).isoformat()


FRIDAY = datetime(2026, 3, 27, 15, tzinfo=PARIS)
"""Two days before the clocks go forward in Paris."""


@pytest.mark.parametrize(
    ("after", "at", "expected"),
    [
        ("3d", None, "2026-03-30T15:00:00+02:00"),
        ("72h", None, "2026-03-30T16:00:00+02:00"),
        ("3d", "10:00", "2026-03-30T10:00:00+02:00"),
        ("72h", "10:00", "2026-03-31T10:00:00+02:00"),
        ("72h", "16:00", "2026-03-30T16:00:00+02:00"),
        ("0d", "10:00", "2026-03-28T10:00:00+01:00"),
        ("0d", "18:00", "2026-03-27T18:00:00+01:00"),
        ("2d", "02:30", "2026-03-29T03:00:00+02:00"),
        ("5s", None, "2026-03-27T15:00:05+01:00"),
    ],
)
def test_days_go_by_the_wall_and_hours_by_the_watch(after: str, at: str | None, expected: str) -> None:
    assert due(FRIDAY, after, at) == expected


@pytest.mark.parametrize(
    "zone", ["Europe/Paris", "America/New_York", "Pacific/Auckland", "America/St_Johns", "Asia/Tokyo"]
)
def test_10h_stays_10h_across_every_change_of_the_clocks(zone: str) -> None:
    """Another system takes the offset of today and applies it to the future: 10:00 lands at 9 or 11."""
    local = ZoneInfo(zone)
    for days in range(0, 366 * 3, 5):
        ordered = datetime(2026, 1, 1, 15, tzinfo=UTC) + timedelta(days=days)
        instant = due_at(step("14d", at="10:00"), ordered, local).astimezone(local)
        assert (instant.hour, instant.minute) == (10, 0)
        assert instant.date() == ordered.astimezone(local).date() + timedelta(days=14)


def test_the_day_is_that_of_the_recipient() -> None:
    """Another system tests the weekday in UTC, so that Monday in Auckland is Tuesday."""
    ordered = datetime(2026, 5, 3, 13, tzinfo=UTC)  # already the 4th in Auckland
    assert due(ordered, "1d", "10:00", AUCKLAND) == "2026-05-05T10:00:00+12:00"


def test_a_mail_that_falls_into_the_night_is_planned_for_the_morning() -> None:
    [planned] = plan([step("12h")], datetime(2026, 5, 4, 12, tzinfo=PARIS), PARIS, NIGHT, person_hash=90)
    assert planned.due_at == datetime(2026, 5, 5, 8, 1, 30, tzinfo=PARIS)
    assert planned.valid_until == planned.due_at + timedelta(days=3)


def test_a_mail_that_was_due_in_the_night_is_worth_sending_from_the_morning_on() -> None:
    ordered = datetime(2026, 5, 4, 12, tzinfo=PARIS)
    [planned] = plan([step("1d", at="22:00", valid_for="1h")], ordered, PARIS, NIGHT, person_hash=0)
    assert planned.due_at == datetime(2026, 5, 6, 8, tzinfo=PARIS)
    assert planned.valid_until == datetime(2026, 5, 6, 9, tzinfo=PARIS)


def test_a_mail_is_never_worth_sending_beyond_the_next_one() -> None:
    steps = [step("1d", valid_for="5d"), step("3d", valid_for="36h")]
    first, second = plan(steps, FRIDAY, PARIS, ANY_TIME, person_hash=0)
    assert first.valid_until == second.due_at
    assert second.valid_until == second.due_at + 36 * HOUR


@given(st.integers(0, 2**32 - 1))
def test_a_mail_that_the_night_moves_behind_the_next_one_is_due_with_it_to_expire(person_hash: int) -> None:
    """By up to 20 minutes, so that not everybody is mailed at 8; the next one may be due at 8:06 by itself."""
    first, second = step("1h"), step("585m", id="two")
    planned = plan((first, second), datetime(2026, 3, 2, 22, 21, tzinfo=PARIS), PARIS, NIGHT, person_hash)
    assert planned[1].due_at == datetime(2026, 3, 3, 8, 6, tzinfo=PARIS)
    assert planned[0].valid_until == planned[1].due_at
    assert planned[0].due_at <= planned[0].valid_until


def test_nor_beyond_the_one_after_where_the_night_moves_the_next_one_behind_that() -> None:
    steps = (step("1d", valid_for="5d"), step("3d", at="23:30"), step("4d", at="08:01"))
    first, second, third = plan(steps, FRIDAY, PARIS, NIGHT, person_hash=700)
    assert first.valid_until == second.due_at == third.due_at


def test_without_valid_for_a_mail_is_worth_sending_for_3_days() -> None:
    [planned] = plan([step("1d")], FRIDAY, PARIS, ANY_TIME, person_hash=0)
    assert planned.valid_until.astimezone(PARIS).isoformat() == "2026-03-31T15:00:00+02:00"


@settings(deadline=None)
@given(
    st.integers(0, 60 * 24 * 365).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.sampled_from(["0d", "1d", "3d", "5s", "72h", "90m"]),
    st.sampled_from([None, "00:30", "02:30", "10:00", "23:45"]),
    st.sampled_from([PARIS, AUCKLAND, ZoneInfo("America/St_Johns"), ZoneInfo("UTC")]),
    st.integers(0, 2**64),
)
def test_a_planned_mail_is_due_after_its_order_outside_the_night(
    ordered: datetime, after: str, at: str | None, zone: ZoneInfo, person: int
) -> None:
    wanted = step(after, at=at)
    [planned] = plan([wanted], ordered, zone, NIGHT, person)
    assert planned.due_at >= ordered
    assert not NIGHT.is_quiet(planned.due_at, zone)
    assert planned.due_at - due_at(wanted, ordered, zone) <= 12 * HOUR + LARGEST_JITTER
    assert planned.due_at < planned.valid_until


# ---------------------------------------------------------------- days off

WEEKDAYS = SendTimes(send_on=Days.parse("mon-fri"))
MONDAYS = SendTimes(send_on=Days.parse("mon"))


@pytest.mark.parametrize(
    ("after", "at", "expected"),
    [
        ("1d", "10:00", "2026-03-30T10:00:00+02:00"),
        ("1d", None, "2026-03-30T15:00:00+02:00"),
        ("24h", None, "2026-03-30T00:00:00+02:00"),
        ("24h", "10:00", "2026-03-30T10:00:00+02:00"),
        ("3d", "10:00", "2026-03-30T10:00:00+02:00"),
        ("4d", "10:00", "2026-03-31T10:00:00+02:00"),
    ],
)
def test_a_mail_for_the_weekend_is_planned_for_the_same_time_on_monday(
    after: str, at: str | None, expected: str
) -> None:
    """Clocks go forward on that Sunday; an exact delay goes as soon as it may."""
    [planned] = plan([step(after, at=at)], FRIDAY, PARIS, WEEKDAYS, person_hash=0)
    assert planned.due_at.astimezone(PARIS).isoformat() == expected
    assert planned.valid_until.astimezone(PARIS) == planned.due_at.astimezone(PARIS) + timedelta(days=3)


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Kiritimati", "Asia/Tokyo", "America/Los_Angeles"])
def test_mondays_only_is_monday_where_the_person_lives(zone: str) -> None:
    """Another system tests the weekday in UTC, so that "Mondays only" lands on Tuesday in Auckland."""
    local = ZoneInfo(zone)
    for hours in range(7 * 24):
        ordered = datetime(2026, 5, 3, 13, tzinfo=UTC) + hours * HOUR
        [planned] = plan([step("1d", at="09:00")], ordered, local, MONDAYS, person_hash=0)
        due = planned.due_at.astimezone(local)
        assert (due.weekday(), due.hour, due.minute) == (0, 9, 0)
        assert timedelta(0) < due - ordered <= timedelta(days=8)


def test_a_mail_that_the_night_moves_to_a_day_off_moves_on() -> None:
    """Friday 22:00 is night, Saturday is off, and so is Monday, the 25th: Tuesday at 8."""
    times = SendTimes(NIGHT.quiet_hours, Days.parse("mon-fri"), Days.parse("2026-05-25"))
    ordered = datetime(2026, 5, 21, 22, tzinfo=PARIS)
    [planned] = plan([step("1d")], ordered, PARIS, times, person_hash=0)
    assert planned.due_at == datetime(2026, 5, 26, 8, tzinfo=PARIS)


def test_a_mail_keeps_off_the_public_holidays_of_the_persons_country() -> None:
    """14 July rests France and nobody else; 15 July rests no one."""
    times = SendTimes(not_on_holidays=True)
    ordered = datetime(2026, 7, 11, 15, tzinfo=PARIS)
    due = {
        country: plan([step("3d")], ordered, PARIS, times.living_in(country, ""), person_hash=0)[0].due_at.day
        for country in ("FR", "DE", "")
    }
    assert due == {"FR": 15, "DE": 14, "": 14}


def test_a_time_in_a_gap_before_midnight_stays_on_its_day() -> None:
    """T31: in Nuuk the clock of 30 March 2024 goes from 22:59 to 00:00; a mail for 23:30 goes then, not a day later."""
    nuuk = ZoneInfo("America/Nuuk")
    ordered = datetime(2024, 3, 16, 23, 30, tzinfo=nuuk)
    for wanted in (step("14d"), step("14d", at="23:30")):
        assert due_at(wanted, ordered, nuuk) == datetime(2024, 3, 31, 1, tzinfo=UTC)
