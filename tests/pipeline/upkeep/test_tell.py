"""Others are told what happened: from the fact to the receiver, on each kind of database."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.db.tables import links, orders, outlets
from aftercart.db.tables import outbox as outbox_table
from aftercart.delivery.base import Outcome
from aftercart.feedback.told import Kind, Told
from aftercart.outward import store
from aftercart.outward.courier import Courier
from aftercart.outward.patience import LEASE, WAITS
from aftercart.pipeline import rights
from aftercart.pipeline.recipients.feedback import hear
from aftercart.pipeline.recipients.record import Click, Visit, find_link, keep_clicks
from aftercart.pipeline.upkeep.tell import tell
from aftercart.pipeline.upkeep.tidy import tidy
from aftercart.testing import run_until
from aftercart.tracking.links import TRAP
from aftercart.web.metrics import Metrics
from tests.cast import (
    ADA,
    BEN,
    CHIKA,
    DAY,
    DEV,
    HELMET,
    MONDAY,
    answer,
    click,
    clock_of,
    leave,
    order,
    outbox,
    refund,
    rows,
)
from tests.outward.receiver import SECRET, Receiver, receiving

Open = Callable[..., App]
SENT = MONDAY + 3 * DAY
SOON = timedelta(seconds=30)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def told_to(receiver: Receiver, **more: Any) -> dict[str, Any]:
    """The settings of an engine that tells it."""
    return {
        "webhooks": f"crm={receiver.url}",
        "webhook_secrets": f"crm={SECRET}",
        "webhooks_to_loopback": True,
        **more,
    }


@pytest.fixture
def app(open_app: Open, receiver: Receiver) -> App:
    return open_app(**told_to(receiver))


def mailed(app: App) -> None:
    """Ada buys, and three days later has her mail."""
    order(app, "1", ADA)
    run_until(app, SENT)


def after(app: App, passed: timedelta) -> int:
    """Time passes, and what is due by then is told."""
    clock_of(app).step(passed)
    return tell(app)


def test_the_whole_story_of_a_mail_is_told_with_the_ids_of_the_shop(app: App, receiver: Receiver) -> None:
    mailed(app)
    (mail,) = outbox(app).messages
    after(app, timedelta(hours=1))
    click(app, mail)
    after(app, SOON)
    clock_of(app).step(DAY)
    order(app, "2", ADA, [HELMET])
    after(app, SOON)
    leave(app, rows(app, outbox_table)[0]["recipient_id"], mail.send_id)
    after(app, SOON)
    about = {
        "mail_id": str(mail.send_id), "campaign": "accessories", "step": "complements", "topic": "recommendations",
        "shop": "generic", "order_id": "1", "customer_id": "1",
    }  # fmt: skip
    told = {one.content["type"]: one.content["data"] for one in receiver.told}
    assert list(told) == ["mail.sent", "link.clicked", "order.credited", "person.unsubscribed"]
    assert told["mail.sent"] == about
    assert told["link.clicked"] == about | {"url": rows(app, links)[0]["url"]}
    credit = told["order.credited"]
    assert (credit["mail_id"], credit["model"]) == (str(mail.send_id), "last_click")
    assert credit["credited_order"] | {"ordered_at": ""} == {
        "shop": "generic", "order_id": "2", "ordered_at": "", "amount": "80.00", "currency": "EUR",
    }  # fmt: skip
    gone = told["person.unsubscribed"]
    assert (gone["unsubscribed_from"], gone["customers"]) == ("everything", [{"shop": "generic", "customer_id": "1"}])
    assert not any(b"ada@example.com" in one.body for one in receiver.told)


def test_a_mail_is_told_of_as_delivered_once_however_often_it_is_reported(app: App, receiver: Receiver) -> None:
    mailed(app)
    (mail,) = outbox(app).messages
    for number in range(2):
        report = Told(Kind.DELIVERED, f"{number}", mail.send_id, "ada@example.com", at=app.clock())
        row = {"id": number, "shop": "esp:postmark", "received_at": app.clock()}
        with app.db.write() as connection:
            hear(connection, [(row, [report])], app.clock())
    tell(app)
    assert sorted(receiver.types) == ["mail.delivered", "mail.sent"]


def test_a_message_is_signed_as_the_specification_asks_for(app: App, receiver: Receiver) -> None:
    mailed(app)
    tell(app)
    (told,) = receiver.told
    assert told.is_signed_with(SECRET)
    assert told.headers["webhook-timestamp"] == str(int(app.clock().timestamp()))
    assert told.id.startswith("msg_")
    assert told.headers["content-type"] == "application/json"


def test_an_address_is_told_only_where_the_shop_chose_so(open_app: Open, receiver: Receiver) -> None:
    app = open_app(**told_to(receiver, webhook_addresses="crm"))
    mailed(app)
    tell(app)
    assert receiver.told[0].content["data"]["email"] == "ada@example.com"


def test_an_endpoint_hears_only_of_what_it_listens_for(open_app: Open, receiver: Receiver) -> None:
    app = open_app(**told_to(receiver, webhook_events="crm=link.clicked"))
    mailed(app)
    click(app, outbox(app).messages[0])
    after(app, DAY)
    assert receiver.types == ["link.clicked"]


def test_nothing_is_noted_where_nobody_listens(open_app: Open) -> None:
    app = open_app()
    mailed(app)
    click(app, outbox(app).messages[0])
    assert rows(app, outbox_table) == []
    assert tell(app) == 0


def test_what_was_not_taken_is_told_again_the_same_under_the_same_id(app: App, receiver: Receiver) -> None:
    receiver.answers_with(500)
    mailed(app)
    tell(app)
    assert tell(app) == 0
    after(app, timedelta(seconds=6))
    first, second = receiver.told
    assert (first.id, first.body) == (second.id, second.body)
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert after(app, DAY) == 0


def test_a_worker_that_dies_loses_nothing(app: App, receiver: Receiver) -> None:
    """What it had taken is told by another one, after the lease."""
    mailed(app)
    with app.db.write() as connection:
        assert store.hold(connection, "crm", app.clock())
        assert len(store.take(connection, "crm", app.clock(), 10)) == 1
    assert tell(app) == 0
    after(app, LEASE)
    assert receiver.types == ["mail.sent"]


def test_an_engine_that_stops_takes_no_message_its_try(app: App, receiver: Receiver) -> None:
    """And blames nobody: the next engine tells it at once."""
    mailed(app)
    app.courier.stop()
    assert tell(app) == 0
    (waiting,) = rows(app, outbox_table)
    assert (waiting["tries"], waiting["due_at"]) == (0, app.clock())
    assert rows(app, outlets)[0]["failures"] == 0
    with closing(Courier(to_loopback=True)) as next_one:
        assert tell(replace(app, courier=next_one)) == 1
    assert receiver.types == ["mail.sent"]


def test_an_endpoint_that_is_away_costs_no_mail_and_hears_everything_afterwards(app: App, receiver: Receiver) -> None:
    receiver.answers_with(503, times=1_000)
    for number in range(5):
        order(app, str(number), {**ADA, "id": f"c{number}", "email": f"c{number}@example.com"})
    run_until(app, SENT)
    assert len(outbox(app).messages) == 5
    for _ in range(60):
        after(app, timedelta(minutes=10))
    tried = len(receiver.told)
    assert tried < 45  # left alone longer and longer, then tried with one message
    receiver.answers.clear()
    for _ in range(20):
        after(app, timedelta(hours=6))
    assert sorted({told.id for told in receiver.told[tried:]}) == sorted({told.id for told in receiver.told})
    assert len(receiver.told) == tried + 5


def test_one_body_that_its_receiver_cannot_digest_is_given_up_and_stops_no_other(app: App, receiver: Receiver) -> None:
    mailed(app)
    for wait in (timedelta(0), *WAITS):
        receiver.answers_with(400)
        after(app, 1.2 * wait)
    (given_up,) = rows(app, outbox_table)
    assert (given_up["outcome"], given_up["fault"], given_up["tries"]) == ("gave_up", "it answered 400", 10)
    receiver.answers.clear()
    with app.db.write() as connection:
        store.enable(connection, "crm", app.clock())
        assert store.resend(connection, "crm", MONDAY, app.clock(), told_too=False) == 1
    tell(app)
    assert receiver.told[-1].id == receiver.told[0].id
    assert [row["outcome"] for row in rows(app, outbox_table)] == ["told"]


def test_one_that_answers_gone_hears_nothing_more_until_somebody_says_so(app: App, receiver: Receiver) -> None:
    receiver.answers_with(410)
    mailed(app)
    tell(app)
    assert rows(app, outlets)[0]["disabled_at"] == app.clock()
    click(app, outbox(app).messages[0])
    assert after(app, DAY) == 0
    with app.db.write() as connection:
        store.enable(connection, "crm", app.clock())
    tell(app)
    assert receiver.types == ["mail.sent", "mail.sent"]  # the click was noted for nobody


def test_on_a_word_what_waits_for_its_next_try_is_told_at_once(app: App, receiver: Receiver) -> None:
    receiver.answers_with(500, times=4)
    mailed(app)
    for wait in (timedelta(0), *WAITS[:3]):
        after(app, 1.2 * wait)
    assert len(receiver.told) == 4
    click(app, outbox(app).messages[0])
    with app.db.write() as connection:
        store.enable(connection, "crm", app.clock())
    tell(app)
    assert receiver.types == ["mail.sent"] * 5, "the click is not told before a machine would have shown itself"
    after(app, SOON)
    assert receiver.types[5:] == ["link.clicked"]


def test_clicks_of_machines_are_never_told_nor_those_that_were_unmasked_later(app: App, receiver: Receiver) -> None:
    """T42: the first click of a scanner looks like a person's, until it opens the link that no reader sees."""
    mailed(app)
    (mail,) = outbox(app).messages
    after(app, timedelta(hours=1))
    click(app, mail)
    clock_of(app).step(timedelta(seconds=2))
    _opens(app, app.tokens.link(mail.send_id, TRAP))
    for _ in range(3):
        after(app, SOON)
    assert receiver.types == ["mail.sent"]


