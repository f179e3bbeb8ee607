"""A batch of due sends, from decision to receipt; told from outside, on each kind of database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import insert, select

from aftercart.bootstrap import App
from aftercart.db.tables import attempts, decisions, enrollments, exposures, picks, recipients, sends, suppressions
from aftercart.pipeline.dispatch import dispatch
from aftercart.pipeline.send import deliver
from aftercart.testing import ListQueue, run_due, run_until
from tests.cast import (
    ADA,
    BEN,
    BIKE,
    BODY,
    CHIKA,
    DAY,
    DEV,
    HELMET,
    HOUR,
    MONDAY,
    SHELF,
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
    stock_up,
    tell,
)
from tests.pipeline.conftest import Open

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


def in_between(app: App, act: Callable[[], object]) -> App:
    """The same engine, but for what happens after the claim of the first mail and before its hand-over."""
    sender, acted = outbox(app), list[object]()

    class Interrupted:
        name = "recording"

        def send_batch(self, messages: Any, go: Any) -> Any:
            if not acted:
                acted.append(act())
            return sender.send_batch(messages, go)

        def close(self) -> None: ...

    return replace(app, sender=Interrupted())


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


# ---------------------------------------------------------------- caps


def test_a_mail_over_the_cap_waits_for_the_exact_instant_and_goes(open_app: Open, shop: Shop) -> None:
    """T15, T18: the next slot is the oldest counted mail plus the window, and the held mail is not lost."""
    shop.write(campaign(caps="[1 per 1d]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE)
    sent, held = sorted(rows(app, sends), key=lambda row: str(row["state"]), reverse=True)
    assert (held["state"], held["reason"], held["due_at"]) == ("scheduled", "frequency_cap", DUE + DAY)
    run_until(app, DUE + DAY)
    assert [row["sent_at"] for row in rows(app, sends) if row["id"] == held["id"]] == [DUE + DAY]
    assert sent["sent_at"] == DUE


def test_a_mail_whose_slot_comes_too_late_expires_and_says_so(open_app: Open, shop: Shop) -> None:
    """T18: every mail that a cap stopped ends with a reason."""
    shop.write(campaign(caps="[1 per 30d]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE)
    assert sorted(fates(app)) == [("sent", "sent"), ("skipped", "expired")]
    why = [row["inputs"]["stops"] for row in rows(app, decisions) if row["reason"] == "expired"]
    assert why == [["frequency_cap"]]


def test_a_batch_in_which_everybody_is_capped_ends_in_one_pass(open_app: Open, shop: Shop) -> None:
    """T17: deferred mails are not due any more, so the same batch is not read for ever."""
    shop.write(campaign(caps="[1 per 1d]", quiet="null", valid_for="10d"))
    app = open_app()
    for number in range(5):
        order(app, f"a{number}", customer(number))
        order(app, f"b{number}", customer(number), [HELMET])
    clock_of(app).move_to(DUE)
    run_due(app)
    assert dispatch(app) == 0
    assert sorted(fates(app)) == [("scheduled", "frequency_cap")] * 5 + [("sent", "sent")] * 5
    told = [row["reason"] for row in rows(app, decisions)]
    assert told.count("frequency_cap") == 5


def test_a_mail_deferred_for_one_reason_is_recorded_once(open_app: Open, shop: Shop) -> None:
    """T19: a mail that goes on waiting writes nothing."""
    shop.write(campaign(status="active"))
    app = open_app()
    order(app, "1", ADA)
    shop.write(campaign(), brand="paused: true\n")
    paused = open_app(DUE, hold_after_hours=24)
    run_until(paused, DUE + 6 * HOUR)
    assert [row["reason"] for row in rows(app, decisions)] == ["enrolled", "paused"]


def test_two_places_are_enough_for_two_mails_of_one_batch(open_app: Open, shop: Shop) -> None:
    """The more important mail, which has its slot already, is not waited for as well."""
    two = {"caps": "[2 per 1d]", "quiet": "null"}
    shop.write(campaign("low", priority=10, **two), campaign("high", priority=90, **two))
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent"), ("sent", "sent")]


def test_the_more_important_mail_gets_the_only_slot(open_app: Open, shop: Shop) -> None:
    one = {"caps": "[1 per 1d]", "quiet": "null"}
    shop.write(campaign("low", priority=10, **one), campaign("high", priority=90, at='"12:00"', **one))
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE + 5 * HOUR)
    by_campaign = {row["campaign"]: (row["state"], row["reason"]) for row in rows(app, sends)}
    assert by_campaign == {"low": ("scheduled", "frequency_cap"), "high": ("sent", "sent")}


def test_a_mail_that_a_pause_holds_does_not_hold_others(open_app: Open, shop: Shop) -> None:
    one = {"caps": "[1 per 1d]", "quiet": "null"}
    low, high = campaign("low", priority=10, **one), campaign("high", priority=90, **one)
    shop.write(low, high)
    order(open_app(), "1", ADA)
    shop.write(low, high.replace("status: active", "status: paused"))
    app = open_app(DUE)
    run_due(app)
    by_campaign = {row["campaign"]: (row["state"], row["reason"]) for row in rows(app, sends)}
    assert by_campaign == {"low": ("sent", "sent"), "high": ("scheduled", "campaign_paused")}


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


# ---------------------------------------------------------------- campaigns change


def test_an_edit_that_changes_nothing_keeps_the_schedule(open_app: Open, shop: Shop) -> None:
    """T45"""
    app = open_app()
    order(app, "1", ADA)
    before = rows(app, sends)
    shop.write("# only a comment\n" + campaign(after="72h").replace("after: 72h", "after: 3d"))
    again = open_app(MONDAY + HOUR)
    order(again, "1", ADA)
    run_until(again, DUE - HOUR)
    assert rows(again, sends) == before


def test_an_edited_delay_holds_for_orders_that_enter_from_then_on(open_app: Open, shop: Shop) -> None:
    """T45, with numbers: what is planned for Thursday 10:00 stays there, the next order's mail comes two days later."""
    first = open_app()
    order(first, "1", ADA)
    shop.write(campaign(after="5d"))
    app = open_app(MONDAY + HOUR)
    order(app, "1", ADA)  # the shop tells of it again, which changes nothing
    order(app, "2", CHIKA)
    planned = [row["due_at"] for row in rows(app, sends)]
    assert planned == [DUE, datetime(2026, 3, 8, 1, tzinfo=UTC)]  # 10:00 on Sunday, after Monday 24:00 in Tokyo
    assert len({row["campaign_version"] for row in rows(app, enrollments)}) == 2
    run_until(app, MONDAY + 10 * DAY)
    assert [row["sent_at"] for row in rows(app, sends)] == planned


