"""What becomes of planned mails when their order is taken back, in part or in full, or is under complaint (T36)."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.tables import decisions
from aftercart.intake.signing import sign_generic, sign_woocommerce
from aftercart.pipeline.incoming.ingest import accept, take_in
from aftercart.pipeline.sending.send import deliver
from aftercart.testing import GENERIC_SECRET, SHOP_SECRET, engine, run_due, run_until
from tests.cast import (
    ADA,
    BIKE,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    Statements,
    campaign,
    clock_of,
    customer,
    fates,
    only_send,
    order,
    outbox,
    refund,
    rows,
    stock_up,
    tell,
    tell_shopify,
    tell_woocommerce,
)
from tests.intake.payloads import shopify_order, woo_order

DUE = MONDAY + 3 * DAY - 5 * HOUR
"""10:00 in Paris."""
QUARTER = timedelta(minutes=16)
FOR_BIKES = campaign().replace("steps:", "audience: {bought: {sku: [BIKE]}}\nsteps:")
Change = Callable[[App], Any]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A campaign of one mail, three days after the order."""
    shop = Shop(tmp_path / "shop").write(campaign(valid_for="2h"))
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        yield app


@pytest.fixture
def on_both(tmp_path: Path, database_url: str) -> Iterator[App]:
    """The same, on each kind of database in turn."""
    shop = Shop(tmp_path / "shop").write(campaign(valid_for="2h"))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        yield app


def case(app: App, news: str, case_id: str = "", order_id: str = "1", **data: Any) -> None:
    """The shop opens or closes a support case."""
    tell(app, f"order.case_{news}", {"order_id": order_id, **({"case_id": case_id} if case_id else {}), **data})


# ---------------------------------------------------------------- taken back

TAKEN_BACK: dict[str, tuple[Change, tuple[str, str]]] = {
    "refund": (lambda app: refund(app, "1"), ("canceled", "order_refunded")),
    "cancellation": (lambda app: tell(app, "order.canceled", {"order_id": "1"}), ("canceled", "order_canceled")),
    "return": (lambda app: tell(app, "order.returned", {"order_id": "1"}), ("canceled", "order_refunded")),
    "every-line-returned": (
        lambda app: tell(app, "order.returned", {"order_id": "1", "lines": [{"sku": "BIKE", "quantity": 1}]}),
        ("canceled", "order_refunded"),
    ),
    "every-line": (lambda app: refund(app, "1", "BIKE"), ("canceled", "order_refunded")),
    "all-the-money": (
        lambda app: tell(app, "order.refunded", {"order_id": "1", "amount": "900.00", "currency": "EUR"}),
        ("canceled", "order_refunded"),
    ),
}


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_an_order_taken_back_before_its_mail_is_due_cancels_it(app: App, name: str) -> None:
    change, fate = TAKEN_BACK[name]
    order(app, "1", ADA)
    change(app)
    assert fates(app) == [fate], "at once, not when it falls due"
    run_until(app, DUE)
    assert outbox(app).messages == []


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_an_order_taken_back_before_it_came_ends_the_same_way(app: App, name: str) -> None:
    """Webhooks come in any order."""
    change, _ = TAKEN_BACK[name]
    change(app)
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == []
    assert outbox(app).messages == []


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_an_order_is_looked_at_again_when_its_mail_is_sent(app: App, name: str) -> None:
    """After the dispatcher has handed it out, before a worker takes it."""
    change, fate = TAKEN_BACK[name]
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    send_id = only_send(app)["id"]
    change(app)
    deliver(app, [send_id])
    assert (fates(app), outbox(app).messages) == ([fate], [])


@pytest.mark.parametrize("status", ["pending", "on-hold", "cancelled", "failed", "trash", "refunded"])
@pytest.mark.parametrize("first", ["processing", "completed"])
def test_every_status_that_an_order_may_fall_to_stops_its_mail(app: App, first: str, status: str) -> None:
    """T36: a request went out seven days later although the order had left `completed`."""
    shown = woo_order(meta_data=[{"id": 1, "key": "accepts_marketing", "value": "yes"}], status=first)
    clock_of(app).move_to(MONDAY + DAY)
    tell_woocommerce(app, "order.created", {**shown, **seen(app)})
    clock_of(app).step(HOUR)
    tell_woocommerce(app, "order.updated", {**shown, **seen(app), "status": status})
    run_until(app, MONDAY + 5 * DAY)
    assert outbox(app).messages == []
    assert all(state in ("canceled", "skipped") for state, _ in fates(app))


