"""Mails in doubt that are given to their service once more, which knows them: no person, and no second mail."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from aftercart.bootstrap import App
from aftercart.campaigns.live import LiveCampaigns
from aftercart.db.tables import attempts, doubts, preferences, sends
from aftercart.delivery.esp.from_url import esp_from_url
from aftercart.delivery.kept import unpacked
from aftercart.delivery.limits.breaker import FAULTS_TO_OPEN, Sign
from aftercart.ledger import store as ledger
from aftercart.pipeline.sending.doubts import settle_doubts
from aftercart.policy.guard import PauseScope
from aftercart.policy.store import Pause, keep_pauses
from aftercart.reports.explain import explain
from aftercart.testing import run_due, run_until
from tests.cast import (
    ADA,
    DAY,
    HOUR,
    campaign,
    click,
    clock_of,
    customer,
    fates,
    leave,
    only_send,
    order,
    refund,
    rows,
    tell,
)
from tests.mail_services import HANGS_UP, TAKES_IT_SILENTLY, Says
from tests.pipeline.sending.doubtful import BOTH, DUE, MINUTE, Shopkeeper, database_of, fail, shop_at


@pytest.fixture
def database(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return database_of(tmp_path, request)


@pytest.fixture
def resend(tmp_path: Path, database: str) -> Iterator[Shopkeeper]:
    with shop_at("resend", tmp_path, database) as keeper:
        yield keeper


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
    assert resend.after(3 * MINUTE) == [("unknown", "unknown_outcome")], "twice as long as the first time"
    assert resend.after(MINUTE) == [("sent", "sent")]
    assert resend.service.mails == 1


def test_the_time_that_a_service_remembers_is_counted_from_the_request(tmp_path: Path, database: str) -> None:
    """Not from when it was given up waiting for the answer."""
    with shop_at("brevo", tmp_path, database) as keeper:
        keeper.hinder(after=keeper.time_passes(5 * MINUTE))
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        (kept,) = rows(keeper.app, doubts)
        (attempt,) = rows(keeper.app, attempts)
        assert kept["until"] == attempt["started_at"] + 10 * MINUTE


@BOTH
@pytest.mark.parametrize(("when", "given"), [("before", 0), ("after", 1)])
def test_it_is_not_given_again_if_the_time_has_run_out_on_the_way(
    tmp_path: Path, database: str, when: str, given: int
) -> None:
    """While its connection is made, or while another mail in doubt is given."""
    with shop_at("brevo", tmp_path, database) as keeper:
        keeper.service.next = [TAKES_IT_SILENTLY, TAKES_IT_SILENTLY]
        order(keeper.app, "1", ADA)
        order(keeper.app, "2", customer(2))
        run_until(keeper.app, DUE)
        keeper.hinder(**{when: keeper.time_passes(10 * MINUTE)})
        keeper.after(2 * MINUTE)
        assert len(keeper.service.requests) == 2 + given


@BOTH
def test_it_is_given_to_no_other_account(resend: Shopkeeper) -> None:
    """Whoever swaps two accounts of one service in the settings swaps their names: only the first knows the mail."""
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    first = resend.app.senders
    other = esp_from_url(resend.service.url.replace("KEY", "ANOTHER"), {})
    assert [*first] == [other.name]
    resend.app = replace(resend.app, sender=other, senders={other.name: other})
    assert resend.after(2 * MINUTE) == [("unknown", "unknown_outcome")]
    assert len(resend.service.requests) == 1
    resend.app = replace(resend.app, senders=first)
    assert resend.after(HOUR) == [("sent", "sent")]


@BOTH
def test_one_whose_worker_died_over_it_is_given_again_later(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(HANGS_UP)
    resend.hinder(after=fail)
    assert resend.after(2 * MINUTE) == [("sending", "unknown_outcome")]
    resend.hinder()
    clock_of(resend.app).step(11 * MINUTE)
    with resend.app.db.write() as connection:
        ledger.settle_abandoned(connection, resend.app.clock(), resend.app.db.boot_id)
    resend.after(2 * MINUTE)
    assert fates(resend.app) == [("sent", "sent")]
    assert resend.service.mails == 1
    assert rows(resend.app, doubts) == []


def test_it_may_be_the_mail_that_tries_a_service_that_was_out_of_order(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    for _ in range(FAULTS_TO_OPEN):
        resend.app.traffic.report("esp:resend", Sign.FAULT, "down")
    assert resend.after(2 * MINUTE) == [("sent", "sent")]
    assert resend.app.traffic.view("esp:resend", "example.com").wait is None


def test_it_waits_for_the_pace(tmp_path: Path, database: str) -> None:
    with shop_at("resend", tmp_path, database, brand="senders: [{limits: [2 per second]}]\n") as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        clock_of(keeper.app).step(2 * MINUTE)
        clock_of(keeper.app).run()
        while keeper.app.traffic.take("esp:resend", "example.com") is None:
            pass
        settle_doubts(keeper.app)
        assert fates(keeper.app) == [("sent", "sent")]


def test_what_may_not_go_uses_up_nothing(tmp_path: Path, database: str) -> None:
    with shop_at("resend", tmp_path, database, brand="senders: [{limits: [1 per day]}]\n") as keeper:
        keeper.mail_in_doubt(TAKES_IT_SILENTLY)
        with keeper.app.db.write() as connection:
            ledger.hold_all(connection, "set back", DUE)
        keeper.after(2 * MINUTE)
        assert keeper.app.traffic.take("esp:resend", "example.com") is None


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


def open_case(app: App) -> None:
    tell(app, "order.case_opened", {"order_id": "1"})


def pause_itself(app: App) -> None:
    with app.db.write() as connection:
        keep_pauses(connection, [Pause(PauseScope.CAMPAIGN, "accessories", "too many complaints", app.clock())])


def snooze(app: App) -> None:
    about = {"recipient_id": only_send(app)["recipient_id"], "snoozed_until": app.clock() + 7 * DAY}
    with app.db.write() as connection:
        connection.execute(insert(preferences).values(**about, updated_at=app.clock()))


@BOTH
@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda app: refund(app, "1"), id="refund"),
        pytest.param(lambda app: refund(app, "1", "BIKE"), id="return"),
        pytest.param(open_case, id="case"),
        pytest.param(pause_itself, id="guard"),
        pytest.param(snooze, id="snooze"),
    ],
)
def test_nor_after_anything_else_that_would_keep_it(resend: Shopkeeper, happens: Callable[[App], None]) -> None:
    resend.mail_in_doubt(HANGS_UP)
    happens(resend.app)
    run_due(resend.app)
    assert resend.after(2 * MINUTE) == [("unknown", "unknown_outcome")]
    assert resend.service.requests == []


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


@BOTH
def test_a_mail_in_doubt_whose_link_is_opened_has_arrived(resend: Shopkeeper) -> None:
    resend.mail_in_doubt(TAKES_IT_SILENTLY)
    (kept,) = rows(resend.app, doubts)
    assert click(resend.app, unpacked(kept["message"]))
    assert fates(resend.app) == [("delivered", "delivered")]
    assert only_send(resend.app)["sent_at"] == DUE
