"""What a provider's answer makes of a send."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from aftercart.bootstrap import App
from aftercart.campaigns.loader import load_campaigns
from aftercart.clock import SteppedClock
from aftercart.db.session import Database
from aftercart.db.tables import attempts, enrollments, sends, suppressions
from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.ledger import store as ledger
from aftercart.pipeline.sending.send import deliver
from aftercart.testing import RecordingSender, engine, run_due, run_until
from tests.cast import (
    ADA,
    BIKE,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    clock_of,
    customer,
    fates,
    only_send,
    order,
    outbox,
    refund,
    rows,
)
from tests.pipeline.conftest import Open

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
NOT_NOW = answer(Outcome.DEFERRED, "452 4.5.3 daily quota exceeded", code=452)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").write(campaign(quiet="null", valid_for="2d"))


def test_an_accepted_mail_is_sent_and_its_enrollment_is_completed(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, DUE)
    (attempt,) = rows(app, attempts)
    assert (attempt["outcome"], attempt["response"], attempt["provider"]) == ("accepted", "250 ok", "recording")
    assert attempt["message_id"] == f"<{only_send(app)['id']}@example.com>"
    assert rows(app, enrollments)[0]["state"] == "completed"


def test_a_deferred_mail_is_tried_again_later_and_later_until_it_goes(app: App) -> None:
    """T08: a provider's "later" is no failure."""
    outbox(app).answers["ada@example.com"] = [NOT_NOW] * 5
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("scheduled", "provider_deferred")]
    assert only_send(app)["counted_at"] is None
    assert rows(app, enrollments)[0]["state"] == "active"
    run_until(app, DUE + 2 * HOUR)
    assert fates(app) == [("sent", "sent")]
    tried = [row["started_at"] for row in rows(app, attempts)]
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert len(pauses) == 5
    assert all(later > 1.8 * earlier for earlier, later in pairwise(pauses))
    assert {row["message_id"] for row in rows(app, attempts)} == {outbox(app).messages[0].message_id}


def test_a_provider_that_says_when_to_come_again_is_not_asked_before_but_no_mail_waits_for_days(app: App) -> None:
    outbox(app).answers["ada@example.com"] = [
        replace(NOT_NOW, retry_after=timedelta(minutes=20)),
        replace(NOT_NOW, retry_after=timedelta(days=9)),
    ]
    order(app, "1", ADA)
    run_until(app, DUE + 3 * HOUR)
    first, second, third = (row["started_at"] for row in rows(app, attempts))
    assert second - first == timedelta(minutes=20)
    assert third - second == HOUR


def test_a_mail_that_nobody_takes_while_it_is_worth_sending_is_given_up(app: App) -> None:
    outbox(app).answers["ada@example.com"] = [NOT_NOW] * 100
    order(app, "1", ADA)
    run_until(app, DUE + 3 * DAY)
    assert fates(app) == [("failed", "gave_up")]
    assert 45 <= len(rows(app, attempts)) <= 60  # at least once an hour for two days
    assert rows(app, enrollments)[0]["state"] == "completed"


def test_a_refused_mail_fails_and_frees_its_slot(app: App) -> None:
    outbox(app).answers["ada@example.com"] = [answer(Outcome.REJECTED, "554 5.7.1 no", code=554)]
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("failed", "provider_rejected")]
    assert only_send(app)["counted_at"] is None
    assert rows(app, suppressions) == []


def test_a_refusal_that_is_our_own_fault_costs_the_recipient_nothing(app: App) -> None:
    wrong_password = answer(Outcome.REJECTED, "535 5.7.8 bad credentials", code=535, fault_is_ours=True)
    outbox(app).answers["ada@example.com"] = [wrong_password] * 3
    order(app, "1", ADA)
    run_until(app, DUE + HOUR)
    assert fates(app) == [("sent", "sent")]


