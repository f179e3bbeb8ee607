"""Which mails, of which person and by which clock, hold the slots of frequency caps, on each kind of database."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.db.tables import enrollments, recipients, sends
from aftercart.delivery.base import Outcome
from aftercart.pipeline.sending.hand_over import hand_over
from aftercart.pipeline.sending.send import claim
from aftercart.policy.store import suppress
from aftercart.policy.suppression import SuppressionReason
from aftercart.testing import run_due, run_until
from tests.cast import (
    ADA,
    BEN,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    answer,
    campaign,
    clock_of,
    customer,
    fates,
    only_send,
    order,
    outbox,
    rows,
    tell,
)
from tests.jumping_clock import JumpingClock
from tests.pipeline.sending.capped import (
    DUE,
    ONE,
    Open,
    claim_due,
    engines,
    stops_of,
    transactional,
    want_mail_once_a_week,
)


@pytest.fixture
def open_app(tmp_path: Path, database_url: str) -> Iterator[Open]:
    with engines(tmp_path, database_url) as open_app:
        yield open_app


# ---------------------------------------------------------------- which mails count


@pytest.mark.parametrize(
    ("classes", "marketing"),
    [({}, "sent"), ({"counts": "true"}, "scheduled")],
    ids=["by_itself", "counts"],
)
def test_transactional_mail_is_never_capped_and_takes_a_slot_only_when_told(
    open_app: Open, classes: dict[str, str], marketing: str
) -> None:
    """T16: a cap was not applied to campaign mails, and its fix then stopped transactional ones."""
    app = open_app(transactional(**classes), campaign(at='"11:00"'), brand="frequency_cap: [1 per 1d]\n")
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE)
    assert [row["state"] for row in rows(app, sends) if row["campaign"] == "receipt"] == ["sent", "sent"]
    assert [row["counted_at"] is not None for row in rows(app, sends) if row["state"] == "sent"] == [bool(classes)] * 2
    run_until(app, DUE + HOUR)
    assert marketing in {row["state"] for row in rows(app, sends) if row["campaign"] == "accessories"}


def test_who_wants_mail_once_a_week_still_gets_all_that_is_owed(open_app: Open) -> None:
    """A slot that it takes does not make it capped."""
    app = open_app(transactional(counts="true"))
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    want_mail_once_a_week(app)
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent")] * 2


def test_transactional_mail_needs_no_consent_and_belongs_to_no_holdout(open_app: Open) -> None:
    """T23: unsubscribed people must get what is owed to them."""
    app = open_app(transactional(), campaign(), brand="holdout: 99%\n")
    for number in range(3):
        order(app, str(number), customer(number, accepts_marketing=False))
    order(app, "ben", BEN)
    run_until(app, DUE)
    assert {row["state"] for row in rows(app, sends) if row["campaign"] == "receipt"} == {"sent"}
    assert {row["reason"] for row in rows(app, sends) if row["campaign"] == "accessories"} == {"no_consent"}
    assert not any("List-Unsubscribe" in message.headers for message in outbox(app).messages)


def test_nobody_gets_any_mail_at_an_address_that_must_not_be_mailed_at_all(open_app: Open) -> None:
    """A millisecond after the claim too."""
    app = open_app(transactional())
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    claimed = claim_due(app)
    with app.db.write() as connection:
        suppress(connection, [str(ADA["email"])], SuppressionReason.HARD_BOUNCE, "test", app.clock())
    hand_over(app, claimed)
    assert outbox(app).messages == []
    run_until(app, DUE + HOUR)
    assert fates(app) == [("skipped", "suppressed")]


def test_people_in_the_holdout_take_no_slot(open_app: Open) -> None:
    app = open_app(
        campaign("measured", holdout="99%", priority=90), campaign(at='"11:00"'), brand="frequency_cap: [1 per 7d]\n"
    )
    for number in range(3):
        order(app, str(number), customer(number))
    run_until(app, DUE + 2 * HOUR)
    held = {row["recipient_id"] for row in rows(app, sends) if row["reason"] == "holdout"}
    sent = {
        row["recipient_id"] for row in rows(app, sends) if row["campaign"] == "accessories" and row["state"] == "sent"
    }
    assert held
    assert held <= sent
    assert all(row["counted_at"] is None for row in rows(app, sends) if row["reason"] == "holdout")


@pytest.mark.parametrize(
    ("outcome", "facts", "freed"),
    [
        (Outcome.REJECTED, {"hard_bounce": True}, True),
        (Outcome.REJECTED, {}, True),
        (Outcome.DEFERRED, {}, True),
        (Outcome.UNKNOWN, {}, False),
    ],
    ids=["hard_bounce", "rejected", "deferred", "unknown"],
)
def test_a_mail_that_was_not_accepted_gives_its_slot_back(
    open_app: Open, outcome: Outcome, facts: dict[str, Any], freed: bool
) -> None:
    """One of which nobody knows whether it went keeps it."""
    app = open_app(campaign(**ONE))
    order(app, "1", ADA)
    outbox(app).answers[str(ADA["email"])] = [answer(outcome, **facts)]
    clock_of(app).move_to(DUE)
    run_due(app)
    assert (only_send(app)["counted_at"] is None) is freed


def test_a_repeat_buyer_gets_the_same_mail_again(open_app: Open) -> None:
    """T20: a marketing mail went once per contact for life."""
    app = open_app(campaign(caps="[1 per 30d]"))
    order(app, "1", ADA)
    run_until(app, MONDAY + 60 * DAY)
    order(app, "2", ADA)
    run_until(app, MONDAY + 70 * DAY)
    assert fates(app) == [("sent", "sent")] * 2
    assert len(rows(app, enrollments)) == 2


# ---------------------------------------------------------------- persons


def moves(app: App, who: dict[str, Any], to: str) -> None:
    """The customer's own record at the shop has another address."""
    tell(app, "customer.updated", {**who, "email": to})


