"""The mail that asks for a confirmation is handed over at most once, and what becomes of one in doubt."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.session import Database
from aftercart.db.tables import confirmations, suppressions
from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.doctor.backlog import check_backlog
from aftercart.ledger.states import Word
from aftercart.ledger.store import Choice
from aftercart.pipeline.recipients.confirm import ask
from aftercart.pipeline.sending.retry import TOO_LATE, retry
from aftercart.pipeline.sending.settle import settle_by_hand
from aftercart.pipeline.upkeep.tidy import tidy
from aftercart.reports.sends import questions
from aftercart.testing import RecordingSender, engine, run_due, run_until
from aftercart.web.metrics import Metrics
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
    order,
    outbox,
    rows,
)

EMAIL = str(ADA["email"])
DUE = MONDAY + 3 * DAY


def test_a_mail_that_is_deferred_is_tried_again_and_one_that_bounces_suppresses(small: App) -> None:
    outbox(small).answers[EMAIL] = [
        answer(Outcome.DEFERRED, "450 later"),
        answer(Outcome.REJECTED, "550 no such user", hard_bounce=True),
    ]
    order(small, "1", ADA)
    run_until(small, MONDAY + 2 * HOUR)
    (question,) = rows(small, confirmations)
    assert (question["state"], question["reason"], question["tries"]) == ("failed", "hard_bounce", 2)
    assert [(row["email"], row["reason"]) for row in rows(small, suppressions)] == [(EMAIL, "hard_bounce")]


def test_one_in_doubt_is_never_sent_again(small: App) -> None:
    outbox(small).answers[EMAIL] = [answer(Outcome.UNKNOWN, "connection lost")]
    order(small, "1", ADA)
    run_until(small, DUE)
    assert rows(small, confirmations)[0]["state"] == "unknown"
    assert outbox(small).messages == []


def test_a_worker_that_died_between_mark_and_answer_leaves_it_unknown(small: App) -> None:
    order(small, "1", ADA)
    sending = {"state": "sending", "lease_until": MONDAY + HOUR, "wake_at": MONDAY + HOUR}
    with small.db.write() as connection:
        connection.execute(update(confirmations).values(**sending))
    run_until(small, MONDAY + 2 * HOUR)
    assert rows(small, confirmations)[0]["state"] == "unknown"
    assert outbox(small).messages == []


def test_a_message_about_it_that_comes_twice_or_late_sends_nothing_more(small: App) -> None:
    order(small, "1", ADA)
    (question,) = rows(small, confirmations)
    ask(small, [question["id"]])
    ask(small, [question["id"]])
    run_until(small, MONDAY + HOUR)
    assert len(outbox(small).messages) == 1


def in_doubt(app: App) -> UUID:
    """Nobody knows whether the mail that asks Ada has left; its id."""
    outbox(app).answers[EMAIL] = [answer(Outcome.UNKNOWN, "connection lost")]
    order(app, "1", ADA)
    run_until(app, MONDAY + HOUR)
    (question,) = rows(app, confirmations)
    id_: UUID = question["id"]
    return id_


def how_it_ended(app: App) -> tuple[str, str | None]:
    (question,) = rows(app, confirmations)
    return question["state"], question["reason"]


def test_one_in_doubt_is_told_to_the_operator_with_what_to_do(small: App) -> None:
    with capture_logs() as logs:
        id_ = in_doubt(small)
    (told,) = [line for line in logs if line["event"] == "confirmations_unknown"]
    assert "`aftercart settle ID`" in told["what"]
    tidy(small)
    assert b'aftercart_confirmations{state="unknown"} 1.0' in Metrics(small).page()
    url, inbox_url = (db.engine.url.render_as_string(hide_password=False) for db in (small.db, small.inbox_db))
    found = [finding for finding in check_backlog(url, inbox_url, small.clock()) if "double opt-in" in finding.found]
    assert ["of 1 mail of" in finding.found and "settle" in finding.do for finding in found] == [True]
    with small.db.read() as connection:
        (listed,) = questions(connection, state="unknown")
    assert (listed["confirmation_id"], listed["email"]) == (str(id_), EMAIL)


@pytest.mark.parametrize(
    ("word", "ends", "reasons"),
    [
        (Word.SENT, "sent", "settled_sent"),
        (Word.NOT_SENT, "failed", "settled_not_sent"),
        (Word.LEAVE, "unknown", "left_unknown"),
    ],
)
def test_one_in_doubt_is_settled_by_the_word_of_a_person(app: App, word: Word, ends: str, reasons: str) -> None:
    id_ = in_doubt(app)
    assert [told.word for told in settle_by_hand(app, Choice(ids=[id_]), word, only_tell=True)] == [word]
    assert how_it_ended(app)[0] == "unknown", "only told"
    assert [told.send_id for told in settle_by_hand(app, Choice(campaign="complements"), word)] == []
    assert [told.send_id for told in settle_by_hand(app, Choice(ids=[id_]), word)] == [id_]
    assert how_it_ended(app) == (ends, reasons)
    assert list(settle_by_hand(app, Choice(), word)) == [], "a word that was said is not said again"


def test_one_that_had_not_left_goes_out_if_somebody_says_so_too(app: App) -> None:
    id_ = in_doubt(app)
    assert list(retry(app, Choice())) == [], "who is in doubt is not asked again"
    list(settle_by_hand(app, Choice(ids=[id_]), Word.NOT_SENT))
    run_until(app, MONDAY + 2 * HOUR)
    assert outbox(app).messages == []
    (told,) = retry(app, Choice(ids=[id_]))
    assert (told.was, told.refused) == ("settled_not_sent", None)
    run_until(app, MONDAY + 3 * HOUR)
    assert [mail.send_id for mail in outbox(app).messages] == [id_]
    assert how_it_ended(app) == ("sent", "sent")


def test_after_days_it_is_asked_again_only_if_somebody_gives_it_time(small: App) -> None:
    id_ = in_doubt(small)
    list(settle_by_hand(small, Choice(ids=[id_]), Word.NOT_SENT))
    clock_of(small).step(4 * DAY)
    assert [told.refused for told in retry(small, Choice())] == [TOO_LATE]
    assert [told.refused for told in retry(small, Choice(), valid_for=DAY)] == [None]
    run_until(small, small.clock() + HOUR)
    assert [mail.send_id for mail in outbox(small).messages] == [id_]


class Overlapping(RecordingSender):
    """Hears what became of its mails only when all have left, as over several connections."""

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        receipts = [self._send(message, go) for message in messages]
        yield from receipts


class Flaky:
    """A database that is away once, at the given transaction."""

    def __init__(self, inner: Database, fails_at: int) -> None:
        self._inner, self._left = inner, fails_at

    def write(self) -> Any:
        self._left -= 1
        if self._left == 0:
            raise OperationalError("BEGIN", {}, Exception("the database is away"))
        return self._inner.write()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_what_has_left_over_other_connections_gets_its_receipt_though_a_mark_could_not_be_written(small: App) -> None:
    """A busy file must not put mails in doubt whose answers are on their way."""
    for number in range(4):
        order(small, str(number), customer(number))
    claim, two_marks = 1, 2
    flaky: Any = Flaky(small.db, fails_at=claim + two_marks + 1)
    overlapping = Overlapping()
    with pytest.raises(OperationalError):
        ask(replace(small, db=flaky, sender=overlapping), [row["id"] for row in rows(small, confirmations)])
    assert sorted(row["state"] for row in rows(small, confirmations)) == ["scheduled"] * 2 + ["sent"] * 2
    assert [row["lease_until"] for row in rows(small, confirmations)] == [None] * 4, "nobody waits for a lease"
    run_until(small, MONDAY + HOUR)
    assert {row["state"] for row in rows(small, confirmations)} == {"sent"}
    assert len(overlapping.messages) == len(outbox(small).messages) == 2


def test_while_all_sending_is_switched_off_nobody_is_asked(tmp_path: Path, shop: Shop) -> None:
    shop.write(campaign(), brand="double_opt_in: true\npaused: true\n")
    with engine(tmp_path / "data", clock=SteppedClock(MONDAY), **shop.files) as app:
        order(app, "1", ADA)
        run_due(app)
        assert outbox(app).messages == []
        assert rows(app, confirmations)[0]["state"] == "scheduled"
