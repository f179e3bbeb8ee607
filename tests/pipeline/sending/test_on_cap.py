"""What becomes of a mail that meets a frequency cap: it waits, ends, makes way, or takes the slot of another."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aftercart.db.tables import decisions, enrollments, sends
from aftercart.pipeline.sending.hand_over import hand_over
from aftercart.pipeline.sending.send import claim
from aftercart.testing import run_until
from tests.cast import (
    ADA,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    campaign,
    clock_of,
    fates,
    order,
    rows,
)
from tests.pipeline.sending.capped import (
    DUE,
    ONE,
    Open,
    by_campaign,
    claim_due,
    engines,
    want_mail_once_a_week,
    with_limits,
)


@pytest.fixture
def open_app(tmp_path: Path, database_url: str) -> Iterator[Open]:
    with engines(tmp_path, database_url) as open_app:
        yield open_app


def test_a_mail_that_is_to_be_dropped_ends_at_once(open_app: Open) -> None:
    """T18: it leaves a terminal record with its reason; the next step goes on."""
    more = "  - {id: later, after: 9d, valid_for: 3d, template: plain}"
    app = open_app(with_limits(campaign(**ONE, more_steps=more), on_cap="drop"))
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE + HOUR)
    assert sorted(fates(app))[2:] == [("sent", "sent"), ("skipped", "frequency_cap")]
    run_until(app, MONDAY + 10 * DAY)
    assert [row["state"] for row in rows(app, enrollments)] == ["completed", "completed"]
    assert sorted(fates(app)) == [("sent", "sent")] * 2 + [("skipped", "frequency_cap")] * 2


def test_a_run_whose_mail_was_dropped_may_end_with_it(open_app: Open) -> None:
    more = "  - {id: later, after: 9d, valid_for: 3d, template: plain}"
    app = open_app(with_limits(campaign(**ONE, more_steps=more), on_cap="drop", on_drop="exit"))
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE + HOUR)
    assert sorted(fates(app)) == [
        ("canceled", "step_dropped"),
        ("scheduled", None),
        ("sent", "sent"),
        ("skipped", "frequency_cap"),
    ]
    exited = [(row["state"], row["exit_reason"]) for row in rows(app, enrollments)]
    assert sorted(exited) == [("active", None), ("exited", "step_dropped")]
    assert [row["inputs"] for row in rows(app, decisions) if row["reason"] == "step_dropped"] == [{"exited": True}]


@pytest.mark.parametrize("at", ['"10:00"', '"12:00"'], ids=["in_the_same_batch", "later"])
def test_a_mail_may_take_the_slot_of_a_less_important_one(open_app: Open, at: str) -> None:
    low = campaign("low", priority=10, at=at, **ONE)
    app = open_app(with_limits(campaign("high", priority=90, **ONE), on_cap="replace"), low)
    order(app, "1", ADA)
    run_until(app, DUE)
    assert by_campaign(app) == {"high": ("sent", "sent"), "low": ("skipped", "replaced")}
    assert [row["campaign"] for row in rows(app, decisions) if row["reason"] == "replaced"] == ["low"]
    assert {row["state"] for row in rows(app, enrollments)} == {"completed"}


def test_the_run_of_a_mail_whose_slot_was_taken_may_end_with_it(open_app: Open) -> None:
    more = "  - {id: later, after: 9d, valid_for: 3d, template: plain}"
    low = with_limits(campaign("low", priority=10, at='"12:00"', more_steps=more, **ONE), on_drop="exit")
    app = open_app(with_limits(campaign("high", priority=90, **ONE), on_cap="replace"), low)
    order(app, "1", ADA)
    run_until(app, DUE)
    assert sorted(fates(app)) == [("canceled", "step_dropped"), ("sent", "sent"), ("skipped", "replaced")]


def test_nor_where_it_waits_for_its_hand_over_longer_than_the_window_is(open_app: Open) -> None:
    """A worker may be busy with its batch for longer than a short cap reaches back; its mails leave all the same."""
    app = open_app(campaign(caps="[1 per 10s]", quiet="null"))
    order(app, "1", ADA)
    clock_of(app).step(timedelta(seconds=1))
    order(app, "2", ADA, [HELMET])
    clock_of(app).move_to(DUE)
    first, second = (row["id"] for row in rows(app, sends))
    claimed = claim(app, [first])
    clock_of(app).step(timedelta(seconds=30))
    assert claim(app, [second]) == []
    hand_over(app, claimed)
    assert fates(app) == [("sent", "sent"), ("scheduled", "frequency_cap")]
    run_until(app, DUE + timedelta(seconds=40))
    assert fates(app) == [("sent", "sent"), ("sent", "sent")]


def test_the_slot_of_a_claimed_mail_is_never_taken(open_app: Open) -> None:
    low = campaign("low", priority=10, at='"09:00"', **ONE)
    high = with_limits(campaign("high", priority=90, **ONE), on_cap="replace", lookahead="0h")
    app = open_app(low.replace("priority: 10", "priority: 10, lookahead: 0h"), high)
    order(app, "1", ADA)
    clock_of(app).move_to(DUE - HOUR)
    claimed = claim_due(app)
    clock_of(app).step(timedelta(seconds=30))
    hand_over(app, claimed)
    run_until(app, DUE)
    assert by_campaign(app) == {"low": ("sent", "sent"), "high": ("scheduled", "frequency_cap")}


@pytest.mark.parametrize(("lookahead", "first"), [("1h", "low"), ("3h", "high"), ("1d", "high")])
def test_a_mail_makes_way_as_far_ahead_as_its_campaign_says(open_app: Open, lookahead: str, first: str) -> None:
    low = with_limits(campaign("low", priority=10, **ONE), lookahead=lookahead)
    app = open_app(low, campaign("high", priority=90, at='"12:00"', **ONE))
    order(app, "1", ADA)
    run_until(app, DUE + 3 * HOUR)
    assert [row["campaign"] for row in rows(app, sends) if row["state"] == "sent"] == [first]


def test_a_mail_that_has_no_cap_of_its_own_makes_way_where_it_would_take_the_slot_of_one_that_has(
    open_app: Open,
) -> None:
    high = campaign("high", priority=90, at='"12:00"', **ONE)
    app = open_app(campaign("low", priority=10, caps="[]", quiet="null"), high)
    order(app, "1", ADA)
    run_until(app, DUE + HOUR)
    assert by_campaign(app) == {"low": ("scheduled", "outranked"), "high": ("scheduled", None)}
    run_until(app, DUE + 3 * HOUR)
    assert by_campaign(app) == {"low": ("sent", "sent"), "high": ("sent", "sent")}, "it has none, so it goes afterwards"


def test_a_mail_that_has_no_cap_of_its_own_may_take_the_slot_of_one_that_has(open_app: Open) -> None:
    low = campaign("low", priority=10, at='"12:00"', **ONE)
    app = open_app(with_limits(campaign("high", priority=90, caps="[]", quiet="null"), on_cap="replace"), low)
    order(app, "1", ADA)
    run_until(app, DUE)
    assert by_campaign(app) == {"high": ("sent", "sent"), "low": ("skipped", "replaced")}


def test_a_mail_makes_way_where_the_persons_own_choice_leaves_one_slot(open_app: Open) -> None:
    """The cap that they chose themself is one like those of the shop."""
    none: dict[str, Any] = {"caps": "[]", "quiet": "null"}
    app = open_app(campaign("low", priority=10, **none), campaign("high", priority=90, at='"12:00"', **none))
    order(app, "1", ADA)
    want_mail_once_a_week(app)
    run_until(app, DUE + 3 * HOUR)
    assert [row["campaign"] for row in rows(app, sends) if row["state"] == "sent"] == ["high"]


def test_a_mail_may_take_the_slot_that_the_person_themself_leaves(open_app: Open) -> None:
    none: dict[str, Any] = {"caps": "[]", "quiet": "null"}
    low = campaign("low", priority=10, at='"12:00"', **none)
    app = open_app(with_limits(campaign("high", priority=90, **none), on_cap="replace"), low)
    order(app, "1", ADA)
    want_mail_once_a_week(app)
    run_until(app, DUE)
    assert by_campaign(app) == {"high": ("sent", "sent"), "low": ("skipped", "replaced")}


def test_a_mail_makes_no_way_for_one_that_has_had_its_slot_long_ago(open_app: Open) -> None:
    """The more important one may go once in 30 days, and went a week ago: farther back than the caps of the other."""
    high = campaign("high", priority=90, at='"12:00"', caps="[1 per 30d]", quiet="null")
    app = open_app(campaign("low", priority=10, **ONE), high)
    order(app, "1", ADA)
    run_until(app, MONDAY + 7 * DAY)
    assert by_campaign(app)["high"] == ("sent", "sent")
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE + 7 * DAY)
    assert max(row["sent_at"] for row in rows(app, sends) if row["sent_at"]) == DUE + 7 * DAY


def test_a_mail_that_makes_way_again_and_again_says_so_once(open_app: Open) -> None:
    """T19: a row a decision, not one every five minutes. (Nobody ever asks for the more important mail's turn.)"""
    high = campaign("high", priority=90, **ONE)
    app = open_app(campaign("low", priority=10, **ONE), high)
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    low = [row["id"] for row in rows(app, sends) if row["campaign"] == "low"]
    for _ in range(5):
        assert claim(app, low) == []
        clock_of(app).step(timedelta(minutes=5))
    assert [row["reason"] for row in rows(app, decisions)].count("outranked") == 1


def test_an_edited_priority_holds_for_planned_mails(open_app: Open) -> None:
    app = open_app(campaign("a", priority=10, **ONE), campaign("b", priority=90, **ONE))
    order(app, "1", ADA)
    app = open_app(campaign("a", priority=90, **ONE), campaign("b", priority=10, **ONE))
    run_until(app, DUE)
    assert by_campaign(app) == {"a": ("sent", "sent"), "b": ("scheduled", "frequency_cap")}