def test_a_mail_whose_step_was_removed_is_canceled(open_app: Open, shop: Shop) -> None:
    order(open_app(), "1", ADA)
    shop.write(campaign().replace("id: complements", "id: other"))
    app = open_app(DUE)
    run_due(app)
    assert fates(app) == [("canceled", "campaign_inactive")]


def test_a_mail_whose_campaign_was_made_a_draft_is_canceled(open_app: Open, shop: Shop) -> None:
    order(open_app(), "1", ADA)
    shop.write(campaign(status="draft"))
    app = open_app(DUE)
    run_due(app)
    assert fates(app) == [("canceled", "campaign_inactive")]


def test_a_campaign_file_that_is_gone_for_a_moment_loses_no_mail(open_app: Open, shop: Shop) -> None:
    """Editors save, and deployments deploy, by removing a file and writing it anew."""
    order(open_app(), "1", ADA)
    shop.write()
    app = open_app(DUE)
    run_due(app)
    assert fates(app) == [("scheduled", "campaign_missing")]
    shop.write(campaign())
    again = open_app(DUE)
    run_until(again, DUE + HOUR)
    assert fates(again) == [("sent", "sent")]


def test_the_mails_of_a_campaign_that_never_comes_back_expire(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(valid_for="4h"))
    order(open_app(), "1", ADA)
    shop.write()
    app = open_app(DUE)
    run_until(app, DUE + DAY)
    assert fates(app) == [("skipped", "expired")]
    assert outbox(app).messages == []
    assert [row["reason"] for row in rows(app, decisions)] == ["enrolled", "campaign_missing", "expired"]


