"""Mails in doubt that their mail service clears up, without a person and without a second mail."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from aftercart.bootstrap import App
from aftercart.campaigns.live import LiveCampaigns
from aftercart.clock import SteppedClock
from aftercart.db.tables import attempts, doubts, sends
from aftercart.delivery.esp.from_url import esp_from_url
from aftercart.delivery.esp.vendors import Timeouts
from aftercart.delivery.kept import packed, unpacked
from aftercart.ledger import store as ledger
from aftercart.pipeline.doubts import settle_doubts
from aftercart.reports.explain import explain
from aftercart.testing import engine, run_until
from tests.cast import (
    ADA,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    click,
    clock_of,
    fates,
    leave,
    only_send,
    order,
    rows,
)
from tests.mail_services import HANGS_UP, TAKES_IT_SILENTLY, FakeService, Says, fake_service
from tests.messages import a_message

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if getattr(request, "param", "sqlite") == "postgresql":
        url: str = request.getfixturevalue("newest_postgres_url")
        return url
    file = tmp_path / "aftercart.db"
    shutil.copy(request.getfixturevalue("newest_sqlite"), file)
    return f"sqlite:///{file}"


@dataclass
class Shopkeeper:
    """An engine that sends by a mail service."""

    app: App
    service: FakeService
    shop: Shop

    def mail_in_doubt(self, fault: str) -> None:
        """Ada's mail is handed over, and no answer comes."""
        self.service.next = [fault]
        order(self.app, "1", ADA)
        run_until(self.app, DUE)
        assert fates(self.app) == [("unknown", "unknown_outcome")]

    def after(self, time: timedelta) -> list[tuple[str, str | None]]:
        """What the sweep that runs then makes of it."""
        clock_of(self.app).step(time)
        settle_doubts(self.app)
        return fates(self.app)


@contextmanager
def shop_at(name: str, folder: Path, database: str) -> Iterator[Shopkeeper]:
    shop = Shop(folder / "shop").write(campaign(quiet="null", valid_for="2d"))
    with fake_service(name) as service:
        sender = esp_from_url(service.url, {}, timeouts=Timeouts(connect=2, answer=0.5))
        with engine(folder, SteppedClock(MONDAY), sender=sender, database_url=database, **shop.files) as app:
            yield Shopkeeper(app, service, shop)


@pytest.fixture
def resend(tmp_path: Path, database: str) -> Iterator[Shopkeeper]:
    with shop_at("resend", tmp_path, database) as keeper:
        yield keeper


# ---------------------------------------------------------------- given once more


@BOTH
@pytest.mark.parametrize("fault", [TAKES_IT_SILENTLY, HANGS_UP])
def test_a_mail_that_the_service_would_know_again_is_given_once_more_and_sent_once(
    resend: Shopkeeper, fault: str
) -> None:
    """Whether the first one was taken or not: under the same key, and the same to the letter."""
    resend.mail_in_doubt(fault)
    assert resend.after(MINUTE) == [("unknown", "unknown_outcome")], "it gets some time to recover"
    assert resend.after(MINUTE) == [("sent", "sent")]
    assert resend.service.mails == 1
    assert len({request.body for request in resend.service.requests}) == 1
    assert rows(resend.app, doubts) == []
    assert [row["outcome"] for row in rows(resend.app, attempts)] == ["unknown", "accepted"]
    assert len({row["message_id"] for row in rows(resend.app, attempts)}) == 1
    assert only_send(resend.app)["counted_at"] == DUE, "it keeps its place under the caps"
    for _ in range(3):
        resend.after(HOUR)
    assert len(resend.service.requests) == (2 if fault == TAKES_IT_SILENTLY else 1)


@pytest.mark.parametrize("name", ["brevo", "resend"])
def test_it_is_given_again_within_the_time_that_the_service_remembers(tmp_path: Path, database: str, name: str) -> None:
    with shop_at(name, tmp_path, database) as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        late = {"brevo": timedelta(minutes=10), "resend": timedelta(hours=23)}[name]
        assert keeper.after(late) == [("unknown", "unknown_outcome")]
        assert len(keeper.service.requests) == 1
        assert rows(keeper.app, doubts) == [], "nor is the mail kept any longer"


