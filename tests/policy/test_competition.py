from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aftercart.policy.competition import AFTER_RIVAL, LOOKAHEAD, Rival, yields_until
from aftercart.policy.frequency_cap import Counted, FrequencyCap

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def waits(*rivals: Rival, cap: str = "1 per 1d", counted: list[Counted] | None = None) -> datetime | None:
    caps = [FrequencyCap.parse(cap)]
    return yields_until(
        rivals,
        priority=50,
        campaign="news",
        topic="tips",
        caps=caps,
        counted=counted or [],
        now=NOW,
        zone=ZoneInfo("UTC"),
    )


def test_a_more_important_mail_due_soon_gets_the_slot() -> None:
    assert waits(Rival(NOW + 3 * HOUR, "accessories", "tips", 80)) == NOW + 3 * HOUR + AFTER_RIVAL


def test_an_equal_or_less_important_one_does_not() -> None:
    assert waits(Rival(NOW + HOUR, "accessories", "tips", 50), Rival(NOW + HOUR, "reviews", "tips", 10)) is None


def test_nobody_waits_longer_than_the_lookahead() -> None:
    assert waits(Rival(NOW + LOOKAHEAD + HOUR, "accessories", "tips", 80), cap="1 per 7d") is None


def test_nobody_waits_where_there_is_room_for_both() -> None:
    assert waits(Rival(NOW + HOUR, "accessories", "tips", 80), cap="2 per 1d") is None


def test_nobody_waits_for_a_rival_that_could_not_go_itself() -> None:
    sent = [Counted(NOW - 20 * HOUR, "accessories", "tips")]
    assert waits(Rival(NOW + HOUR, "accessories", "tips", 80), cap="1 per 1d per campaign", counted=sent) is None


def test_a_rival_that_is_overdue_has_its_turn_now() -> None:
    assert waits(Rival(NOW - HOUR, "accessories", "tips", 80)) == NOW + AFTER_RIVAL