def test_an_address_that_does_not_exist_is_never_mailed_again(app: App) -> None:
    gone = answer(Outcome.REJECTED, "550 5.1.1 no such user", code=550, hard_bounce=True)
    outbox(app).answers["ada@example.com"] = [gone]
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("failed", "hard_bounce")]
    order(app, "2", ADA, [HELMET])
    order(app, "3", {**ADA, "id": "another account"})
    run_until(app, DUE + 10 * DAY)
    assert fates(app)[1:] == [("skipped", "suppressed")] * 2
    assert outbox(app).messages == []


def test_a_mail_whose_fate_nobody_knows_is_not_sent_again(app: App) -> None:
    outbox(app).answers["ada@example.com"] = [answer(Outcome.UNKNOWN, "connection lost after the body")]
    order(app, "1", ADA)
    run_until(app, DUE + 5 * DAY)
    assert fates(app) == [("unknown", "unknown_outcome")]
    assert only_send(app)["counted_at"] == DUE
    assert len(rows(app, attempts)) == 1


def test_one_bad_message_of_ten_is_tried_again_alone(open_app: Open, shop: Shop) -> None:
    """T06: the good ones are sent once and the bad one ends."""
    shop.write(campaign(valid_for="6h"))
    app = open_app()
    outbox(app).answers["customer0@example.com"] = [NOT_NOW] * 100
    for number in range(10):
        order(app, str(number), customer(number))
    run_until(app, DUE + 3 * DAY)
    assert sorted(mail.recipient for mail in outbox(app).messages) == [f"customer{n}@example.com" for n in range(1, 10)]
    assert sorted(fates(app)) == [("failed", "gave_up")] + [("sent", "sent")] * 9


class Fragile(RecordingSender):
    """Breaks its promise and raises at one address, before its body leaves or after."""

    after_go = False

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        for message in messages:
            if message.recipient == "customer0@example.com":
                if self.after_go:
                    go(message)
                raise RuntimeError("this address is too much for me")
            yield self._send(message, go)


@pytest.mark.parametrize("after_go", [False, True])
def test_a_sender_that_raises_at_one_message_still_sends_the_others(app: App, after_go: bool) -> None:
    """T07: one poison message at the head of the batch; the others leave on time, once."""
    fragile = Fragile()
    fragile.after_go = after_go
    for number in range(10):
        order(app, str(number), customer(number))
    broken = replace(app, sender=fragile)
    clock_of(app).move_to(DUE)
    run_due(broken)
    assert sorted(mail.recipient for mail in fragile.messages) == [f"customer{n}@example.com" for n in range(1, 10)]
    assert sorted(fates(app))[1:] == [("sent", "sent")] * 9
    if after_go:  # it may have left, so it is not tried again
        run_until(broken, DUE + HOUR)
    assert (("unknown", "unknown_outcome") if after_go else ("scheduled", "provider_deferred")) in fates(app)
    assert len(fragile.messages) == 9


def test_a_late_receipt_turns_unknown_into_the_truth(app: App) -> None:
    """The server answered after eleven minutes, when the mail had been written off already."""
    order(app, "1", ADA)

    class Late(RecordingSender):
        def _send(self, message: Message, go: Go) -> Receipt:
            receipt = super()._send(message, go)
            clock_of(app).step(timedelta(minutes=12))
            run_due(app)  # the dispatcher of another process
            assert fates(app) == [("unknown", "unknown_outcome")]
            return receipt

    clock_of(app).move_to(DUE)
    run_due(replace(app, sender=Late()))
    assert fates(app) == [("sent", "sent")]
    assert only_send(app)["counted_at"] == DUE
    assert [row["outcome"] for row in rows(app, attempts)] == ["accepted"]


