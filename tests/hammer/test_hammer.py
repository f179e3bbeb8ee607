"""The short form of `make hammer`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.hammer.blows import PEOPLE, hammer, violations

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_no_window_holds_a_mail_too_many_whoever_sends_at_the_same_instant(database_url: str, tmp_path: Path) -> None:
    toll = hammer(tmp_path / "hammer", database_url, due=5 * PEOPLE, seconds=1.5, processes=3)
    assert toll.is_clean, toll


def test_the_count_sees_a_window_that_holds_too_many() -> None:
    apart = [(1, "things", NOON), (1, "news", NOON), (1, "things", NOON + timedelta(seconds=1))]
    assert violations(apart) == 0
    assert violations([*apart, (1, "other", NOON)]) == 3
    assert violations([*apart, (1, "things", NOON + timedelta(seconds=0.5))]) > 0
