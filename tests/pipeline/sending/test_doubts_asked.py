"""Mails in doubt that their service is asked about, until its log tells."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from aftercart.db.tables import attempts, doubts, sends
from aftercart.delivery.base import LooksUp
from aftercart.delivery.esp.from_url import esp_from_url
from aftercart.errors import DeliveryError
from aftercart.ledger import store as ledger
from tests.cast import (
    HOUR,
    only_send,
    rows,
)
from tests.mail_services import TAKES_IT_SILENTLY, Says, fake_service
from tests.pipeline.sending.doubtful import BOTH, DUE, MINUTE, database_of, shop_at


@pytest.fixture
def database(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return database_of(tmp_path, request)


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


ONE, TWO, THREE = "<1@shop.example>", "<2@shop.example>", "<3@shop.example>"


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([Says(400), mailgun_knows(TWO), Says(404)], {ONE: "cannot_tell", TWO: "taken", THREE: "cannot_tell"}),
        ([Says(500), mailgun_knows(TWO), Says(500)], {TWO: "taken"}),
        ([mailgun_knows(ONE), Says(401), mailgun_knows(THREE)], {ONE: "taken"}),
        ([mailgun_knows(ONE), Says(429), mailgun_knows(THREE)], {ONE: "taken", THREE: "taken"}),
    ],
)
def test_a_question_that_fails_leaves_what_the_others_told(answers: list[Says], found: dict[str, str]) -> None:
    with fake_service("mailgun") as service:
        service.answers = answers
        sender = esp_from_url(service.url, {})
        assert isinstance(sender, LooksUp)
        assert sender.look_up([ONE, TWO, THREE]) == found
        sender.close()


def test_a_service_that_does_not_answer_is_not_asked_about_every_mail() -> None:
    with fake_service("mailgun") as service:
        service.answers = [Says(500)] * 3
        sender = esp_from_url(service.url, {})
        assert isinstance(sender, LooksUp)
        with pytest.raises(DeliveryError, match="500"):
            sender.look_up([ONE, TWO, THREE])
        assert len(service.questions) == 2
        sender.close()


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
