from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.policy.days import EVERY_DAY, NO_DAY, Days

dates = st.dates(date(2020, 1, 1), date(2035, 12, 31))
entries = st.one_of(st.sampled_from(["mon", "sun", "mon-fri", "sat-mon", "TUE - thu"]), dates.map(date.isoformat))


@pytest.mark.parametrize(
    ("written", "days"),
    [
        (["mon"], "mon"),
        (["mon-fri"], "mon, tue, wed, thu, fri"),
        (["Sat-Mon"], "mon, sat, sun"),
        (["sun", "2026-12-25", "mon"], "mon, sun, 2026-12-25"),
        (["2026-12-24 to 2027-01-02"], "2026-12-24 to 2027-01-02"),
        (["2026-12-24 to 2026-12-24"], "2026-12-24"),
        (["mon-sun"], str(EVERY_DAY)),
    ],
)
def test_days_are_read_as_a_shop_owner_names_them(written: list[str], days: str) -> None:
    assert str(Days.parse_all(written)) == days


def test_a_span_has_both_of_its_ends() -> None:
    closed = Days.parse("2026-12-24 to 2027-01-02")
    inside = [day for day in range(20, 32) if date(2026, 12, day) in closed]
    assert inside == [*range(24, 32)]
    assert date(2027, 1, 2) in closed
    assert date(2027, 1, 3) not in closed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mnday", "'mnday' is no day; write it as mon"),
        ("12-25", "'12-25' is no day"),
        ("2026-02-30", "2026-02-30 is no date"),
        ("2027-01-02 to 2026-12-24", "ends before it begins"),
        ("2026-01-01 to 2027-06-01", "longer than a year; pause the campaign"),
    ],
)
def test_what_is_no_day_is_refused_with_what_to_write(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Days.parse(text)


@given(st.lists(entries), dates)
def test_days_read_back_what_they_print_and_join_as_they_are_named(written: list[str], day: date) -> None:
    days = Days.parse_all(written)
    assert Days.parse_all(days.entries()) == days
    assert (day in days) == any(day in Days.parse(entry) for entry in written)
    assert bool(days) == bool(written)
    assert days | NO_DAY == days
