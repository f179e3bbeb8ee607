"""A review is asked for after delivery, never after a refund or return, and once for each product and person."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.campaigns.live import LiveCampaigns
from aftercart.clock import SteppedClock
from aftercart.db.tables import decisions, enrollments, sends
from aftercart.delivery.base import Outcome
from aftercart.testing import engine, run_due, run_until
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
    fates,
    only_send,
    order,
    outbox,
    rows,
    tell,
    tell_shopify,
    tell_woocommerce,
)
from tests.intake.payloads import shopify_order, woo_order

REVIEW = campaign("reviews", after="7d", at="null", quiet="null").replace("order.completed", "order.delivered")
ASKS = REVIEW.replace("template: plain", "template: plain, asks_review: true")
ARRIVED = MONDAY + 2 * DAY
DUE = ARRIVED + 7 * DAY


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    shop = Shop(tmp_path / "shop").write(ASKS)
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        yield app


def delivered(app: App, order_id: str = "1", **changes: Any) -> None:
    tell(app, "order.delivered", {"order_id": order_id, "delivered_at": app.clock().isoformat(), **changes})


def ordered_and_arrived(app: App, order_id: str = "1", *lines: dict[str, Any]) -> None:
    """Ada orders; it arrives two days later."""
    order(app, order_id, ADA, lines or [BIKE, HELMET])
    clock_of(app).step(2 * DAY)
    delivered(app, order_id)


# ---------------------------------------------------------------- after delivery


def test_nothing_is_planned_before_the_order_has_arrived(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, MONDAY + 30 * DAY)
    assert rows(app, sends) == []
    assert [row["reason"] for row in rows(app, decisions)] == ["not_delivered"]


def test_the_delay_counts_from_the_delivery(app: App) -> None:
    ordered_and_arrived(app)
    assert only_send(app)["due_at"] == DUE
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent")]


def test_a_delivery_that_is_told_before_its_order_is_found_by_it(app: App) -> None:
    delivered(app, delivered_at=ARRIVED.isoformat())
    order(app, "1", ADA)
    assert only_send(app)["due_at"] == DUE


def test_the_first_word_of_a_delivery_counts(app: App) -> None:
    """An order that its shop edits a month later does not arrive again: not even with a day to come."""
    ordered_and_arrived(app)
    clock_of(app).step(3 * DAY)
    delivered(app, delivered_at=(DUE + DAY).isoformat())
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent")]
    assert len(rows(app, enrollments)) == 1


def test_the_first_word_of_a_delivery_counts_also_where_the_order_comes_last(app: App) -> None:
    for day in (2, 4, 3):
        delivered(app, delivered_at=(MONDAY + day * DAY).isoformat())
    order(app, "1", ADA)
    assert only_send(app)["due_at"] == DUE


def test_an_order_that_was_long_on_its_way_is_not_too_old(app: App) -> None:
    order(app, "1", ADA)
    clock_of(app).step(40 * DAY)
    delivered(app)
    assert len(rows(app, sends)) == 1


def test_a_delivery_that_is_told_for_a_day_to_come_is_waited_for(app: App) -> None:
    order(app, "1", ADA)
    delivered(app, delivered_at=(MONDAY + 5 * DAY).isoformat())
    assert only_send(app)["due_at"] == MONDAY + 12 * DAY


def test_a_mail_that_was_planned_from_the_payment_waits_for_the_delivery_once_its_campaign_does(
    tmp_path: Path, database_url: str
) -> None:
    """What is asked when a mail is due holds for planned mails too; how it was planned stays."""
    shop = Shop(tmp_path / "shop").write(campaign("reviews", after="72h", at="null", quiet="null"))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as opened:
        live = LiveCampaigns(opened.settings.campaigns_dir, opened.settings.templates_dir, look_again_s=0)
        app = replace(opened, live_campaigns=live)
        order(app, "1", ADA)
        shop.write(ASKS)
        run_until(app, MONDAY + 3 * DAY + HOUR)
        assert fates(app) == [("scheduled", "not_delivered")]
        delivered(app)
        run_until(app, MONDAY + 3 * DAY + 2 * HOUR)
        assert fates(app) == [("sent", "sent")]


# ---------------------------------------------------------------- what the shops say


def parcel(word: str, at: str = "2026-03-04T10:00:00Z", **changes: Any) -> dict[str, Any]:
    return {"id": 1, "status": "success", "shipment_status": word, "updated_at": at, **changes}


@pytest.mark.parametrize(
    ("whole", "parcels", "arrived"),
    [
        ("fulfilled", [parcel("delivered")], "2026-03-04T10:00"),
        ("fulfilled", [parcel("delivered"), parcel("delivered", "2026-03-05T10:00:00Z")], "2026-03-05T10:00"),
        ("fulfilled", [parcel("delivered"), parcel("lost", status="cancelled")], "2026-03-04T10:00"),
        ("fulfilled", [parcel("delivered"), parcel("in_transit")], None),
        ("partial", [parcel("delivered")], None),
        ("fulfilled", [parcel("out_for_delivery")], None),
        ("fulfilled", [], None),
    ],
)
def test_shopify_tells_of_every_parcel(
    app: App, whole: str, parcels: list[dict[str, Any]], arrived: str | None
) -> None:
    """Only once all was sent and all of that has arrived."""
    tell_shopify(app, "orders/updated", shopify_order(fulfillment_status=whole, fulfillments=parcels))
    due = [f"{row['due_at'] - 7 * DAY:%Y-%m-%dT%H:%M}" for row in rows(app, sends)]
    assert due == ([arrived] if arrived else [])


@pytest.mark.parametrize(("status", "planned"), [("delivered", 1), ("wc-delivered", 1), ("completed", 0)])
def test_woocommerce_tells_it_by_the_status_that_parcel_plugins_add(app: App, status: str, planned: int) -> None:
    clock_of(app).move_to(MONDAY + DAY)
    modified = {"date_modified_gmt": "2026-03-03T10:00:00", "date_paid_gmt": "2026-03-02T10:00:00"}
    tell_woocommerce(app, "order.updated", woo_order(status=status, date_created_gmt="2026-03-02T10:00:00", **modified))
    assert len(rows(app, sends)) == planned


# ---------------------------------------------------------------- never after a refund or return

CHANGES: dict[str, tuple[str, dict[str, Any], str]] = {
    "refunded": ("order.refunded", {}, "order_refunded"),
    "canceled": ("order.canceled", {}, "order_canceled"),
    "a line sent back": ("order.refunded", {"lines": [{"sku": "HELMET", "quantity": 1}]}, "came_back"),
    "a line returned": ("order.returned", {"lines": [{"sku": "HELMET", "quantity": 1}]}, "came_back"),
    "money for one line": (
        "order.refunded",
        {"lines": [{"sku": "HELMET", "quantity": 0, "amount": "5"}], "currency": "EUR"},
        "came_back",
    ),
    "a goodwill": ("order.refunded", {"amount": "5", "currency": "EUR"}, "came_back"),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("before", [timedelta(days=6), timedelta(0)], ids=["days before", "as it is due"])
def test_whatever_is_taken_back_before_it_is_due_cancels_it(app: App, what: str, before: timedelta) -> None:
    """T36: every change of the order before it is due; looked at again when it is sent."""
    type_, data, reason = CHANGES[what]
    ordered_and_arrived(app)
    clock_of(app).move_to(DUE - before)
    tell(app, type_, {"order_id": "1", **data})
    run_until(app, DUE + HOUR)
    assert fates(app) == [("canceled", reason)]
    assert outbox(app).messages == []


def test_while_a_case_is_open_nobody_is_asked(app: App) -> None:
    """T36"""
    ordered_and_arrived(app)
    tell(app, "order.case_opened", {"order_id": "1"})
    run_until(app, DUE + HOUR)
    assert fates(app) == [("scheduled", "case_open")]


# ---------------------------------------------------------------- once


def test_the_mail_is_about_products_that_its_reader_was_not_asked_about(app: App) -> None:
    ordered_and_arrived(app, "1", BIKE)
    run_until(app, DUE)
    ordered_and_arrived(app, "2", BIKE, HELMET)
    run_until(app, clock_of(app)() + 8 * DAY)
    first, second = (mail.text for mail in outbox(app).messages)
    assert "Road bike" in first
    assert ("Helmet" in second, "Road bike" in second) == (True, False)


def test_who_was_asked_about_all_of_it_is_not_asked_again(app: App) -> None:
    ordered_and_arrived(app, "1", BIKE)
    run_until(app, DUE)
    ordered_and_arrived(app, "2", BIKE)
    run_until(app, clock_of(app)() + 8 * DAY)
    assert fates(app) == [("sent", "sent"), ("skipped", "asked_before")]


def test_nor_where_two_orders_fall_due_at_once(app: App) -> None:
    order(app, "1", ADA, [BIKE])
    order(app, "2", ADA, [BIKE])
    clock_of(app).step(2 * DAY)
    delivered(app, "1")
    delivered(app, "2")
    run_until(app, DUE + HOUR)
    assert sorted(fates(app)) == [("sent", "sent"), ("skipped", "asked_before")]


def test_a_mail_that_nobody_took_has_asked_nothing(app: App) -> None:
    outbox(app).answers = {"ada@example.com": [answer(Outcome.REJECTED)]}
    ordered_and_arrived(app, "1", BIKE)
    run_until(app, DUE)
    ordered_and_arrived(app, "2", BIKE)
    run_until(app, clock_of(app)() + 8 * DAY)
    assert [state for state, _ in fates(app)] == ["failed", "sent"]


def test_a_mail_that_is_tried_again_asks_about_the_same(app: App) -> None:
    outbox(app).answers = {"ada@example.com": [answer(Outcome.DEFERRED)]}
    ordered_and_arrived(app)
    run_until(app, DUE + 3 * HOUR)
    run_due(app)
    assert fates(app) == [("sent", "sent")]
