"""Webhooks become events, once each; told from outside, on each kind of database."""

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
import structlog
from sqlalchemy import insert

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.tables import consents, enrollments, events, orders, sends
from aftercart.db.tables import inbox as inbox_table
from aftercart.errors import SignatureError
from aftercart.intake.changes import Change
from aftercart.intake.generic import Generic
from aftercart.intake.signing import sign_generic, sign_shopify, sign_woocommerce
from aftercart.intake.store import apply
from aftercart.intake.store.rows import take_turns
from aftercart.pipeline.incoming.ingest import BATCH, BATCH_BYTES, accept, take_again, take_in
from aftercart.reports.explain import explain
from aftercart.testing import GENERIC_SECRET, SHOP_SECRET, engine
from tests.cast import (
    ADA,
    BIKE,
    DAY,
    HOUR,
    MONDAY,
    clock_of,
    customer,
    order,
    refund,
    rows,
    tell,
)
from tests.intake.payloads import shopify_order
from tests.rows import somebody_waits


def an_order(order_id: str, who: Any = ADA) -> bytes:
    data = {"order_id": order_id, "placed_at": MONDAY.isoformat(), "currency": "EUR", "customer": who, "lines": [BIKE]}
    return json.dumps({"type": "order.completed", "data": data}).encode()


def put_in(app: App, *arrived: tuple[str, bytes]) -> None:
    """Webhooks (id, body) reach the inbox, and no worker has looked yet."""
    found = []
    for id_, body in arrived:
        headers = sign_generic(GENERIC_SECRET, id_, body, app.clock())
        found.append(accept(app.shops["generic"], headers, body, app.clock()) or {})
    with app.inbox_db.write() as connection:
        inbox.store(connection, found)


def waiting(app: App) -> int:
    with app.inbox_db.read() as connection:
        return inbox.waiting(connection)


def test_a_webhook_is_kept_raw_without_its_signature(app: App) -> None:
    put_in(app, ("msg_a", an_order("1")))
    take_in(app)
    (event,) = rows(app, events)
    assert (event["state"], event["topic"], event["shop_order_id"]) == ("processed", "order.completed", "1")
    assert event["body"] == an_order("1")
    assert "webhook-signature" not in event["headers"]
    assert waiting(app) == 0


def test_a_webhook_that_nobody_signed_is_not_read(app: App) -> None:
    headers = sign_generic(GENERIC_SECRET, "msg_a", b"{}", app.clock())
    with pytest.raises(SignatureError):
        accept(app.shops["generic"], headers, b'{"type": "order.completed"}', app.clock())


def test_a_ping_leaves_nothing_behind(app: App) -> None:
    assert accept(app.shops["woocommerce"], {}, b"webhook_id=7", app.clock()) is None


def test_a_webhook_that_cannot_be_understood_is_found_by_its_order(app: App) -> None:
    tell(app, "order.completed", {"order_id": "1", "currency": "EUR", "placed_at": "yesterday"})
    (event,) = rows(app, events)
    assert (event["state"], event["shop_order_id"]) == ("failed", "1")
    with app.db.read() as connection:
        (told,) = explain(connection, "1").events
    assert told.sentence == "Webhook “order.completed” of generic: failed."
    assert told.facts["error"].startswith("data.placed_at")


def test_the_log_names_the_field_at_fault_and_not_what_stands_there(app: App) -> None:
    with structlog.testing.capture_logs() as logs:
        tell(app, "order.completed", {"order_id": "1", "currency": "EUR", "placed_at": "person@example.com"})
    assert {"field": "data.placed_at"}.items() <= logs[0].items()
    assert "person@example.com" not in str(logs)
    assert "person@example.com" in rows(app, events)[0]["error"]


@pytest.mark.parametrize("at_once", [True, False], ids=["before a worker looked", "afterwards"])
def test_a_corrected_body_takes_the_place_of_the_one_that_could_not_be_understood(app: App, at_once: bool) -> None:
    """Its sender was told 422, and mended it under the same id."""
    faulty, corrected = an_order("1").replace(b'"EUR"', b'"euros"'), an_order("1")
    for body in (faulty, corrected):
        put_in(app, ("C1", body))
        if not at_once:
            take_in(app)
    take_in(app)
    assert [row["shop_order_id"] for row in rows(app, orders)] == ["1"]
    assert [(row["state"], row["body"]) for row in rows(app, events)] == [
        ("replaced", faulty),
        ("processed", corrected),
    ]
    assert "data.currency" in rows(app, events)[0]["error"]


def test_a_body_that_was_corrected_stays_so(app: App) -> None:
    """Whatever comes again, or is read again after a crash; and an older body is not what counts after an upgrade."""
    first, second = an_order("1").replace(b'"EUR"', b'"euros"'), an_order("1").replace(b'"EUR"', b'"EURO"')
    for body in (first, second, first, second):
        put_in(app, ("C1", body))
        take_in(app)
    take_again(app)
    assert [(row["state"], row["body"]) for row in rows(app, events)] == [("replaced", first), ("failed", second)]
    for body in (an_order("1"), first, an_order("2")):
        put_in(app, ("C1", body))
        take_in(app)
    assert [row["state"] for row in rows(app, events)] == ["replaced", "replaced", "processed"]
    assert [row["shop_order_id"] for row in rows(app, orders)] == ["1"]