class Slow(RecordingSender):
    """Takes 40 seconds for each mail; meanwhile other workers look for something to do."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self.app = app

    def _send(self, message: Message, go: Go) -> Receipt:
        receipt = super()._send(message, go)
        clock_of(self.app).step(timedelta(seconds=40))
        run_due(self.app)
        return receipt


def test_what_a_slow_server_keeps_waiting_is_given_back_and_leaves_once(app: App) -> None:
    """T04: ten mails of 40 seconds each take longer than a claim holds; others take them over, nobody gets two."""
    for number in range(10):
        order(app, str(number), customer(number))
    slow = Slow(app)
    clock_of(app).move_to(DUE)
    run_due(replace(app, sender=slow))
    assert len(slow.messages) == 2
    run_due(app)
    mailed = [mail.recipient for mail in [*slow.messages, *outbox(app).messages]]
    assert sorted(mailed) == sorted(set(mailed))
    assert len(mailed) == 10
    assert fates(app) == [("sent", "sent")] * 10


def test_a_slow_server_does_not_push_a_mail_into_the_night(tmp_path: Path, database_url: str) -> None:
    """Allowed at 20:59:30, its turn comes at 21:00:10: it waits for the morning like any other."""
    shop = Shop(tmp_path / "shop").write(campaign(at='"20:59"'))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        order(app, "1", customer(1))
        order(app, "2", customer(2))
        clock_of(app).move_to(datetime(2026, 3, 5, 19, 59, 30, tzinfo=UTC))
        run_due(replace(app, sender=Slow(app)))
        run_due(app)
        assert sorted(fates(app), key=str) == [("scheduled", "quiet_hours"), ("sent", "sent")]
        run_until(app, datetime(2026, 3, 6, 8, tzinfo=UTC))
        assert fates(app) == [("sent", "sent")] * 2


def test_a_pause_stops_a_batch_that_is_on_its_way(tmp_path: Path, database_url: str) -> None:
    """The kill switch does not wait for a hundred mails that were claimed before it."""
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null"))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        files = shop.files["campaigns_dir"], shop.files["templates_dir"]
        watchful = replace(app, live_campaigns=lambda: load_campaigns(*files))
        for number in range(10):
            order(app, str(number), customer(number))

        class Pausing(RecordingSender):
            def _send(self, message: Message, go: Go) -> Receipt:
                receipt = super()._send(message, go)
                shop.write(campaign(quiet="null"), brand="paused: true\n")
                return receipt

        pausing = Pausing()
        clock_of(app).move_to(DUE)
        run_due(replace(watchful, sender=pausing))
        run_due(watchful)
        assert len(pausing.messages) == 1
        assert sorted(fates(app)) == [("scheduled", "paused")] * 9 + [("sent", "sent")]


def test_a_line_refunded_between_claim_and_hand_over_is_not_written_about(app: App) -> None:
    order(app, "1", ADA, [BIKE, HELMET])

    class Refunding(RecordingSender):
        def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
            refund(app, "1", "HELMET")
            return super().send_batch(messages, go)

    clock_of(app).move_to(DUE)
    run_due(replace(app, sender=Refunding()))
    assert fates(app) == [("scheduled", None)]
    run_until(app, DUE + HOUR)
    (mail,) = outbox(app).messages
    assert "Helmet" not in mail.text


def test_a_mail_tried_again_goes_to_the_address_that_the_shop_has_corrected_meanwhile(app: App) -> None:
    order(app, "1", {**ADA, "id": None})

    class Correcting(RecordingSender):
        def _send(self, message: Message, go: Go) -> Receipt:
            go(message)
            clock_of(app).step(timedelta(seconds=1))
            order(app, "1", {**ADA, "id": None, "email": "eve@example.com"})
            return replace(NOT_NOW, send_id=message.send_id)

    clock_of(app).move_to(DUE)
    run_due(replace(app, sender=Correcting()))
    run_until(app, DUE + HOUR)
    assert [mail.recipient for mail in outbox(app).messages] == ["eve@example.com"]


def test_a_mail_claimed_before_the_machine_stopped_is_unknown(tmp_path: Path) -> None:
    """Marks on SQLite are only as safe as the machine: after another boot nobody knows what had left already."""
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null"))
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        order(app, "1", customer(1))
        order(app, "2", customer(2))
        clock_of(app).move_to(DUE)

        class Cut(RecordingSender):
            def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:  # noqa: ARG002
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_due(replace(app, sender=Cut()))
        assert fates(app) == [("scheduled", None)] * 2
        app.db.boot_id = "another boot"
        run_until(app, DUE + HOUR)
        assert outbox(app).messages == []
        assert fates(app) == [("unknown", "unknown_outcome")] * 2
        assert [row["outcome"] for row in rows(app, attempts)] == ["unknown"] * 2


class Flaky:
    """A database that is away once, at the given mark."""

    def __init__(self, inner: Database, fails_at: int) -> None:
        self._inner, self._left = inner, fails_at

    @contextmanager
    def write_series(self) -> Iterator[Any]:
        with self._inner.write_series() as begin:
            yield lambda: self._begin(begin)

    def _begin(self, begin: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise OperationalError("BEGIN", {}, Exception("the database is away"))
        return begin()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_receipts_survive_a_mark_that_could_not_be_written(app: App) -> None:
    """A database fault at the second mark must not make the first mail, which has left, unknown."""
    order(app, "1", customer(1))
    order(app, "2", customer(2))
    clock_of(app).move_to(DUE)
    flaky: Any = Flaky(app.db, fails_at=2)
    with pytest.raises(OperationalError):
        deliver(replace(app, db=flaky), [row["id"] for row in rows(app, sends)])
    assert set(fates(app)) == {("sent", "sent"), ("scheduled", None)}
    run_until(app, DUE + HOUR)
    assert fates(app) == [("sent", "sent")] * 2
    assert len(outbox(app).messages) == 2


class Overlapping(RecordingSender):
    """Hears what became of its mails only when all have left, as over several connections."""

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        receipts = [self._send(message, go) for message in messages]
        yield from receipts


def test_what_has_left_over_other_connections_gets_its_receipt_though_a_mark_could_not_be_written(app: App) -> None:
    """A busy file or a restart of the database must not put mails in doubt whose answers are on their way."""
    for number in range(4):
        order(app, str(number), customer(number))
    clock_of(app).move_to(DUE)
    flaky: Any = Flaky(app.db, fails_at=3)
    overlapping = Overlapping()
    with pytest.raises(OperationalError):
        deliver(replace(app, db=flaky, sender=overlapping), [row["id"] for row in rows(app, sends)])
    assert sorted(fates(app), key=str) == [("scheduled", None)] * 2 + [("sent", "sent")] * 2
    assert [row["lease_until"] for row in rows(app, sends)] == [None] * 4, "nobody waits for a lease"
    run_due(app)
    assert fates(app) == [("sent", "sent")] * 4
    assert len(overlapping.messages) == len(outbox(app).messages) == 2


def test_a_whole_batch_that_cannot_leave_is_tried_again(app: App) -> None:
    """T08: the server is down, so the sender defers all of them untried; not one is lost or doubled."""

    class Down(RecordingSender):
        def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:  # noqa: ARG002
            return (replace(NOT_NOW, send_id=message.send_id) for message in messages)

    for number in range(10):
        order(app, str(number), customer(number))
    clock_of(app).move_to(DUE)
    run_due(replace(app, sender=Down()))
    assert fates(app) == [("scheduled", "provider_deferred")] * 10
    run_until(app, DUE + HOUR)
    assert len({mail.recipient for mail in outbox(app).messages}) == len(outbox(app).messages) == 10


def test_every_attempt_is_on_record_with_the_providers_words(app: App) -> None:
    outbox(app).answers["ada@example.com"] = [NOT_NOW]
    order(app, "1", ADA)
    run_until(app, DUE + HOUR)
    first, second = rows(app, attempts)
    assert [row["outcome"] for row in (first, second)] == ["deferred", "accepted"]
    assert (first["reason"], first["provider"], first["response"]) == (
        "provider_deferred",
        "recording",
        NOT_NOW.response,
    )
    assert first["retry_at"] == second["started_at"]
    assert (second["reason"], second["retry_at"]) == ("sent", None)
    assert timedelta(minutes=10) < ledger.REPLY_LEASE
