from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from aftercart.policy.competition import AFTER_RIVAL, LOOKAHEAD, Bid, Rival, replaced_by, turn_of, yields_until
from aftercart.policy.frequency_cap import Counted, FrequencyCap

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B, C = (UUID(int=number) for number in (1, 2, 3))


def bid(*, counted: Sequence[Counted] = (), lookahead: timedelta = LOOKAHEAD) -> Bid:
    """A mail of priority 50 that may go now."""
    mail = Counted(NOW, "news", "tips")
    return Bid(mail=mail, priority=50, lookahead=lookahead, counted=counted, zone=ZoneInfo("UTC"))


def rival(
    due_at: datetime, priority: int, *caps: str, send_id: UUID = A, campaign: str = "accessories", topic: str = "tips"
) -> Rival:
    return Rival(send_id, due_at, campaign, topic, priority, tuple(map(FrequencyCap.parse, caps or ["1 per 1d"])))


def test_a_more_important_mail_due_soon_gets_the_slot() -> None:
    assert yields_until([rival(NOW + 3 * HOUR, 80)], bid()) == NOW + 3 * HOUR + AFTER_RIVAL


def test_an_equal_or_less_important_one_does_not() -> None:
    assert yields_until([rival(NOW + HOUR, 50), rival(NOW + HOUR, 10, send_id=B)], bid()) is None


def test_nobody_waits_longer_than_the_lookahead() -> None:
    later = [rival(NOW + LOOKAHEAD + HOUR, 80, "1 per 7d")]
    assert yields_until(later, bid()) is None
    assert yields_until(later, bid(lookahead=LOOKAHEAD + HOUR)) == NOW + LOOKAHEAD + HOUR + AFTER_RIVAL


def test_nobody_waits_where_there_is_room_for_both() -> None:
    assert yields_until([rival(NOW + HOUR, 80, "2 per 1d")], bid()) is None


def test_two_more_important_mails_need_two_slots() -> None:
    two = [rival(NOW + HOUR, 80, "2 per 1d"), rival(NOW + 2 * HOUR, 70, "2 per 1d", send_id=B)]
    assert yields_until(two, bid()) == NOW + 2 * HOUR + AFTER_RIVAL


def test_nobody_waits_for_a_rival_that_could_not_go_itself() -> None:
    sent = [Counted(NOW - 20 * HOUR, "accessories", "tips")]
    assert yields_until([rival(NOW + HOUR, 80, "1 per 1d per campaign")], bid(counted=sent)) is None


@pytest.mark.parametrize(("topic", "waits"), [("tips", True), ("news", False)])
def test_a_cap_per_topic_makes_way_for_the_same_topic_only(topic: str, waits: bool) -> None:
    later = rival(NOW + HOUR, 80, "1 per 1d per topic", topic=topic)
    assert (yields_until([later], bid()) is not None) is waits


def test_a_rival_that_is_overdue_has_its_turn_now() -> None:
    assert yields_until([rival(NOW - HOUR, 80)], bid()) == NOW + AFTER_RIVAL


def test_a_less_important_mail_that_is_left_no_slot_is_replaced() -> None:
    assert replaced_by([rival(NOW + HOUR, 10)], bid()) == [A]
    assert replaced_by([rival(NOW + HOUR, 10, "2 per 1d")], bid()) == []
    assert replaced_by([rival(NOW + HOUR, 50)], bid()) == []
    assert replaced_by([rival(NOW + LOOKAHEAD + HOUR, 10, "1 per 7d")], bid()) == []


def test_only_those_that_had_a_slot_lose_it() -> None:
    """Two less important mails for one slot: the earlier one had it, and the other one has lost nothing."""
    assert replaced_by([rival(NOW + 2 * HOUR, 10, send_id=B), rival(NOW + HOUR, 10)], bid()) == [A]
    two = [rival(NOW + HOUR * n, 10, "2 per 1d", send_id=id_) for n, id_ in enumerate((A, B, C), start=1)]
    assert replaced_by(two, bid()) == [B]


def test_mails_compete_by_priority_then_by_due_time_and_then_by_a_hash() -> None:
    """The hash favors no campaign: ids grow with time, their hashes do not."""
    assert turn_of(60, NOW, B) < turn_of(50, NOW - HOUR, A)
    assert turn_of(50, NOW - HOUR, B) < turn_of(50, NOW, A)
    ids = [UUID(int=number) for number in range(50)]
    in_turn = sorted(ids, key=lambda id_: turn_of(50, NOW, id_))
    assert in_turn != ids