def test_a_topic_that_we_do_not_act_on_is_kept_as_ignored(app: App) -> None:
    tell(app, "wishlist.updated", {"order_id": "1"})
    assert [row["state"] for row in rows(app, events)] == ["ignored"]


def test_more_webhooks_than_a_batch_are_all_taken_in(app: App) -> None:
    put_in(app, *((f"msg_{n}", an_order(str(n), customer(n))) for n in range(BATCH + 5)))
    assert take_in(app) == BATCH + 5
    assert len(rows(app, orders)) == BATCH + 5


def test_large_webhooks_are_taken_in_a_few_at_a_time(app: App) -> None:
    """T13: two hundred of the largest would be 400 MB at once."""
    put_in(app, *((f"msg_{n}", an_order(str(n), customer(n)) + b" " * 1_900_000) for n in range(9)))
    assert take_in(ticking(app)) == 9
    assert_taken_in_three(app)


def test_large_webhooks_that_failed_are_read_again_a_few_at_a_time(app: App) -> None:
    put_in(app, *((f"msg_{n}", b"{" + b" " * 1_900_000) for n in range(9)))
    take_in(app)
    assert take_again(ticking(app)) == 9
    assert_taken_in_three(app)


def ticking(app: App) -> App:
    """The same with a clock that moves whenever somebody looks: what a batch has in common is its time."""
    seconds = count(1)
    return replace(app, clock=lambda: MONDAY + timedelta(seconds=next(seconds)))


def assert_taken_in_three(app: App) -> None:
    at_once = Counter[datetime]()
    for event in rows(app, events):
        at_once[event["processed_at"]] += len(event["body"])
    assert len(at_once) == 3
    assert max(at_once.values()) <= BATCH_BYTES


def test_bodies_are_read_before_anything_is_locked(app: App) -> None:
    """Of a large body that takes a while nobody else's transaction has to wait for."""

    class Writing(Generic):
        def parse(self, topic: str, body: bytes) -> tuple[Change, ...]:
            with app.db.write():
                return super().parse(topic, body)

    put_in(app, ("msg_a", an_order("1")))
    take_in(replace(app, shops={**app.shops, "generic": Writing(GENERIC_SECRET)}))
    assert [row["state"] for row in rows(app, events)] == ["processed"]


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "afterwards"])
@pytest.mark.parametrize("words", [(True, False), (False, True)], ids=["yes then no", "no then yes"])
def test_of_a_delivery_that_comes_again_with_another_consent_the_first_word_counts(
    app: App, words: tuple[bool, bool], at_once: bool
) -> None:
    """T44: a shop that repeats a webhook tells the same; what differs was altered on its way, or its id is wrong."""
    for agreed in words:
        put_in(app, ("msg_1", an_order("1", {**ADA, "accepts_marketing": agreed})))
        if not at_once:
            take_in(app)
            clock_of(app).step(40 * DAY)
    take_in(app)
    assert [row["state"] for row in rows(app, consents)] == ["granted" if words[0] else "denied"]
    assert len(rows(app, events)) == 1
    put_in(app, ("msg_2", an_order("1", {**ADA, "accepts_marketing": words[1], "consent_at": _later(app)})))
    take_in(app)
    assert [row["state"] for row in rows(app, consents)] == ["granted" if word else "denied" for word in words]


def _later(app: App) -> str:
    clock_of(app).step(HOUR)
    return app.clock().isoformat()


def test_a_worker_that_died_between_the_two_files_doubles_nothing(app: App) -> None:
    """On SQLite an event is moved from file to file, which is not one transaction: the move may come twice."""
    put_in(app, ("msg_a", an_order("1")))
    with app.inbox_db.read() as connection:
        copied = inbox.oldest(connection, 10)
    take_in(app)
    with app.inbox_db.write() as connection:  # as if it had never been removed
        inbox.store(connection, [{key: row[key] for key in row if key != "id"} for row in copied])
    take_in(app)
    assert len(rows(app, events)) == len(rows(app, sends)) == 1
    assert waiting(app) == 0


def test_four_workers_on_one_inbox_take_every_webhook_in_once(app: App) -> None:
    """T43: a hundred orders, each told twice, and refunds of half of them; two shops at once."""
    numbers = range(50)
    put_in(app, *((f"o{n}", an_order(str(n), customer(n))) for n in numbers))
    put_in(app, *((f"again{n}", an_order(str(n), customer(n))) for n in numbers))
    refunded = (json.dumps({"type": "order.refunded", "data": {"order_id": str(n)}}).encode() for n in numbers[::2])
    put_in(app, *((f"r{n}", body) for n, body in zip(numbers[::2], refunded, strict=True)))
    woo = b'{"id": 5, "status": "nonsense"}'
    headers = sign_woocommerce(SHOP_SECRET, "https://shop.example", "1", "order.created", woo)
    with app.inbox_db.write() as connection:
        inbox.store(connection, [accept(app.shops["woocommerce"], headers, woo, app.clock()) or {}])
    at_once(4, lambda: take_in(app))
    assert len(rows(app, events)) == 126
    assert len(rows(app, enrollments)) == len({row["order_id"] for row in rows(app, enrollments)})
    planned = {row["order_id"] for row in rows(app, sends) if row["state"] == "scheduled"}
    standing = {row["id"] for row in rows(app, orders) if row["state"] == "completed"}
    assert planned == standing
    assert len(standing) == 25


