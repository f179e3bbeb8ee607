import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aftercart.policy.days import NO_DAY, Days
from aftercart.policy.quiet_hours import QuietHours, person_hash
from aftercart.policy.send_times import FARTHEST, LARGEST_JITTER, SendTimes


def quiet(*windows: str) -> SendTimes:
    return SendTimes(tuple(map(QuietHours.parse, windows)))


NIGHT = quiet("21:00-08:00")
TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")
NO_JITTER = 0
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SAMPLE_ZONES = [
    "Africa/Cairo",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/Paris",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
]

minutes = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))
windows = (
    st.tuples(minutes, minutes)
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: SendTimes((QuietHours(*pair),)))
)
zones = st.sampled_from([ZoneInfo(name) for name in SAMPLE_ZONES])
instants = st.integers(0, 16 * 366 * 24 * 60).map(lambda n: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


def test_a_send_at_23h_in_tokyo_waits_until_8h() -> None:
    at_night = datetime(2026, 5, 4, 23, tzinfo=TOKYO)
    assert NIGHT.allowed_from(at_night, TOKYO, NO_JITTER) == datetime(2026, 5, 5, 8, tzinfo=TOKYO)


def test_a_send_before_dawn_waits_until_8h_the_same_day() -> None:
    before_dawn = datetime(2026, 5, 5, 0, 30, tzinfo=TOKYO)
    assert NIGHT.allowed_from(before_dawn, TOKYO, NO_JITTER) == datetime(2026, 5, 5, 8, tzinfo=TOKYO)


def test_the_window_is_half_open() -> None:
    day = datetime(2026, 5, 5, tzinfo=TOKYO)
    assert NIGHT.is_quiet(day.replace(hour=21), TOKYO)
    assert not NIGHT.is_quiet(day.replace(hour=8), TOKYO)
    assert NIGHT.is_quiet(day.replace(hour=7, minute=59, second=59), TOKYO)
    assert not NIGHT.is_quiet(day.replace(hour=20, minute=59, second=59), TOKYO)


def test_the_hour_after_midnight_is_quiet_in_an_overnight_window() -> None:
    """Two systems got this wrong: one reads 24:xx there, one swaps 20:00-02:00 into its opposite."""
    window = quiet("20:00-02:00")
    hours = [hour for hour in range(24) if window.is_quiet(datetime(2026, 5, 5, hour, 30, tzinfo=TOKYO), TOKYO)]
    assert hours == [0, 1, 20, 21, 22, 23]


def test_the_same_instant_is_judged_by_each_ones_own_clock() -> None:
    """T30: scheduled in UTC instead of local time."""
    instant = datetime(2026, 7, 1, 12, tzinfo=UTC)
    quiet = [
        name
        for name in ("UTC", "Asia/Tokyo", "America/Los_Angeles", "Europe/Paris")
        if NIGHT.is_quiet(instant, ZoneInfo(name))
    ]
    assert quiet == ["Asia/Tokyo", "America/Los_Angeles"]


def test_a_window_that_ends_in_a_spring_gap_ends_with_the_gap() -> None:
    """T31: 02:30 does not exist on 8 March 2026 in New York; the clock goes from 01:59 to 03:00."""
    window = quiet("22:00-02:30")
    held = datetime(2026, 3, 8, 1, tzinfo=NEW_YORK)
    assert window.allowed_from(held, NEW_YORK, NO_JITTER) == datetime(2026, 3, 8, 3, tzinfo=NEW_YORK)


def test_a_window_that_ends_in_an_autumn_fold_ends_with_the_first_occurrence() -> None:
    """T31: 01:30 comes twice on 1 November 2026 in New York."""
    window = quiet("22:00-01:30")
    held = datetime(2026, 11, 1, 0, 15, tzinfo=NEW_YORK)
    assert window.allowed_from(held, NEW_YORK, NO_JITTER) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_the_second_occurrence_holds_until_its_own_end() -> None:
    window = quiet("22:00-01:30")
    held = datetime(2026, 11, 1, 6, 10, tzinfo=UTC)  # 01:10 for the second time
    assert window.allowed_from(held, NEW_YORK, NO_JITTER) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_a_day_that_never_was_does_not_end_the_night() -> None:
    """Samoa had no 30 December 2011, so the night of the 29th ends on the 31st."""
    apia = ZoneInfo("Pacific/Apia")
    held = datetime(2011, 12, 29, 23, tzinfo=apia)
    assert NIGHT.allowed_from(held, apia, NO_JITTER).astimezone(apia).isoformat() == "2011-12-31T08:00:00+14:00"


weekly = st.sets(st.integers(0, 6), min_size=1).map(lambda numbers: Days(frozenset(numbers)))
spans = st.tuples(st.dates(date(2020, 1, 1), date(2035, 12, 1)), st.integers(0, 30)).map(
    lambda span: Days(dates=frozenset({(span[0], span[0] + span[1] * DAY)}))
)
places = st.sampled_from(["", "FR", "US", "JP", "SE"])
all_times = st.builds(
    lambda windows, send_on, closed, country: SendTimes(
        windows, send_on, closed, not_on_holidays=bool(country), country=country
    ),
    st.lists(
        st.tuples(minutes, minutes, weekly | spans)
        .filter(lambda parts: parts[0] != parts[1])
        .map(lambda parts: QuietHours(*parts)),
        max_size=2,
    ).map(tuple),
    weekly,
    spans,
    places,
).filter(lambda times: any(minutes > 60 for minutes in times.open_minutes()))


@settings(deadline=None, max_examples=150)
@given(all_times, instants, zones, st.integers(0, 2**64))
@example(quiet("03:00-02:30"), datetime(2026, 3, 8, 6, tzinfo=UTC), NEW_YORK, 5)
@example(quiet("21:00-01:55"), datetime(2026, 11, 1, 5, 30, tzinfo=UTC), NEW_YORK, 15 * 60)
def test_what_comes_out_is_allowed_not_earlier_and_stays_put(
    times: SendTimes, instant: datetime, zone: ZoneInfo, person: int
) -> None:
    """It ends, never in quiet hours or on a day off, never before its time, and asking again changes nothing."""
    allowed = times.allowed_from(instant, zone, person)
    assert instant <= allowed < instant + FARTHEST
    assert not times.is_quiet(allowed, zone)
    assert not times.is_day_off(allowed, zone)
    assert times.allowed_from(allowed, zone, person) == allowed
    assert allowed == instant or times.holds(instant, zone)


@settings(deadline=None, max_examples=50)
@given(all_times, instants, zones, st.integers(1, 2**64))
def test_nothing_earlier_was_allowed(times: SendTimes, instant: datetime, zone: ZoneInfo, person: int) -> None:
    """But for the person's own minutes: a minute between that is allowed belongs to the last opening."""
    allowed = times.allowed_from(instant, zone, person)
    opening = times.allowed_from(instant, zone, NO_JITTER)
    assert opening <= allowed < opening + LARGEST_JITTER
    minutes = int((opening - instant) / MINUTE)
    tried = range(0, minutes, max(1, minutes // 400))
    assert all(times.holds(instant + n * MINUTE, zone) for n in tried)


def test_what_is_never_allowed_comes_to_an_end_all_the_same() -> None:
    held = datetime(2026, 5, 4, 23, tzinfo=TOKYO)
    assert SendTimes(send_on=NO_DAY).allowed_from(held, TOKYO, NO_JITTER) == held + FARTHEST


def test_the_hours_of_weekends_and_dates_join_those_of_every_day() -> None:
    times = quiet("21:00-08:00", "18:00-10:00 on sat, sun", "12:00-24:00 on 2026-12-24")
    held = [
        datetime.fromisoformat(f"2026-{at}").replace(tzinfo=TOKYO)
        for at in ("05-01T22:00", "05-02T19:00", "05-03T19:00", "12-24T13:00")
    ]
    opens = [times.allowed_from(instant, TOKYO, NO_JITTER).astimezone(TOKYO) for instant in held]
    assert [f"{opening:%d %H:%M}" for opening in opens] == ["02 08:00", "03 10:00", "04 10:00", "25 08:00"]


@settings(deadline=None)
@given(instants, zones, st.integers(0, 2**64))
def test_a_held_mail_leaves_less_than_20_minutes_after_the_window(
    instant: datetime, zone: ZoneInfo, person: int
) -> None:
    opening = NIGHT.allowed_from(instant, zone, NO_JITTER)
    assert opening <= NIGHT.allowed_from(instant, zone, person) < opening + LARGEST_JITTER


def test_not_everybody_is_mailed_at_8h_sharp() -> None:
    held = datetime(2026, 5, 4, 23, tzinfo=TOKYO)
    leave = {NIGHT.allowed_from(held, TOKYO, person_hash(f"{n}@example.com")) for n in range(200)}
    assert len(leave) > 150


def test_the_jitter_never_reaches_the_next_window() -> None:
    window = quiet("08:05-08:00")
    held = datetime(2026, 5, 4, 23, tzinfo=TOKYO)
    latest = max(window.allowed_from(held, TOKYO, person) for person in range(1200))
    assert latest == datetime(2026, 5, 5, 8, 4, 59, tzinfo=TOKYO)


def test_a_mail_that_was_not_held_gets_no_jitter() -> None:
    noon = datetime(2026, 5, 5, 12, tzinfo=TOKYO)
    assert NIGHT.allowed_from(noon, TOKYO, person_hash("ada@example.com")) == noon


@pytest.mark.parametrize("machine_zone", ["Pacific/Kiritimati", "America/St_Johns"])
def test_the_machines_own_zone_changes_nothing(machine_zone: str) -> None:
    """T32: server-local time where UTC was meant."""
    program = (
        "from datetime import *; from zoneinfo import ZoneInfo; from aftercart.policy.quiet_hours import QuietHours;"
        "from aftercart.policy.send_times import SendTimes;"
        "print(SendTimes((QuietHours.parse('21:00-08:00'),)).allowed_from("
        "datetime(2026, 5, 4, 14, tzinfo=UTC), ZoneInfo('Asia/Tokyo'), 7).astimezone(UTC).isoformat())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TZ": machine_zone},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "2026-05-04T23:00:07+00:00"