def _opens(app: App, token: str) -> None:
    link = find_link(app.db, app.tokens, token)
    assert link is not None
    with app.db.write() as connection:
        keep_clicks(connection, [Click(link, Visit("GET", "Mozilla/5.0 Firefox"), app.clock())], {}, app.clock())


def test_what_a_refund_takes_back_before_it_is_told_is_taken_off(app: App, receiver: Receiver) -> None:
    mailed(app)
    click(app, outbox(app).messages[0])
    clock_of(app).step(DAY)
    order(app, "2", ADA, [HELMET])
    refund(app, "2", "HELMET")
    tell(app)
    assert [t.content["data"]["credited_order"]["amount"] for t in receiver.told if "order" in t.content["type"]] == [
        "0.00"
    ]


def test_of_somebody_who_is_forgotten_nothing_is_told_any_more(app: App, receiver: Receiver) -> None:
    mailed(app)
    assert len(rows(app, outbox_table)) == 1
    rights.erase(app, "ada@example.com")
    assert rows(app, outbox_table) == []
    assert after(app, DAY) == 0
    assert receiver.told == []


def test_an_outlet_that_is_gone_from_the_settings_is_gone(open_app: Open, receiver: Receiver) -> None:
    mailed(open_app(**told_to(receiver)))
    again = open_app(SENT)
    assert (rows(again, outlets), rows(again, outbox_table)) == ([], [])