def test_a_paused_campaign_waits_and_goes_on_with_each_mail_once(open_app: Open, shop: Shop) -> None:
    """T02: a pause in the middle doubles nothing and loses nothing."""
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", customer(2), placed_at=(MONDAY + HOUR).isoformat())
    order(app, "3", CHIKA)
    run_until(app, DUE - HOUR)  # Chika has hers
    shop.write(campaign(status="paused"))
    paused = open_app(DUE, hold_after_hours=24)
    run_until(paused, DUE + 5 * HOUR)
    assert outbox(paused).messages == []
    assert fates(paused).count(("scheduled", "campaign_paused")) == 2
    shop.write(campaign())
    resumed = open_app(DUE + 5 * HOUR, hold_after_hours=24)
    run_until(resumed, DUE + DAY)
    assert sorted(mail.recipient for mail in outbox(resumed).messages) == ["ada@example.com", "customer2@example.com"]
    assert [mail.recipient for mail in outbox(app).messages] == ["chika@example.com"]


def test_a_broken_template_holds_its_mails_until_it_is_mended(open_app: Open, shop: Shop) -> None:
    order(open_app(), "1", ADA)
    mended = (shop.folder / "templates" / "plain" / "body.mjml").read_text()
    shop.template("plain", mended.replace("recipient.first_name", "recipient.nickname"))
    app = open_app(DUE)
    run_until(app, DUE + HOUR)
    assert fates(app) == [("scheduled", "template_error")]
    errors = [row["inputs"]["error"] for row in rows(app, decisions) if row["reason"] == "template_error"]
    assert len(errors) == 1
    assert "nickname" in errors[0]
    shop.template("plain", mended)
    again = open_app(DUE + HOUR)
    run_until(again, DUE + 2 * HOUR)
    assert len(outbox(again).mails_to("ada@example.com")) == 1


# ---------------------------------------------------------------- workers die


class Died(BaseException):
    """What a test kills a worker with."""


class Deadly:
    """A sender whose process dies at the first message: before its body leaves, or after."""

    name = "deadly"

    def __init__(self, *, begun: bool) -> None:
        self._begun = begun

    def send_batch(self, messages: Any, go: Any) -> Any:
        if self._begun:
            go(messages[0])
        raise Died

    def close(self) -> None: ...


def die_in_hand_over(app: App, *, begun: bool) -> None:
    run = replace(app, sender=Deadly(begun=begun), queue=ListQueue())
    with pytest.raises(Died):
        run_due(run)


def test_a_claim_whose_worker_died_is_decided_again_after_its_lease(app: App) -> None:
    """T01: what was fetched and not yet sent is not skipped."""
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    die_in_hand_over(app, begun=False)
    assert only_send(app)["counted_at"] == DUE
    deliver(app, [only_send(app)["id"]])  # a second message about it, while the first worker seems alive
    assert outbox(app).messages == []
    run_until(app, DUE + HOUR)
    assert fates(app) == [("sent", "sent")]
    assert [row["attempt"] for row in rows(app, attempts)] == [2]


