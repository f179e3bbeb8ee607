"""Another try for failed sends: only for those, by the whole gate, and each on record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import attempts, decisions, enrollments, sends
from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.ledger.states import Word
from aftercart.ledger.store import Choice
from aftercart.pipeline.sending.retry import Answer, retry
from aftercart.pipeline.sending.settle import settle_by_hand
from aftercart.reports.explain import explain
from aftercart.testing import RecordingSender, engine, run_due, run_until
from tests.cast import (
    ADA,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    answer,
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
)

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
NO = answer(Outcome.REJECTED, "554 5.7.1 no", code=554)
IN_DOUBT = answer(Outcome.UNKNOWN, "connection lost after the body")
EVERY = Choice()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").write(campaign(quiet="null", valid_for="2d"))


def failed(app: App) -> None:
    """Ada's mail, refused once by a provider that would take it by now."""
    outbox(app).answers["ada@example.com"] = [NO]
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("failed", "provider_rejected")]


def asked(app: App, choice: Choice = EVERY, **how: object) -> list[Answer]:
    return list(retry(app, choice, **how))  # type: ignore[arg-type]


def test_a_failed_mail_goes_when_somebody_asks_for_another_try(app: App) -> None:
    failed(app)
    (told,) = asked(app)
    assert (told.was, told.valid_until, told.refused) == ("provider_rejected", only_send(app)["valid_until"], None)
    assert fates(app) == [("scheduled", "replanned")]
    assert rows(app, enrollments)[0]["state"] == "active"
    run_due(app)
    assert fates(app) == [("sent", "sent")]
    assert rows(app, enrollments)[0]["state"] == "completed"
    assert [row["attempt"] for row in rows(app, attempts)] == [1, 2]
    assert len(outbox(app).messages) == 1


def test_a_try_is_on_record_and_explained(app: App) -> None:
    failed(app)
    asked(app)
    (kept,) = [row for row in rows(app, decisions) if row["stage"] == "operator"]
    assert (kept["outcome"], kept["reason"], kept["inputs"]["failed_for"]) == (
        "replan",
        "replanned",
        "provider_rejected",
    )
    with app.db.read() as connection:
        (story,) = explain(connection, "1").orders
    assert "Somebody asked for another try" in story.moments[-1].sentence


def test_to_ask_changes_nothing_when_it_is_only_to_be_told(app: App) -> None:
    failed(app)
    before = rows(app, sends), rows(app, decisions)
    (told,) = asked(app, only_tell=True)
    assert told.refused is None
    assert (rows(app, sends), rows(app, decisions)) == before


@pytest.mark.parametrize(
    ("choice", "planned"),
    [
        (Choice(reason="provider_rejected"), 1),
        (Choice(reason="gave_up"), 0),
        (Choice(campaign="accessories"), 1),
        (Choice(campaign="other"), 0),
        (Choice(ids=[]), 0),
    ],
)
def test_the_failed_ones_can_be_chosen(app: App, choice: Choice, planned: int) -> None:
    failed(app)
    assert len(asked(app, choice)) == planned
    assert asked(app, choice) == [], "there is no second time"


def test_what_was_sent_or_may_have_been_is_never_planned_anew(app: App) -> None:
    outbox(app).answers["customer1@example.com"] = [IN_DOUBT]
    for number in range(2):
        order(app, str(number), customer(number))
    run_until(app, DUE)
    ids = [row["id"] for row in rows(app, sends)]
    assert asked(app, Choice(ids=ids)) == []
    assert sorted(fates(app)) == [("sent", "sent"), ("unknown", "unknown_outcome")]


def test_what_is_no_longer_worth_sending_needs_more_time_on_purpose(app: App) -> None:
    failed(app)
    clock_of(app).step(3 * DAY)
    (refused,) = asked(app)
    assert "--valid-for" in str(refused.refused)
    assert fates(app) == [("failed", "provider_rejected")]
    (told,) = asked(app, valid_for=6 * HOUR)
    assert told.valid_until == only_send(app)["valid_until"] == DUE + 3 * DAY + 6 * HOUR
    run_due(app)
    assert fates(app) == [("sent", "sent")]


def test_more_time_ends_when_the_next_mail_is_due(tmp_path: Path) -> None:
    """SEMANTICS §1: never past the next step's due time."""
    next_step = '  - {id: later, after: 6d, at: "10:00", valid_for: 1d, template: plain}'
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null", more_steps=next_step))
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        outbox(app).answers["ada@example.com"] = [NO]
        order(app, "1", ADA)
        run_until(app, DUE)
        (told,) = asked(app, valid_for=9 * DAY)
        assert told.valid_until == DUE + 3 * DAY


def test_a_try_is_decided_by_the_whole_gate(app: App) -> None:
    """T21: who has left since gets nothing, whoever asks."""
    failed(app)
    leave(app, only_send(app)["recipient_id"], only_send(app)["id"])
    asked(app)
    run_due(app)
    assert fates(app)[0][0] == "skipped"
    assert outbox(app).messages == []


def test_an_order_that_was_taken_back_gets_no_other_try(app: App) -> None:
    next_failed = customer(7)
    outbox(app).answers["customer7@example.com"] = [NO]
    order(app, "7", next_failed)
    run_until(app, DUE)
    refund(app, "7")
    asked(app)
    run_due(app)
    assert fates(app)[0][0] in {"failed", "canceled"}
    assert outbox(app).messages == []


def test_a_mail_that_the_provider_took_after_all_is_not_tried_again(app: App) -> None:
    """Settled by hand as not sent, and then its answer came."""
    order(app, "1", ADA)

    class Late(RecordingSender):
        def _send(self, message: Message, go: Go) -> Receipt:
            receipt = super()._send(message, go)
            clock_of(app).step(timedelta(minutes=12))
            run_due(app)
            assert len(list(settle_by_hand(app, EVERY, Word.NOT_SENT))) == 1
            return receipt

    clock_of(app).move_to(DUE)
    run_due(replace(app, sender=Late()))
    assert fates(app) == [("failed", "settled_not_sent")]
    (refused,) = asked(app)
    assert "did take it" in str(refused.refused)


def test_an_answer_that_comes_before_the_new_try_is_believed(app: App) -> None:
    order(app, "1", ADA)

    class Late(RecordingSender):
        def _send(self, message: Message, go: Go) -> Receipt:
            receipt = super()._send(message, go)
            clock_of(app).step(timedelta(minutes=12))
            run_due(app)
            list(settle_by_hand(app, EVERY, Word.NOT_SENT))
            assert [told.refused for told in asked(app)] == [None]
            return receipt

    clock_of(app).move_to(DUE)
    run_due(replace(app, sender=Late()))
    run_due(app)
    assert fates(app) == [("sent", "sent")]
    assert outbox(app).messages == []


def test_many_are_planned_anew_page_by_page(app: App) -> None:
    """T08: a day on which a provider refused everything."""
    for number in range(3):
        outbox(app).answers[f"customer{number}@example.com"] = [NO]
        order(app, str(number), customer(number))
    run_until(app, DUE)
    assert len(asked(app, page=2)) == 3
    run_due(app)
    assert fates(app) == [("sent", "sent")] * 3