def test_a_batch_of_two_shops_holds_nobody_while_it_waits_for_one_of_them(app: App) -> None:
    """Ada buys in both. Another worker is busy with one shop and comes to her; this one must not hold her meanwhile."""
    order(app, "0", ADA)
    bought = shopify_order(email=ADA["email"], customer=None, created_at=MONDAY.isoformat(), updated_at=None)
    body = json.dumps(bought).encode()
    headers = sign_shopify(SHOP_SECRET, "example.myshopify.com", "w1", "orders/paid", body)
    with app.inbox_db.write() as connection:
        inbox.store(connection, [accept(app.shops["shopify"], headers, body, app.clock()) or {}])
    put_in(app, ("msg_a", an_order("1")))
    failures = list[Exception]()
    worker = Thread(target=caught, args=(failures, lambda: take_in(app)))
    with app.db.write() as connection:
        take_turns(connection, "shopify")
        worker.start()
        while worker.is_alive() and not somebody_waits(app.db):
            worker.join(0.01)
        another = app.shops["shopify"].parse("orders/paid", json.dumps({**bought, "id": 5002}).encode())
        apply(connection, "shopify", another, app.clock())
    worker.join()
    assert failures == []
    assert {row["shop_order_id"] for row in rows(app, orders)} == {"0", "1", "5001", "5002"}


def caught(failures: list[Exception], act: Any) -> None:
    """Run it, and keep what it raises for the test to see."""
    try:
        act()
    except Exception as err:  # noqa: BLE001  # the test looks
        failures.append(err)


def test_workers_take_different_webhooks_where_the_database_can_tell_them_apart(
    tmp_path: Path, newest_postgres_url: str
) -> None:
    """On PostgreSQL: what one holds, the next does not wait for."""
    with engine(tmp_path, SteppedClock(MONDAY), database_url=newest_postgres_url) as app:
        put_in(app, *((f"msg_{n}", an_order(str(n), customer(n))) for n in range(BATCH + 5)))
        with inbox.held(app.inbox_db, BATCH) as held:
            assert len(held) == BATCH
            assert take_in(app) == 5
            assert {row["topic"] for row in held} == {"order.completed"}
        assert waiting(app) == 0


def test_orders_and_their_refunds_in_two_workers_at_once_end_refunded(app: App) -> None:
    """The first batch is orders, the second their refunds; on PostgreSQL each is another worker's."""
    told = [(f"o{n}", an_order(str(n), customer(n))) for n in range(BATCH)]
    back = [json.dumps({"type": "order.refunded", "data": {"order_id": str(n)}}).encode() for n in range(BATCH)]
    put_in(app, *told, *((f"r{n}", body) for n, body in enumerate(back)))
    at_once(3, lambda: take_in(app))
    assert {row["state"] for row in rows(app, orders)} == {"refunded"}
    assert len(rows(app, orders)) == BATCH
    assert [row for row in rows(app, sends) if row["state"] == "scheduled"] == []
    assert waiting(app) == 0


def test_what_a_worker_that_failed_held_is_taken_in_by_the_next(app: App) -> None:
    put_in(app, ("msg_a", an_order("1")))
    with pytest.raises(RuntimeError), inbox.held(app.inbox_db, BATCH):
        raise RuntimeError
    assert take_in(app) == 1
    assert len(rows(app, orders)) == 1


def at_once(count: int, act: Any) -> None:
    """Run in so many threads that start together; an exception in one of them fails the test."""
    barrier, failures = Barrier(count), list[Exception]()

    def run() -> None:
        barrier.wait()
        act()

    threads = [Thread(target=caught, args=(failures, run)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_a_refund_that_came_before_its_order_is_remembered(app: App) -> None:
    """A tombstone: webhooks come in any order."""
    refund(app, "1")
    clock_of(app).step(HOUR)
    order(app, "1", ADA)
    assert [row["state"] for row in rows(app, orders)] == ["refunded"]
    assert rows(app, sends) == []


def test_a_webhook_of_a_shop_that_no_longer_exists_holds_up_nobody(app: App) -> None:
    """It waited in the inbox while a release took its shop away."""
    row = {"shop": "gone", "delivery_key": "1", "topic": "x", "body": b"{}", "headers": {}, "received_at": MONDAY}
    with app.inbox_db.write() as connection:
        connection.execute(insert(inbox_table), row)
    put_in(app, ("msg_a", an_order("1")))
    take_in(app)
    assert {row["shop"]: row["state"] for row in rows(app, events)} == {"gone": "failed", "generic": "processed"}