def test_a_hand_over_whose_worker_died_becomes_unknown_and_keeps_its_slot(open_app: Open, shop: Shop) -> None:
    """T04: it may have been delivered, so nothing is sent again, and the cap goes on counting it."""
    shop.write(campaign(caps="[1 per 2d]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    die_in_hand_over(app, begun=True)
    run_until(app, DUE + HOUR)
    assert fates(app) == [("unknown", "unknown_outcome")]
    assert only_send(app)["counted_at"] == DUE
    assert rows(app, enrollments)[0]["state"] == "completed"
    order(app, "2", ADA, [HELMET], placed_at=MONDAY.isoformat(), completed_at=MONDAY.isoformat())
    run_until(app, DUE + 2 * HOUR)
    assert ("scheduled", "frequency_cap") in fates(app)
    assert outbox(app).messages == []


def test_the_worker_that_was_only_slow_finds_its_lease_gone(app: App) -> None:
    """The first worker's mail is held back, because by then another may have taken the slot it had reserved."""
    order(app, "1", ADA)
    run_until(in_between(app, lambda: clock_of(app).step(timedelta(minutes=5))), DUE + HOUR)
    assert len(outbox(app).messages) == 1
    assert only_send(app)["sent_at"] == DUE + timedelta(minutes=5)
    assert [row["attempt"] for row in rows(app, attempts)] == [2]


def test_a_slow_worker_does_not_send_beside_the_mail_that_took_its_slot(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(caps="[1 per 1d]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    first, second = (row["id"] for row in rows(app, sends))

    def another_worker() -> None:
        clock_of(app).step(timedelta(minutes=5))
        deliver(app, [second])

    clock_of(app).move_to(DUE)
    deliver(in_between(app, another_worker), [first])
    assert len(outbox(app).messages) == 1
    run_until(app, DUE + HOUR)
    assert len(outbox(app).messages) == 1


def test_a_reserved_slot_counts_in_the_day_in_which_it_is_used(open_app: Open, shop: Shop) -> None:
    """Claimed a second before midnight, handed over after it: that is the new day's mail."""
    shop.write(campaign(at='"23:59"', caps="[1 per day]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    first, second = (row["id"] for row in rows(app, sends))

    def midnight_passes() -> None:
        clock_of(app).step(timedelta(seconds=2))
        deliver(app, [second])

    clock_of(app).move_to(datetime(2026, 3, 5, 22, 59, 59, tzinfo=UTC))
    deliver(in_between(app, midnight_passes), [first])
    assert len(outbox(app).messages) == 1


# ---------------------------------------------------------------- what the engine itself stumbles over


class Stumbling:
    """A recommender that cannot stand one product."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def recommend(self, connection: Any, requests: Any) -> Any:
        if any(anchor.sku == "POISON" for request in requests for anchor in request.anchors):
            raise ZeroDivisionError("nobody thought of this product")
        return self._inner.recommend(connection, requests)


def test_an_order_that_the_recommender_stumbles_over_does_not_stop_its_batch(open_app: Open, shop: Shop) -> None:
    """T06, T07: one poison mail at the head; nine others leave on time, and it ends with a reason."""
    step = "recommend: {slots: 2, at_least: 1, fallback: [best_sellers]}, template: plain"
    shop.write(campaign(valid_for="10m").replace("template: plain", step))
    app = open_app()
    for number in range(10):
        sku = "POISON" if number == 0 else "HELMET"
        order(app, str(number), customer(number), [{**HELMET, "sku": sku}])
    stock_up(app, ["LAMP"])
    order(app, "past", {"email": "past@example.com"}, [{**HELMET, "sku": "LAMP"}])
    stumbling: Any = Stumbling(app.recommender)
    poisoned = replace(app, recommender=stumbling)
    run_until(poisoned, DUE)
    assert len(outbox(app).messages) == 9
    waiting = next(row for row in rows(app, sends) if row["state"] == "scheduled")
    assert waiting["reason"] == "template_error"
    (why,) = [row["inputs"]["error"] for row in rows(app, decisions) if row["send_id"] == waiting["id"]]
    assert why == "ZeroDivisionError: nobody thought of this product"
    run_until(poisoned, DUE + HOUR)
    assert ("skipped", "expired") in fates(app)


def test_the_kill_switch_holds_everything_until_it_expires(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(valid_for="2h"), brand="paused: true\n")
    stopped = open_app()
    order(stopped, "1", ADA)
    run_until(stopped, DUE + 4 * DAY)
    assert fates(stopped) == [("skipped", "expired")]
    assert outbox(stopped).messages == []


def test_mails_that_fell_due_while_the_engine_was_down_go_or_expire(open_app: Open) -> None:
    """T11: after four hours they go; after four days they are no longer worth it."""
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", customer(2))
    late = open_app(DUE + 4 * HOUR)
    run_due(late)
    assert fates(late) == [("sent", "sent")] * 2
    order(late, "3", customer(3))
    very_late = open_app(DUE + 11 * DAY, hold_after_hours=24 * 14)
    run_due(very_late)
    assert fates(very_late)[-1] == ("skipped", "expired")


def test_a_person_whose_address_is_on_the_list_gets_nothing(app: App) -> None:
    order(app, "1", ADA)
    row = {"email": "ada@example.com", "scope": "all", "reason": "manual", "source": "import", "at": MONDAY}
    with app.db.write() as connection:
        connection.execute(insert(suppressions), row)
    run_until(app, DUE)
    assert fates(app) == [("skipped", "suppressed")]
    with app.db.read() as connection:
        assert connection.execute(select(decisions.c.inputs)).scalars().all()[-1]["suppressed_for"] == "manual"


# ---------------------------------------------------------------- what stands in the way of others


def test_a_mail_with_a_broken_template_does_not_hold_others(open_app: Open, shop: Shop) -> None:
    """A slip of the pen in the more important campaign must not cost the other its mails."""
    one = {"caps": "[1 per 1d]", "quiet": "null"}
    low, high = campaign("low", priority=10, **one), campaign("high", priority=90, template="broken", **one)
    shop.template("broken", BODY.replace("Shop</a>", "Shop</a> {{ 1 // (order.lines[0].quantity - 1) }}"))
    shop.write(low, high)
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE + HOUR)
    by_campaign = {row["campaign"]: (row["state"], row["reason"]) for row in rows(app, sends)}
    assert by_campaign == {"low": ("sent", "sent"), "high": ("scheduled", "template_error")}


def test_two_mails_of_one_batch_offer_a_person_different_products(open_app: Open, shop: Shop) -> None:
    offers = "recommend: {slots: 3, at_least: 1, fallback: [best_sellers]}, template: plain"
    both = [campaign(name).replace("template: plain", offers) for name in ("one", "two")]
    shop.write(*both)
    app = open_app()
    stock_up(app)
    for number, sku in enumerate(SHELF):
        order(app, f"past-{number}", customer(number, accepts_marketing=None), [{**HELMET, "sku": sku}])
    order(app, "1", ADA)
    run_until(app, DUE)
    hers = {row["id"]: row["campaign"] for row in rows(app, sends) if row["recipient_id"] == recipient_of(app, ADA)}
    offered = [{row["sku"] for row in rows(app, picks) if row["send_id"] == send_id} for send_id in hers]
    assert [len(skus) for skus in offered] == [3, 3]
    assert offered[0].isdisjoint(offered[1])


def recipient_of(app: App, who: dict[str, object]) -> int:
    return next(int(row["id"]) for row in rows(app, recipients) if row["email"] == who["email"])


def interrupted(app: App, act: Callable[[], object]) -> App:
    """The same engine, but for what happens while it renders its first mail."""
    plain, acted = app.renderer.template, list[object]()

    class Meddling:
        def template(self, name: str, locale: str) -> object:
            if not acted:
                acted.append(True)
                act()
            return plain(name, locale)

    renderer: Any = Meddling()
    return replace(app, renderer=renderer)


def test_a_mail_that_cannot_be_claimed_yet_takes_no_slot(open_app: Open, shop: Shop) -> None:
    """Its order changes while it is prepared: the other mail of the batch gets the only slot of the day."""
    one = {"caps": "[1 per 1d]", "quiet": "null"}
    shop.write(campaign("low", priority=10, **one), campaign("high", priority=90, **one))
    app = open_app()
    order(app, "1", ADA, [BIKE, HELMET])
    order(app, "2", ADA, [HELMET])
    clock_of(app).move_to(DUE)
    ids = [row["id"] for row in rows(app, sends)]
    deliver(interrupted(app, lambda: refund(app, "1", "BIKE")), ids)
    sent = [row for row in rows(app, sends) if row["state"] == "sent"]
    assert len(sent) == len(outbox(app).messages) == 1


def test_a_mail_whose_order_changes_while_it_is_prepared_is_made_anew(app: App) -> None:
    order(app, "1", ADA, [BIKE, HELMET])
    clock_of(app).move_to(DUE)
    run_due(interrupted(app, lambda: refund(app, "1", "BIKE")))
    assert outbox(app).messages == []
    run_until(app, DUE + HOUR)
    (mail,) = outbox(app).messages
    assert "Helmet" in mail.text
    assert "Road bike" not in mail.text


def test_two_workers_offer_a_person_different_products(open_app: Open, shop: Shop) -> None:
    """Both look at what she was offered before; the one that claims later sees the other's mail and begins anew."""
    offers = "recommend: {slots: 3, at_least: 1, fallback: [best_sellers]}, template: plain"
    shop.write(*(campaign(name).replace("template: plain", offers) for name in ("one", "two")))
    app = open_app()
    stock_up(app)
    for number, sku in enumerate(SHELF):
        order(app, f"past-{number}", customer(number, accepts_marketing=None), [{**HELMET, "sku": sku}])
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    one, two = (row["id"] for row in rows(app, sends) if row["recipient_id"] == recipient_of(app, ADA))
    deliver(interrupted(app, lambda: deliver(app, [two])), [one])
    assert len(outbox(app).mails_to("ada@example.com")) == 1
    run_until(app, DUE + HOUR)
    assert len(outbox(app).mails_to("ada@example.com")) == 2
    offered = [{row["sku"] for row in rows(app, picks) if row["send_id"] == send_id} for send_id in (one, two)]
    assert [len(skus) for skus in offered] == [3, 3]
    assert offered[0].isdisjoint(offered[1])
