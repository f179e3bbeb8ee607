from datetime import datetime, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.policy.days import EVERY_DAY, Days
from aftercart.policy.quiet_hours import QuietHours, person_hash

minutes = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))
days = st.sampled_from(["mon", "sat, sun", "mon-fri", "2026-12-24", "2026-12-24 to 2027-01-02", "wed, 2026-12-24"])
on = st.one_of(st.just(EVERY_DAY), days.map(lambda text: Days.parse_all(text.split(","))))
windows = (
    st.tuples(minutes, minutes, on)
    .filter(lambda parts: parts[0] != parts[1] or parts[2] != EVERY_DAY)
    .map(lambda parts: QuietHours(*parts))
)


def test_a_person_is_the_same_however_the_address_is_written() -> None:
    assert person_hash("Ada@Example.com ") == person_hash("ada@example.com") == 13113503435055299040


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("08:00-08:00", "no mail could ever go out"),
        ("00:00-24:00", "no mail could ever go out"),
        ("at night", "write it as 21:00-08:00"),
        ("25:00-08:00", "25:00 is no time of day"),
        ("21:60-08:00", "21:60 is no time of day"),
    ],
)
def test_an_impossible_window_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        QuietHours.parse(text)


@settings(deadline=None)
@given(windows)
def test_a_window_reads_back_what_it_prints(window: QuietHours) -> None:
    assert QuietHours.parse(str(window)) == window


def test_an_evening_window_may_end_at_24h() -> None:
    assert QuietHours.parse("21:00-24:00") == QuietHours(time(21), time(0))


def quiet_at(window: str, *days: str) -> list[int]:
    """The hours, counted over the days, at whose half a window is quiet."""
    read = QuietHours.parse(window)
    return [
        24 * number + hour
        for number, day in enumerate(days)
        for hour in range(24)
        if read.covers(datetime.fromisoformat(f"{day}T{hour:02}:30"))
    ]


def test_a_window_of_a_weekday_begins_on_it_and_may_end_on_the_next_day() -> None:
    friday_to_monday = ("2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09")
    assert quiet_at("20:00-10:00 on sat", *friday_to_monday) == [*range(44, 58)]
    assert quiet_at("20:00-10:00 on sat, sun", *friday_to_monday) == [*range(44, 58), *range(68, 82)]
    assert quiet_at("08:00-12:00 on sun", *friday_to_monday) == [*range(56, 60)]


def test_a_window_of_a_date_holds_on_that_date_alone() -> None:
    christmas = ("2026-12-24", "2026-12-25", "2026-12-26")
    assert quiet_at("16:00-24:00 on 2026-12-24", *christmas) == [*range(16, 24)]
    assert quiet_at("16:00-10:00 on 2026-12-24 to 2026-12-25", *christmas) == [*range(16, 34), *range(40, 58)]


def test_a_whole_day_can_be_quiet() -> None:
    assert quiet_at("00:00-24:00 on sun", "2026-03-07", "2026-03-08", "2026-03-09") == [*range(24, 48)]
    assert quiet_at("20:00-20:00 on sat", "2026-03-07", "2026-03-08") == [*range(20, 44)]