def seen(app: App) -> dict[str, str]:
    """The dates of a WooCommerce order that was placed an hour before Tuesday, as of now."""
    placed, now = ("2026-03-03T13:00:00", f"{app.clock():%Y-%m-%dT%H:%M:%S}")
    return {"date_created_gmt": placed, "date_paid_gmt": placed, "date_modified_gmt": now}


# ---------------------------------------------------------------- in part


def test_what_came_back_is_no_reason_for_a_mail_and_what_is_left_is(app: App) -> None:
    order(app, "1", ADA, [BIKE, HELMET])
    refund(app, "1", "BIKE")
    run_until(app, DUE)
    (mail,) = outbox(app).messages
    assert "Helmet" in mail.html
    assert "Road bike" not in mail.html


@pytest.mark.parametrize(
    ("back", "fate"),
    [("BIKE", ("canceled", "items_returned")), ("HELMET", ("sent", "sent"))],
    ids=["its subject", "something else"],
)
def test_only_mails_about_what_came_back_are_canceled(tmp_path: Path, back: str, fate: tuple[str, str]) -> None:
    """A campaign for people who bought a bike has nothing to say to somebody who has sent it back."""
    shop = Shop(tmp_path / "shop").write(FOR_BIKES)
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        stock_up(app, ("BIKE", "HELMET"))
        order(app, "1", ADA, [BIKE, HELMET])
        refund(app, "1", back)
        run_until(app, DUE)
        assert fates(app) == [fate]


# ---------------------------------------------------------------- under complaint


def test_mails_wait_while_a_case_is_open_and_go_on_when_it_is_closed(on_both: App) -> None:
    app = on_both
    order(app, "1", ADA)
    case(app, "opened")
    run_until(app, DUE + HOUR)
    assert fates(app) == [("scheduled", "case_open")]
    waits = [row for row in rows(app, decisions) if row["reason"] == "case_open"]
    assert len(waits) == 1, "one decision, however often it asks"
    case(app, "closed")
    run_until(app, DUE + HOUR + QUARTER)
    assert fates(app) == [("sent", "sent")]


def test_a_mail_that_a_case_holds_too_long_expires_and_says_why(app: App) -> None:
    order(app, "1", ADA)
    case(app, "opened")
    run_until(app, DUE + 2 * HOUR)
    assert fates(app) == [("skipped", "expired")]
    assert rows(app, decisions)[-1]["inputs"]["because"] == "case_open"


def test_a_case_holds_its_own_order_alone(app: App) -> None:
    order(app, "1", customer(1))
    order(app, "2", customer(2))
    case(app, "opened", order_id="1")
    run_until(app, DUE)
    assert sorted(fates(app)) == [("scheduled", "case_open"), ("sent", "sent")]


@pytest.mark.parametrize(
    ("news", "is_sent"),
    [
        ([("opened", "", 0), ("closed", "", 1)], True),
        ([("closed", "", 1), ("opened", "", 0)], True),
        ([("opened", "", 0), ("closed", "", 0)], True),
        ([("opened", "", 0), ("closed", "", 1), ("opened", "", 2)], False),
        ([("opened", "a", 0), ("opened", "b", 0), ("closed", "a", 1)], False),
        ([("opened", "a", 0), ("opened", "b", 0), ("closed", "a", 1), ("closed", "b", 1)], True),
        ([("closed", "", 0)], True),
    ],
    ids=["closed", "out of order", "same second", "opened again", "one of two", "both", "never opened"],
)
def test_the_newest_word_about_each_case_holds(app: App, news: list[tuple[str, str, int]], is_sent: bool) -> None:
    """Also before the order itself has come."""
    for word, case_id, minute in news:
        case(app, word, case_id, at=(MONDAY + timedelta(minutes=minute)).isoformat())
    order(app, "1", ADA)
    run_until(app, DUE)
    assert bool(outbox(app).messages) is is_sent