def test_a_customer_who_changes_their_address_keeps_their_slots(open_app: Open) -> None:
    app = open_app(campaign(caps="[1 per 7d]", quiet="null"))
    order(app, "1", ADA)
    run_until(app, DUE)
    moves(app, ADA, "ada@new.example")
    order(app, "2", {**ADA, "email": "ada@new.example"}, [HELMET])
    run_until(app, DUE + 4 * DAY)
    assert fates(app)[1] == ("skipped", "expired")
    assert stops_of(app, "expired") == [["frequency_cap"]]
    assert outbox(app).mails_to("ada@new.example") == []


def test_when_two_persons_turn_out_to_be_one_both_histories_count(open_app: Open) -> None:
    app = open_app(campaign(caps="[2 per 7d]", quiet="null"))
    old, new = customer(1), customer(2)
    order(app, "1", old)
    order(app, "2", new)
    run_until(app, DUE)
    moves(app, old, new["email"])
    order(app, "3", new, [HELMET])
    run_until(app, DUE + 3 * DAY)
    assert [row["state"] for row in rows(app, sends)][:2] == ["sent", "sent"]
    assert rows(app, sends)[2]["reason"] == "expired"
    assert stops_of(app, "expired") == [["frequency_cap"]]
    assert [row["merged_into"] for row in rows(app, recipients)] == [2, None]


def test_persons_who_move_on_stay_one_person(open_app: Open) -> None:
    """A chain of addresses, and back to the first one."""
    app = open_app(campaign(caps="[1 per 7d]", quiet="null"))
    order(app, "1", ADA)
    for address in ("ada@b.example", "ada@c.example", "ada@d.example", "ada@example.com"):
        moves(app, ADA, address)
    assert {row["merged_into"] for row in rows(app, recipients)} == {None, 4}
    run_until(app, DUE)
    order(app, "2", {**ADA, "email": "ada@b.example"}, [HELMET])
    run_until(app, DUE + 3 * DAY)
    assert outbox(app).mails_to("ada@b.example") == []


# ---------------------------------------------------------------- clocks


def set_clock(app: App, instant: datetime) -> None:
    assert isinstance(app.clock, JumpingClock)
    app.clock.jump_to(instant)


def test_a_claim_whose_time_ran_out_cannot_leave_when_the_clock_is_set_back(open_app: Open) -> None:
    """Its slot went to another mail meanwhile."""
    app = open_app(campaign(**ONE))
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    claimed = claim_due(app)
    order(app, "2", ADA, [HELMET], placed_at=MONDAY.isoformat())
    clock_of(app).move_to(DUE + HOUR)  # a jump: the lease has run out
    second = [row["id"] for row in rows(app, sends)][1:]
    assert len(claim(app, second)) == 1
    set_clock(app, DUE + timedelta(seconds=10))
    hand_over(app, claimed)
    assert outbox(app).messages == []


def test_a_clock_set_back_between_claim_and_hand_over_moves_no_slot_back(open_app: Open) -> None:
    app = open_app(campaign(**ONE))
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    claimed = claim_due(app)
    set_clock(app, DUE - HOUR)
    hand_over(app, claimed)
    assert (only_send(app)["sent_at"], only_send(app)["counted_at"]) == (DUE - HOUR, DUE)
