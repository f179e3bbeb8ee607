"""A batch of due sends, from decision to receipt: who gets it, and what counts at the last instant."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

from aftercart.bootstrap import App
from aftercart.db.tables import attempts, enrollments, exposures, sends
from aftercart.pipeline.sending.send import deliver
from aftercart.testing import run_due, run_until
from tests.cast import (
    ADA,
    BEN,
    CHIKA,
    DAY,
    DEV,
    HELMET,
    HOUR,
    Shop,
    campaign,
    clock_of,
    customer,
    fates,
    leave,
    only_send,
    order,
    outbox,
    refund,
    rows,
    tell,
)
from tests.pipeline.conftest import Open, in_between

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""


# ---------------------------------------------------------------- who gets it
def test_ben_who_has_not_agreed_gets_nothing(app: App) -> None:
    order(app, "1", BEN)
    run_until(app, DUE)
    assert fates(app) == [("skipped", "no_consent")]
    assert outbox(app).messages == []


def test_ben_who_left_after_an_earlier_mail_gets_nothing_more(app: App) -> None:
    order(app, "1", {**BEN, "accepts_marketing": True})
    run_until(app, DUE)
    first = only_send(app)
    leave(app, first["recipient_id"], first["id"])
    order(app, "2", {**BEN, "accepts_marketing": None})
    run_until(app, DUE + 10 * DAY)
    assert fates(app) == [("sent", "sent"), ("skipped", "unsubscribed")]


def test_chika_is_mailed_at_ten_by_her_own_clock(app: App) -> None:
    order(app, "1", CHIKA)
    run_until(app, DUE)
    assert only_send(app)["sent_at"] == datetime(2026, 3, 5, 1, tzinfo=UTC)


def test_a_message_that_comes_late_does_not_push_chikas_mail_into_the_night(app: App) -> None:
    """Quiet hours are asked again at the claim, not only when the mail is planned."""
    order(app, "1", CHIKA)
    clock_of(app).move_to(datetime(2026, 3, 5, 14, tzinfo=UTC))  # the workers were down until 23:00 in Tokyo
    run_due(app)
    waiting = only_send(app)
    assert (waiting["state"], waiting["reason"]) == ("scheduled", "quiet_hours")
    opening = datetime(2026, 3, 5, 23, tzinfo=UTC)
    assert opening <= waiting["due_at"] < opening + timedelta(minutes=20)
    run_until(app, opening + HOUR)
    assert only_send(app)["sent_at"] == waiting["due_at"]


def test_dev_who_refunded_gets_nothing(app: App) -> None:
    order(app, "1", DEV)
    refund(app, "1")
    run_until(app, DUE)
    assert fates(app) == [("canceled", "order_refunded")]
    assert rows(app, enrollments)[0]["exit_reason"] == "order_refunded"


def test_dev_who_sent_everything_back_piece_by_piece_gets_nothing(app: App) -> None:
    order(app, "1", DEV)
    refund(app, "1", "BIKE")
    run_until(app, DUE)
    assert fates(app) == [("canceled", "order_refunded")]
    assert outbox(app).messages == []


def test_members_of_the_holdout_get_nothing_and_are_on_record(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(holdout="50%"))
    app = open_app()
    for number in range(40):
        order(app, str(number), customer(number))
    run_until(app, DUE)
    arms = {row["recipient_id"]: row["arm"] for row in rows(app, exposures)}
    assert len(arms) == 40
    held = {row["recipient_id"] for row in rows(app, sends) if row["reason"] == "holdout"}
    assert held == {who for who, arm in arms.items() if arm == "holdout"}
    assert 5 < len(held) < 35
    assert len(outbox(app).messages) == 40 - len(held)


def test_a_mail_follows_its_order_to_another_address(app: App) -> None:
    """The shop corrects a mistyped address: consent, caps and the mail are those of the new person."""
    order(app, "1", {**ADA, "id": None, "email": "typo@example.com"})
    clock_of(app).step(HOUR)
    order(app, "1", {**ADA, "id": None})
    run_until(app, DUE)
    assert [mail.recipient for mail in outbox(app).messages] == ["ada@example.com"]
    (exposed,) = {row["recipient_id"] for row in rows(app, enrollments)}
    assert only_send(app)["recipient_id"] == exposed


# ---------------------------------------------------------------- at the last instant
def test_somebody_who_leaves_a_millisecond_before_the_claim_gets_nothing(app: App) -> None:
    """T21"""
    order(app, "1", ADA)
    planned = only_send(app)
    clock_of(app).move_to(DUE - timedelta(milliseconds=1))
    leave(app, planned["recipient_id"], planned["id"])
    run_until(app, DUE + DAY)
    assert outbox(app).messages == []
    assert fates(app) == [("skipped", "unsubscribed")]


def test_somebody_who_leaves_between_claim_and_hand_over_gets_nothing(app: App) -> None:
    """T21"""
    order(app, "1", ADA)
    planned = only_send(app)
    interrupted = in_between(app, lambda: leave(app, planned["recipient_id"], planned["id"]))
    run_until(interrupted, DUE + DAY)
    assert outbox(app).messages == []
    assert fates(app) == [("skipped", "unsubscribed")]
    assert rows(app, attempts) == []
    assert only_send(app)["counted_at"] is None


def test_consent_taken_back_at_the_shop_between_claim_and_hand_over_counts(app: App) -> None:
    """T21, by the shop's own webhook and not our page."""
    order(app, "1", ADA)
    denial = {**ADA, "accepts_marketing": False}
    run_until(in_between(app, lambda: tell(app, "customer.updated", denial)), DUE + DAY)
    assert outbox(app).messages == []
    assert fates(app) == [("skipped", "no_consent")]