def test_a_case_stops_what_was_handed_out_already(app: App) -> None:
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    case(app, "opened")
    deliver(app, [only_send(app)["id"]])
    assert fates(app) == [("scheduled", "case_open")]


@pytest.mark.parametrize("ends", ["close", "decline", "cancel"])
def test_a_return_that_is_open_in_shopify_holds_mails_until_it_is_over(app: App, ends: str) -> None:
    now = app.clock().isoformat()
    tell_shopify(app, "orders/paid", shopify_order(buyer_accepts_marketing=True, created_at=now, updated_at=now))
    due = only_send(app)["due_at"]
    back = {"id": 17, "status": "open", "order": {"id": shopify_order()["id"]}, "return_line_items": []}
    tell_shopify(app, "returns/request", back)
    tell_shopify(app, "returns/approve", {**back, "id": 18})
    run_until(app, due)
    assert fates(app) == [("scheduled", "case_open")]
    tell_shopify(app, "returns/close", {**back, "id": 18})
    run_until(app, due + QUARTER)
    assert fates(app) == [("scheduled", "case_open")], "the other is open still"
    tell_shopify(app, f"returns/{ends}", back)
    run_until(app, due + 2 * QUARTER)
    assert fates(app) == [("sent", "sent")]


def waiting(app: App, shop: str, headers: dict[str, str], body: bytes) -> None:
    """A webhook that comes in now, and that no worker has got to yet; an hour passes."""
    row = accept(app.shops[shop], headers, body, app.clock())
    with app.inbox_db.write() as connection:
        inbox.store(connection, [row] if row else [])
    clock_of(app).step(HOUR)


def case_waiting(app: App, news: str, **data: Any) -> None:
    body = json.dumps({"type": f"order.case_{news}", "data": {"order_id": "1", **data}}).encode()
    waiting(app, "generic", sign_generic(GENERIC_SECRET, f"{news} at {app.clock()}", body, app.clock()), body)


def woo_waiting(app: App, topic: str, content: Mapping[str, Any]) -> None:
    body = json.dumps(content).encode()
    waiting(app, "woocommerce", sign_woocommerce(SHOP_SECRET, "https://www.example.com", "7", topic, body), body)


def test_a_case_without_a_time_is_opened_when_its_webhook_comes_and_not_when_a_worker_gets_to_it(app: App) -> None:
    order(app, "1", ADA)
    case_waiting(app, "opened")
    case_waiting(app, "closed", at=app.clock().isoformat())
    take_in(app)
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent")]


def test_a_case_that_is_opened_again_while_all_of_it_waits_is_open(app: App) -> None:
    order(app, "1", ADA)
    for news in ("opened", "closed", "opened"):
        case_waiting(app, news)
    take_in(app)
    run_until(app, DUE)
    assert fates(app) == [("scheduled", "case_open")]


def test_an_order_that_is_deleted_and_restored_while_both_wait_stands(app: App) -> None:
    """WooCommerce does not say when it was deleted."""
    bought = {"date_created_gmt": "2026-03-02T14:00:00", "meta_data": [{"key": "accepts_marketing", "value": "yes"}]}
    woo_waiting(app, "order.created", woo_order(**bought, date_modified_gmt="2026-03-02T14:00:00"))
    woo_waiting(app, "order.deleted", {"id": woo_order()["id"]})
    woo_waiting(app, "order.restored", woo_order(**bought, date_modified_gmt="2026-03-02T16:00:00"))
    take_in(app)
    assert fates(app) == [("scheduled", None)]


def test_cases_cost_no_query_for_each_mail(app: App) -> None:
    counted = []
    for number in (1, 6):
        for n in range(number):
            order(app, f"{number}-{n}", customer(number * 10 + n))
            case(app, "opened", order_id=f"{number}-{n}")
        clock_of(app).step(4 * DAY)
        with Statements(app.db) as statements:
            run_due(app)
        counted.append(len([text for text in statements if "order_notes" in text]))
    assert counted[0] == counted[1]