def test_a_mail_that_nobody_took_is_not_told_of(app: App, receiver: Receiver) -> None:
    outbox(app).answers["ada@example.com"] = [answer(Outcome.REJECTED, "550 no", hard_bounce=True)]
    order(app, "1", ADA)
    order(app, "2", BEN)
    order(app, "3", CHIKA)
    run_until(app, SENT + DAY)
    tell(app)
    (only,) = receiver.told
    assert only.content["data"]["customer_id"] == "3"


def test_what_was_told_long_ago_is_forgotten(app: App) -> None:
    mailed(app)
    tell(app)
    assert len(rows(app, outbox_table)) == 1
    clock_of(app).step(4 * DAY)
    tidy(app)
    assert rows(app, outbox_table) == []


@pytest.mark.parametrize("kind", [Kind.DELIVERED, Kind.COMPLAINT])
def test_what_was_told_and_forgotten_is_not_told_again(app: App, receiver: Receiver, kind: Kind) -> None:
    """People open mails of last month, and services report late."""
    mailed(app)
    (mail,) = outbox(app).messages
    tell(app)
    clock_of(app).step(4 * DAY)
    tidy(app)
    click(app, mail)
    after(app, SOON)
    row = {"id": 1, "shop": "esp:postmark", "received_at": app.clock()}
    report = Told(kind, "1", mail.send_id, "ada@example.com", at=app.clock())
    with app.db.write() as connection:
        hear(connection, [(row, [report])], app.clock())
    tell(app)
    assert receiver.types.count("mail.sent") == 1
    assert receiver.types.count("link.clicked") == 1
    assert receiver.types.count("mail.delivered") == (kind is Kind.DELIVERED)


def test_a_new_endpoint_is_not_told_of_what_was_before_it(open_app: Open, receiver: Receiver) -> None:
    app = open_app()
    mailed(app)
    (mail,) = outbox(app).messages
    app = open_app(SENT + DAY, **told_to(receiver))
    click(app, mail)
    after(app, SOON)
    assert receiver.types == ["link.clicked"]


def test_monitoring_sees_who_takes_nothing_and_what_waits_for_them(app: App, receiver: Receiver) -> None:
    mailed(app)
    receiver.answers_with(503, times=9)
    for _ in range(6):
        after(app, timedelta(hours=3))
    page = Metrics(app).page().decode()
    for line in ('up{outlet="crm"} 0.0', 'waiting{outlet="crm"} 1.0', 'oldest_seconds{outlet="crm"} 82800.0'):
        assert f"aftercart_outlet_{line}" in page


# ---------------------------------------------------------------- Google Analytics


@pytest.fixture
def measured(open_app: Open, receiver: Receiver) -> App:
    stream = {"analytics_id": "G-ABC1234567", "analytics_secret": "secret", "analytics_url": receiver.url}
    return open_app(**stream, webhooks_to_loopback=True)


def test_google_hears_of_buyers_who_agreed_to_it_and_of_nobody_else(measured: App, receiver: Receiver) -> None:
    order(measured, "1", ADA, analytics_id="555.123")
    order(measured, "2", DEV)
    run_until(measured, SENT)
    tell(measured)
    assert [told.path for told in receiver.told] == ["/hooks?measurement_id=G-ABC1234567&api_secret=secret"]
    assert receiver.told[0].content["client_id"] == "555.123"
    rights.erase(measured, "ada@example.com")
    assert [row["analytics_id"] for row in rows(measured, orders)] == [None, None]


def test_what_is_older_than_google_takes_it_is_not_told(measured: App, receiver: Receiver) -> None:
    order(measured, "1", ADA, analytics_id="555.123")
    run_until(measured, SENT)
    after(measured, 4 * DAY)
    assert (receiver.told, rows(measured, outbox_table)) == ([], [])
