from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from aftercart.policy.wall_clock import first_instant, second_instant

NEW_YORK = ZoneInfo("America/New_York")


def test_an_ordinary_time_is_what_it_says() -> None:
    assert first_instant(date(2026, 7, 1), time(8), NEW_YORK) == datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_time_in_a_spring_gap_is_the_first_instant_after_it() -> None:
    assert first_instant(date(2026, 3, 8), time(2, 30), NEW_YORK) == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_a_time_in_an_autumn_fold_is_its_first_occurrence() -> None:
    first = first_instant(date(2026, 11, 1), time(1, 30), NEW_YORK)
    second = second_instant(date(2026, 11, 1), time(1, 30), NEW_YORK)
    assert first == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert second == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_outside_a_fold_there_is_only_one_occurrence() -> None:
    day, wall_time = date(2026, 3, 8), time(2, 30)
    assert second_instant(day, wall_time, NEW_YORK) == first_instant(day, wall_time, NEW_YORK)


def test_a_whole_day_that_never_was_is_the_first_instant_of_the_next() -> None:
    """Samoa went from 29 to 31 December 2011."""
    apia = ZoneInfo("Pacific/Apia")
    assert first_instant(date(2011, 12, 30), time(12), apia).astimezone(apia).isoformat() == "2011-12-31T00:00:00+14:00"
