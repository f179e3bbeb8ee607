"""The conditional updates that make a send go once: each names the state and the attempt that it expects."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import attempts, consents, enrollments, sends, suppressions
from aftercart.enrollment import store as enrollment
from aftercart.ledger import store
from aftercart.ledger.states import SendState
from aftercart.ledger.store import LEASE, REPLY_LEASE, Claim, Settled, Start, Under
from aftercart.policy.store import counted_sends
from aftercart.testing import engine
from tests.cast import ADA, DAY, HELMET, MONDAY, Shop, campaign, fates, only_send, order, rows

NOW = MONDAY + 4 * DAY
BOOT = "this boot"
SECOND = timedelta(seconds=1)


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    """One planned mail to Ada, due."""
    shop = Shop(tmp_path / "shop").write(campaign())
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        order(app, "1", ADA)
        yield app


def do(app: App, act: Callable[..., Any], *args: Any) -> Any:
    """One function of the ledger in a transaction of its own."""
    with app.db.write() as connection:
        return act(connection, *args)


def claimed(app: App, attempt: int = 1, at: Any = NOW) -> None:
    send_id = only_send(app)["id"]
    do(app, store.claim, [Claim(send_id, attempt, "Subject", None, "t", "c", "recommendations")], at, BOOT)


def begun(app: App, attempt: int = 1, at: Any = NOW) -> bool:
    send_id = only_send(app)["id"]
    start = Start(send_id, attempt, f"<{send_id}@example.com>")
    return bool(do(app, store.begin, [start], "test", at))


def receipt(app: App, **changes: Any) -> Settled:
    usual = Settled(only_send(app)["id"], 1, "<1@example.com>", "accepted", "250 ok", SendState.SENT, "sent", NOW)
    return replace(usual, **changes)


def test_a_claim_leases_the_send_and_takes_its_slot(app: App) -> None:
    claimed(app)
    row = only_send(app)
    assert (row["state"], row["attempt"], row["counted_at"]) == ("scheduled", 1, NOW)
    assert row["lease_until"] == row["wake_at"] == NOW + LEASE
    assert do(app, store.due, [row["id"]], NOW + LEASE - SECOND, BOOT) == []
    assert [found["id"] for found in do(app, store.due, [row["id"]], NOW + LEASE, BOOT)] == [row["id"]]


def test_a_claim_whose_lease_ran_out_gives_its_slot_back(app: App) -> None:
    claimed(app)
    (row,) = do(app, store.lock_due, [only_send(app)["id"]], NOW + LEASE, BOOT)
    assert row["attempt"] == 1
    assert only_send(app)["counted_at"] is None
    assert not begun(app, at=NOW + LEASE)


def test_a_hand_over_begins_once(app: App) -> None:
    claimed(app)
    assert begun(app)
    assert not begun(app)
    row = only_send(app)
    assert (row["state"], row["counted_at"], row["wake_at"]) == ("sending", NOW, NOW + REPLY_LEASE)
    assert [attempt["outcome"] for attempt in rows(app, attempts)] == ["started"]


def test_of_several_hand_overs_only_those_begin_that_are_not_under_way(app: App) -> None:
    order(app, "2", ADA, [HELMET])
    under_way, fresh = (row["id"] for row in rows(app, sends))
    starts = [Start(send_id, 1, f"<{send_id}@example.com>") for send_id in (under_way, fresh)]
    claims = [Claim(start.send_id, 1, "Subject", None, "t", "c", "recommendations") for start in starts]
    do(app, store.claim, claims, NOW, BOOT)
    assert do(app, store.begin, starts[:1], "test", NOW) == {under_way}
    assert do(app, store.begin, starts, "test", NOW) == {fresh}
    assert [attempt["outcome"] for attempt in rows(app, attempts)] == ["started"] * 2


def test_a_hand_over_does_not_begin_without_a_claim_or_with_an_old_one(app: App) -> None:
    assert not begun(app, attempt=0)
    claimed(app)
    claimed(app, attempt=2)
    assert not begun(app, attempt=1)
    assert begun(app, attempt=2)


def test_a_hand_over_does_not_begin_when_the_lease_has_run_out(app: App) -> None:
    """Another mail may have taken the slot by then, although nobody has touched this one."""
    claimed(app)
    assert not begun(app, at=NOW + LEASE)
    assert begun(app, at=NOW + LEASE - SECOND)


def test_a_hand_over_does_not_begin_once_the_mail_is_no_longer_worth_sending(app: App) -> None:
    last_use = only_send(app)["valid_until"]
    claimed(app, at=last_use - SECOND)
    assert not begun(app, at=last_use)
    assert begun(app, at=last_use - SECOND)


@pytest.mark.parametrize(("scope", "reason"), [("brand", "unsubscribed"), ("all", "hard_bounce")])
def test_a_hand_over_does_not_begin_for_an_address_on_the_list(app: App, scope: str, reason: str) -> None:
    """T21"""
    claimed(app)
    row = {"email": "ada@example.com", "scope": scope, "topic": "", "reason": reason, "source": "test", "at": NOW}
    do(app, lambda connection: connection.execute(insert(suppressions), row))
    assert not begun(app)


@pytest.mark.parametrize(("topic", "goes"), [("recommendations", False), ("news", True)])
def test_a_hand_over_begins_for_who_left_another_topic(app: App, topic: str, goes: bool) -> None:
    """T21, T24: what they left is what ends."""
    claimed(app)
    row = {"email": "ada@example.com", "scope": "topic", "topic": topic, "reason": "unsubscribed"}
    do(app, lambda connection: connection.execute(insert(suppressions), {**row, "source": "test", "at": NOW}))
    assert begun(app) is goes


def test_a_hand_over_looks_at_the_newest_word_of_the_person(app: App) -> None:
    """T21: an older no does not count against a newer yes."""
    claimed(app)
    proof = {"basis": "", "wording": "", "ip": "", "undated": False}
    said = {"recipient_id": only_send(app)["recipient_id"], "source": "test", "recorded_at": NOW, **proof}
    for state, at in (("denied", NOW), ("granted", NOW + SECOND), ("denied", NOW - SECOND)):
        do(app, lambda connection, row: connection.execute(insert(consents), row), {**said, "state": state, "at": at})
    assert begun(app)


def test_a_receipt_of_another_attempt_changes_nothing(app: App) -> None:
    """The fencing token: a worker that comes late does not speak for the one that came after it."""
    claimed(app)
    claimed(app, attempt=2)
    begun(app, attempt=2)
    do(app, store.settle, [receipt(app)], "test")
    assert only_send(app)["state"] == "sending"


def test_an_ended_send_takes_no_receipt(app: App) -> None:
    claimed(app)
    do(app, store.cancel, {only_send(app)["enrollment_id"]: "order_refunded"})
    do(app, store.settle, [receipt(app)], "test")
    assert fates(app) == [("canceled", "order_refunded")]


def test_a_hand_over_under_way_is_not_canceled(app: App) -> None:
    """Its body may have left; what became of it is told by its receipt."""
    claimed(app)
    begun(app)
    do(app, store.cancel, {only_send(app)["enrollment_id"]: "order_refunded"})
    assert only_send(app)["state"] == "sending"
    do(app, store.settle, [receipt(app)], "test")
    assert fates(app) == [("sent", "sent")]


def test_many_receipts_at_once_are_all_written(app: App) -> None:
    """A server that is down makes a sender answer for the whole batch at once."""
    order(app, "2", ADA, [HELMET])
    first, second = (row["id"] for row in rows(app, sends))
    do(app, lambda connection: connection.execute(update(sends).values(attempt=1)))
    later = NOW + timedelta(minutes=1)
    told = [
        receipt_of(send_id, state=SendState.SCHEDULED, outcome="deferred", reason="provider_deferred", retry_at=later)
        for send_id in (second, first)
    ]
    do(app, store.settle, told, "test")
    assert fates(app) == [("scheduled", "provider_deferred")] * 2
    assert {(row["due_at"], row["wake_at"], row["tries"]) for row in rows(app, sends)} == {(later, later, 1)}


def receipt_of(send_id: Any, **changes: Any) -> Settled:
    return replace(Settled(send_id, 1, "<1@example.com>", "", "", SendState.SENT, None, NOW), **changes)


@pytest.mark.parametrize(("state", "counted_at"), [("sent", NOW), ("unknown", NOW), ("failed", None)])
def test_only_what_may_have_reached_the_person_keeps_its_slot(app: App, state: str, counted_at: Any) -> None:
    claimed(app)
    begun(app)
    do(app, store.settle, [receipt(app, state=SendState(state))], "test")
    row = only_send(app)
    assert (row["state"], row["counted_at"]) == (state, counted_at)


def test_an_abandoned_hand_over_ends_its_enrollment(app: App) -> None:
    """T34: a run whose last mail is in doubt still comes to an end."""
    claimed(app)
    begun(app)
    assert do(app, store.settle_abandoned, NOW + REPLY_LEASE - SECOND, BOOT) == []
    ended = do(app, store.settle_abandoned, NOW + REPLY_LEASE, BOOT)
    do(app, enrollment.complete, ended, NOW)
    assert fates(app) == [("unknown", "unknown_outcome")]
    assert rows(app, enrollments)[0]["state"] == "completed"
    (attempt,) = rows(app, attempts)
    assert (attempt["outcome"], attempt["reason"]) == ("unknown", "unknown_outcome")
    assert "the process or the machine stopped" in attempt["response"]
    assert attempt["provider"] == "test", "the row of the beginning is completed, not replaced"


def test_a_claim_of_an_earlier_boot_is_never_decided_again(app: App) -> None:
    """Its mark may have died with the machine, so nobody knows whether the mail has left."""
    claimed(app)
    send_id = only_send(app)["id"]
    assert do(app, store.due, [send_id], NOW + LEASE, "the next boot") == []
    assert do(app, store.lock_due, [send_id], NOW + LEASE, "the next boot") == []
    assert do(app, store.settle_abandoned, NOW + LEASE, BOOT) == []
    assert do(app, store.settle_abandoned, NOW + LEASE, "the next boot") == [only_send(app)["enrollment_id"]]
    assert fates(app) == [("unknown", "unknown_outcome")]
    assert only_send(app)["counted_at"] == NOW
    assert [row["outcome"] for row in rows(app, attempts)] == ["unknown"]


def test_a_reserved_slot_that_may_still_be_used_is_counted_as_of_now(app: App) -> None:
    """Claimed before midnight and handed over after it, a mail takes a slot of the new day."""
    claimed(app)
    person = only_send(app)["recipient_id"]
    later = NOW + LEASE - SECOND
    (counted,) = do(app, counted_sends, {person: person}, NOW - DAY, later)[person]
    assert counted.at == later
    assert begun(app, at=NOW + SECOND)
    (counted,) = do(app, counted_sends, {person: person}, NOW - DAY, later)[person]
    assert counted.at == NOW + SECOND


def test_the_next_wake_is_that_of_the_first_open_send(app: App) -> None:
    due = only_send(app)["due_at"]
    assert do(app, store.next_wake) == due
    mail = only_send(app)["id"]
    do(app, store.end, {mail: (SendState.SKIPPED, "no_consent")}, {mail: Under(None, "v")})
    assert do(app, store.next_wake) is None
    with app.db.read() as connection:
        assert connection.execute(select(sends.c.counted_at)).scalar_one() is None