@pytest.mark.parametrize(
    "answer", [Says(503), Says(502), Says(429), Says(409, '{"name": "concurrent_idempotent_requests"}')]
)
def test_a_service_that_is_busy_is_asked_again_less_and_less_often(resend: Shopkeeper, answer: Says) -> None:
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    resend.service.next = [answer]
    assert resend.after(2 * MINUTE) == [("unknown", "unknown_outcome")]
    assert resend.after(2 * MINUTE) == [("sent", "sent")]
    assert resend.service.mails == 1


def test_a_service_that_says_only_that_it_knows_the_mail_has_taken_it(tmp_path: Path, database: str) -> None:
    with shop_at("brevo", tmp_path, database) as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        keeper.service.next = [Says(400, '{"code": "duplicate_request", "message": "Duplicate request"}')]
        assert keeper.after(2 * MINUTE) == [("sent", "sent")]


def test_a_second_silence_leaves_it_to_a_person(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    resend.service.next = [HANGS_UP]
    for _ in range(5):
        assert resend.after(HOUR) == [("unknown", "unknown_outcome")]
    assert rows(resend.app, doubts) == []
    assert [row["outcome"] for row in rows(resend.app, attempts)] == ["unknown", "unknown"]


def test_a_clear_no_settles_it_too(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(HANGS_UP)
    refusal = '{"statusCode": 422, "name": "validation_error", "message": "Invalid `to` field."}'
    resend.service.next = [Says(422, refusal)]
    assert resend.after(2 * MINUTE) == [("failed", "provider_rejected")]
    assert only_send(resend.app)["counted_at"] is None


def test_a_no_that_is_about_us_tells_nothing(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    resend.service.next = [Says(401, '{"message": "API key is invalid"}')]
    assert resend.after(2 * MINUTE) == [("unknown", "unknown_outcome")]


@BOTH
def test_who_has_left_since_gets_no_mail_that_had_not_come_before(resend: Shopkeeper) -> None:
    """T21."""
    resend.mail_in_doubt(HANGS_UP)
    send = only_send(resend.app)
    leave(resend.app, send["recipient_id"], send["id"])
    assert resend.after(2 * MINUTE) == [("unknown", "unknown_outcome")]
    assert resend.service.requests == []
    assert [row["outcome"] for row in rows(resend.app, attempts)] == ["unknown"]


def test_nor_does_it_go_while_its_campaign_is_paused(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(HANGS_UP)
    resend.shop.write(campaign(quiet="null", valid_for="2d", status="paused"))
    resend.app = replace(resend.app, live_campaigns=LiveCampaigns(*resend.shop.files.values()))
    assert resend.after(2 * MINUTE) == [("unknown", "unknown_outcome")]
    assert resend.service.requests == []


def test_nor_does_it_go_while_all_mail_is_held(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(HANGS_UP)
    with resend.app.db.write() as connection:
        ledger.hold_all(connection, "set back", DUE)
    assert resend.after(HOUR) == [("unknown", "unknown_outcome")]
    assert resend.service.requests == []
    with resend.app.db.write() as connection:
        ledger.let_go(connection, None)
    assert resend.after(HOUR) == [("sent", "sent")]


def test_what_a_person_or_a_webhook_has_settled_is_left_alone(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    with resend.app.db.write() as connection:
        connection.execute(update(sends).values(state="delivered"))
    assert resend.after(HOUR) == [("delivered", "unknown_outcome")]
    assert len(resend.service.requests) == 1
    assert rows(resend.app, doubts) == []


def test_the_second_hand_over_is_explained(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    resend.after(2 * MINUTE)
    with resend.app.db.read() as connection:
        (story,) = explain(connection, "1").orders
    told = [moment.sentence for moment in story.moments if moment.kind == "attempt"]
    assert len(told) == 2
    assert told[1] == "Attempt 2 by esp:resend: The mail was handed to the mail provider."


def test_a_mail_is_kept_to_the_letter() -> None:
    message = a_message(subject="Für dich · 自転車", headers={"List-Unsubscribe": "<https://mail.shop.example/u/x>"})
    assert unpacked(packed(message)) == message


# ---------------------------------------------------------------- asked about


def mailgun_knows(message_id: str) -> Says:
    item = {"event": "accepted", "message": {"headers": {"message-id": message_id.strip("<>")}}}
    return Says(200, json.dumps({"items": [item], "paging": {}}))


def postmark_knows(message_id: str) -> Says:
    return Says(200, json.dumps({"Messages": [{"Metadata": {"send_id": message_id.strip("<>").partition("@")[0]}}]}))


LOGS: dict[str, tuple[str, Callable[[str], Says], dict[str, list[str]]]] = {
    "mailgun": ("/example.com/events", mailgun_knows, {"items": []}),
    "postmark": ("/messages/outbound", postmark_knows, {"Messages": []}),
}


@BOTH
@pytest.mark.parametrize("name", LOGS)
def test_a_service_that_can_be_asked_is_asked_until_it_knows_the_mail(tmp_path: Path, database: str, name: str) -> None:
    path, knows, nothing = LOGS[name]
    with shop_at(name, tmp_path, database) as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        message_id = rows(keeper.app, attempts)[0]["message_id"]
        keeper.service.desk[path] = Says(200, json.dumps(nothing))
        assert keeper.after(MINUTE) == [("unknown", "unknown_outcome")], "its log is late"
        keeper.service.desk[path] = knows("<another@shop.example>")
        assert keeper.after(HOUR) == [("unknown", "unknown_outcome")], "it speaks of another mail"
        keeper.service.desk[path] = knows(message_id)
        assert keeper.after(HOUR) == [("sent", "settled_sent")]
        asked = len(keeper.service.questions)
        keeper.after(HOUR)
        assert len(keeper.service.questions) == asked
        assert str(only_send(keeper.app)["id"]) in keeper.service.questions[0].path
        assert len(keeper.service.requests) == 1


@pytest.mark.parametrize("answer", [Says(500), Says(401), Says(200, "[]"), Says(200, "no json")])
def test_a_log_that_cannot_be_read_leaves_the_mail_in_doubt(tmp_path: Path, database: str, answer: Says) -> None:
    with shop_at("mailgun", tmp_path, database) as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        keeper.service.desk["/example.com/events"] = answer
        assert keeper.after(MINUTE) == [("unknown", "unknown_outcome")]


@BOTH
def test_a_mail_whose_worker_died_is_asked_about_too(tmp_path: Path, database: str) -> None:
    with shop_at("mailgun", tmp_path, database) as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        with keeper.app.db.write() as connection:
            connection.execute(update(sends).values(state="sending", lease_until=DUE))
            ledger.settle_abandoned(connection, DUE + HOUR, keeper.app.db.boot_id)
        keeper.service.desk["/example.com/events"] = mailgun_knows(rows(keeper.app, attempts)[0]["message_id"])
        assert keeper.after(HOUR) == [("sent", "settled_sent")]


def test_nobody_is_asked_about_a_mail_of_long_ago(tmp_path: Path, database: str) -> None:
    with shop_at("mailgun", tmp_path, database) as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        assert keeper.after(25 * HOUR) == [("unknown", "unknown_outcome")]
        assert keeper.service.questions == []


def test_a_service_that_can_neither_is_left_to_a_person(tmp_path: Path, database: str) -> None:
    with shop_at("sendgrid", tmp_path, database) as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        assert keeper.after(HOUR) == [("unknown", "unknown_outcome")]
        assert rows(keeper.app, doubts) == []


# ---------------------------------------------------------------- a reader


@BOTH
def test_a_mail_in_doubt_whose_link_is_opened_has_arrived(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    (kept,) = rows(resend.app, doubts)
    assert click(resend.app, unpacked(kept["message"]))
    assert fates(resend.app) == [("delivered", "delivered")]
    assert only_send(resend.app)["sent_at"] == DUE