def test_an_order_refunded_between_claim_and_hand_over_is_not_written_about(app: App) -> None:
    order(app, "1", DEV)
    run_until(in_between(app, lambda: refund(app, "1")), DUE + DAY)
    assert outbox(app).messages == []
    assert fates(app) == [("canceled", "order_refunded")]


def test_a_batch_hands_over_the_others_of_whom_one_left(app: App) -> None:
    order(app, "1", ADA)
    order(app, "2", customer(2))
    first = rows(app, sends)[0]
    run_until(in_between(app, lambda: leave(app, first["recipient_id"], first["id"])), DUE + DAY)
    assert [mail.recipient for mail in outbox(app).messages] == ["customer2@example.com"]


# ---------------------------------------------------------------- many at once
def at_once(count: int, act: Callable[[int], object]) -> None:
    """Run in so many threads that start together; an exception in one of them fails the test."""
    barrier, failures = Barrier(count), []

    def run(number: int) -> None:
        try:
            barrier.wait()
            act(number)
        except Exception as err:  # noqa: BLE001  # re-raised below
            failures.append(err)

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_four_workers_with_the_same_due_set_hand_over_every_mail_once_and_keep_the_cap(
    open_app: Open, shop: Shop
) -> None:
    """T03: overlapping workers; and of three mails to one person, a cap of one lets one go."""
    shop.write(campaign(caps="[1 per 1d]", quiet="null"))
    app = open_app()
    for number in range(12):
        for nth in range(3):
            order(app, f"{number}-{nth}", customer(number), [{**HELMET, "sku": f"H{nth}"}])
    clock_of(app).move_to(DUE)
    ids = [row["id"] for row in rows(app, sends)]
    at_once(4, lambda number: deliver(app, ids if number % 2 else ids[::-1]))
    sent_to = sorted(mail.recipient for mail in outbox(app).messages)
    assert sent_to == sorted(f"customer{number}@example.com" for number in range(12))
    assert len(rows(app, attempts)) == 12
    assert sorted(fates(app)) == [("scheduled", "frequency_cap")] * 24 + [("sent", "sent")] * 12


def test_refunds_that_come_while_mails_are_claimed_neither_block_nor_lose_any(app: App) -> None:
    """Both lock people, orders and sends; each order of locks that is not everybody's would end in a deadlock."""
    for number in range(30):
        order(app, str(number), customer(number))
    clock_of(app).move_to(DUE)
    ids = [row["id"] for row in rows(app, sends)]

    def act(worker: int) -> None:
        if worker < 2:
            deliver(app, ids[worker * 15 : worker * 15 + 15])
        else:
            for number in range(worker - 2, 30, 2):
                refund(app, str(29 - number))

    at_once(4, act)
    run_until(app, DUE + HOUR)
    mailed = {mail.recipient for mail in outbox(app).messages}
    assert len(mailed) == len(outbox(app).messages)
    assert set(fates(app)) <= {("sent", "sent"), ("canceled", "order_refunded")}
    assert len(mailed) == fates(app).count(("sent", "sent"))
    assert {row["state"] for row in rows(app, enrollments)} <= {"exited", "completed"}
