"""Which orders enter a campaign, and when their mails are planned; told from outside, on each kind of database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.db.tables import campaign_versions, decisions, enrollments, order_reversals, sends
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.sending.send import deliver
from aftercart.testing import run_due, run_until
from tests.cast import (
    ADA,
    BIKE,
    CHIKA,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    clock_of,
    fates,
    order,
    refund,
    rows,
    tell,
    tell_shopify,
    tell_woocommerce,
)
from tests.intake.payloads import shopify_line, shopify_order, shopify_refund, woo_order
from tests.pipeline.conftest import Open

SECOND = '  - {id: second, after: 5d, at: "10:00", valid_for: 3d, template: plain}'


def reasons(app: App) -> list[str]:
    return [row["reason"] for row in rows(app, decisions)]


def of_monday(**changes: Any) -> dict[str, Any]:
    """An order of Shopify's that was placed and paid now."""
    return shopify_order(created_at=MONDAY.isoformat(), updated_at=MONDAY.isoformat(), **changes)


def test_each_step_is_planned_and_an_earlier_one_is_worth_nothing_once_the_next_is_due(
    open_app: Open, shop: Shop
) -> None:
    shop.write(campaign(more_steps=SECOND))
    app = open_app()
    order(app, "1", CHIKA)
    first, second = sorted(rows(app, sends), key=lambda row: row["due_at"])
    assert first["due_at"] == datetime(2026, 3, 5, 1, tzinfo=UTC)  # 10:00 in Tokyo
    assert first["valid_until"] == second["due_at"] == datetime(2026, 3, 7, 1, tzinfo=UTC)
    (kept,) = rows(app, campaign_versions)
    assert kept["version"] == first["config_version"] == rows(app, enrollments)[0]["campaign_version"]


def test_an_enrollment_is_active_until_its_last_mail_has_ended(open_app: Open, shop: Shop) -> None:
    """T34"""
    shop.write(campaign(more_steps=SECOND))
    app = open_app()
    order(app, "1", ADA)
    run_until(app, MONDAY + 4 * DAY)
    assert [row["state"] for row in rows(app, enrollments)] == ["active"]
    run_until(app, MONDAY + 6 * DAY)
    assert [row["state"] for row in rows(app, enrollments)] == ["completed"]
    assert fates(app) == [("sent", "sent")] * 2


def test_a_refund_takes_back_what_is_still_planned_and_nothing_else(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(more_steps=SECOND))
    app = open_app()
    order(app, "1", ADA)
    run_until(app, MONDAY + 4 * DAY)
    refund(app, "1")
    assert sorted(fates(app)) == [("canceled", "order_refunded"), ("sent", "sent")]
    (ended,) = rows(app, enrollments)
    assert (ended["state"], ended["exit_reason"], ended["ended_at"]) == ("exited", "order_refunded", app.clock())


KEPT, TAKEN_BACK = ("scheduled", None), ("canceled", "order_refunded")


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ({}, TAKEN_BACK),
        ({"amount": "900.00"}, TAKEN_BACK),
        ({"amount": "10.00"}, KEPT),
        ({"lines": [{"sku": "BIKE"}]}, TAKEN_BACK),
        ({"lines": [{"sku": "BIKE", "quantity": 0, "amount": "10.00"}]}, KEPT),
        ({"lines": [{"sku": "BIKE", "quantity": 0, "amount": "900.00"}]}, TAKEN_BACK),
    ],
)
def test_money_back_for_goods_that_are_kept_leaves_the_mail_unless_it_is_all_of_it(
    open_app: Open, told: dict[str, Any], fate: tuple[str, str | None]
) -> None:
    app = open_app()
    order(app, "1", ADA, [BIKE])
    tell(app, "order.refunded", {"order_id": "1", "currency": "EUR", **told})
    assert fates(app) == [fate]


def test_a_part_refunded_in_another_currency_leaves_the_mail(open_app: Open) -> None:
    app = open_app()
    order(app, "1", ADA, [{**BIKE, "unit_price": "360"}, {**HELMET, "unit_price": "40"}], currency="USD")
    back = {"sku": "HELMET", "quantity": 1, "amount": "50000"}
    tell(app, "order.refunded", {"order_id": "1", "currency": "KRW", "lines": [back]})
    assert fates(app) == [("scheduled", None)]


@pytest.mark.parametrize("topic", ["orders/updated", "refunds/create"])
def test_a_part_refunded_in_the_buyers_own_currency_leaves_the_mail(open_app: Open, topic: str) -> None:
    """Shopify pays back in the currency that the buyer paid in, and reckons in that of the shop."""
    app = open_app()
    lines = [shopify_line(1, price="60.00"), shopify_line(2, price="40.00")]
    bought = of_monday(currency="USD", total_price="100.00", line_items=lines)
    tell_shopify(app, "orders/paid", bought)
    part = {"id": 72, "quantity": 1, "subtotal": 40.00, "restock_type": "no_restock", "line_item": lines[1]}
    paid_back = {"kind": "refund", "status": "success", "amount": "52000", "currency": "KRW"}
    back = shopify_refund(refund_line_items=[part], transactions=[paid_back])
    later = {"refunds": [back], "updated_at": (MONDAY + DAY).isoformat(), "financial_status": "partially_refunded"}
    tell_shopify(app, topic, {**bought, **later} if topic == "orders/updated" else back)
    assert fates(app) == [("scheduled", None)]
    assert rows(app, order_reversals)[0]["sku"] == "SKU-2"


def test_somebody_who_agrees_after_a_no_is_mailed_though_the_shops_clock_is_ahead(open_app: Open) -> None:
    app = open_app()
    order(app, "1", {**ADA, "accepts_marketing": False})
    clock_of(app).step(timedelta(minutes=1))
    said_at = (app.clock() + timedelta(seconds=3)).isoformat()
    tell(app, "customer.updated", {"id": "1", "email": ADA["email"], "accepts_marketing": True, "consent_at": said_at})
    run_until(app, MONDAY + 4 * DAY)
    assert fates(app) == [("sent", "sent")]


def test_a_canceled_order_exits(open_app: Open) -> None:
    app = open_app()
    order(app, "1", ADA)
    tell(app, "order.canceled", {"order_id": "1"})
    assert fates(app) == [("canceled", "order_canceled")]


def test_an_order_that_shopify_deletes_ends_like_a_canceled_one(open_app: Open) -> None:
    """Its body is the id alone."""
    app = open_app()
    tell_shopify(app, "orders/paid", of_monday())
    clock_of(app).step(DAY)
    tell_shopify(app, "orders/delete", {"id": 5001})
    assert fates(app) == [("canceled", "order_canceled")]
    tell_shopify(app, "orders/updated", of_monday(note="a late webhook"))
    assert fates(app) == [("canceled", "order_canceled")]


@pytest.mark.parametrize("status", ["cancelled", "refunded", "trash"])
def test_an_order_that_was_taken_back_by_mistake_goes_on(open_app: Open, status: str) -> None:
    """Somebody clicks the wrong status and sets it right."""
    app = open_app()
    placed = {"date_created_gmt": MONDAY.isoformat(), "meta_data": [{"key": "accepts_marketing", "value": "yes"}]}
    woo_paid(app, **placed)
    for _ in range(2):
        clock_of(app).step(HOUR)
        woo_paid(app, **placed, status=status)
        assert fates(app)[0][0] == rows(app, sends)[0]["state"] == "canceled"
        clock_of(app).step(HOUR)
        woo_paid(app, **placed)
    (enrolled,) = rows(app, enrollments)
    assert (enrolled["state"], enrolled["exit_reason"], enrolled["ended_at"]) == ("active", None, None)
    run_until(app, MONDAY + 4 * DAY)
    assert fates(app) == [("sent", "sent")]
    assert reasons(app)[2::2][:2] == ["enrolled"] * 2


def test_an_order_that_is_restored_too_late_stays_out(open_app: Open, shop: Shop) -> None:
    """Only what is still worth sending is planned again."""
    shop.write(campaign(more_steps=SECOND))
    app = open_app()
    woo_paid(app, date_created_gmt=MONDAY.isoformat())
    woo_paid(app, date_created_gmt=MONDAY.isoformat(), status="cancelled", customer_note="sorry")
    clock_of(app).move_to(MONDAY + 5 * DAY)
    woo_paid(app, date_created_gmt=MONDAY.isoformat())
    assert sorted(fates(app)) == [("canceled", "order_canceled"), ("scheduled", None)]
    woo_paid(app, date_created_gmt=MONDAY.isoformat(), status="cancelled")
    clock_of(app).move_to(MONDAY + 30 * DAY)
    woo_paid(app, date_created_gmt=MONDAY.isoformat())
    assert sorted(fates(app)) == [("canceled", "order_canceled")] * 2
    assert [row["state"] for row in rows(app, enrollments)] == ["exited"]


@pytest.mark.parametrize(("paid_again", "fate"), [(True, ("sent", "sent")), (False, ("skipped", "expired"))])
def test_an_order_whose_payment_falls_through_waits_for_it(open_app: Open, paid_again: bool, fate: Any) -> None:
    app = open_app()
    placed = {"date_created_gmt": MONDAY.isoformat(), "meta_data": [{"key": "accepts_marketing", "value": "yes"}]}
    woo_paid(app, **placed)
    clock_of(app).step(HOUR)
    woo_paid(app, **placed, status="on-hold")
    run_until(app, MONDAY + 2 * DAY + 20 * HOUR)  # an hour after its time
    assert fates(app) == [("scheduled", "order_not_completed")]
    if paid_again:
        woo_paid(app, **placed)
        run_until(app, MONDAY + 5 * DAY)
    else:
        clock_of(app).move_to(MONDAY + 14 * DAY)
        run_due(app)
    assert fates(app) == [fate]


def test_two_campaigns_each_take_the_order_once(open_app: Open, shop: Shop) -> None:
    shop.write(campaign("one"), campaign("two"))
    app = open_app()
    for _ in range(3):
        order(app, "1", ADA)
    assert sorted(row["campaign"] for row in rows(app, enrollments)) == ["one", "two"]


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(days=13, hours=23), "enrolled"),
        (timedelta(days=14, seconds=1), "order_too_old"),
        (-timedelta(days=2), "order_in_future"),
    ],
)
def test_only_orders_of_these_days_start_anything(open_app: Open, age: timedelta, reason: str) -> None:
    app = open_app()
    then = (MONDAY - age).isoformat()
    order(app, "1", ADA, placed_at=then, completed_at=then)
    assert reasons(app) == [reason]


def shopify_paid(app: App, **changes: Any) -> None:
    """Shopify shows a paid order that somebody touched now."""
    tell_shopify(app, "orders/updated", shopify_order(updated_at=app.clock().isoformat(), tags="vip", **changes))


def woo_paid(app: App, **changes: Any) -> None:
    """WooCommerce shows a paid order that somebody touched now."""
    now = app.clock().isoformat()
    tell_woocommerce(app, "order.updated", woo_order(date_modified_gmt=now, **{"date_paid_gmt": None, **changes}))


LONG_AGO = (MONDAY - 730 * DAY).isoformat()
OLD: dict[str, Callable[[App], None]] = {
    "shopify": lambda app: shopify_paid(app, created_at=LONG_AGO),
    "shopify, moved there today": lambda app: shopify_paid(app, created_at=MONDAY.isoformat(), processed_at=LONG_AGO),
    "woocommerce": lambda app: woo_paid(app, date_created_gmt=LONG_AGO),
    "woocommerce, sent today": lambda app: woo_paid(
        app, status="completed", date_created_gmt=LONG_AGO, date_completed_gmt=MONDAY.isoformat()
    ),
    "generic": lambda app: order(app, "1", ADA, placed_at=LONG_AGO),
    "generic, updated": lambda app: order(app, "1", ADA, placed_at=LONG_AGO, updated_at=MONDAY.isoformat()),
}
"""An order of two years ago that is told to us today for the first time."""


@pytest.mark.parametrize("told", OLD.values(), ids=OLD)
def test_an_old_order_that_somebody_touches_starts_nothing(open_app: Open, told: Callable[[App], None]) -> None:
    app = open_app()
    told(app)
    assert reasons(app) == ["order_too_old"]
    assert rows(app, sends) == []


def test_an_old_order_that_the_shop_says_was_paid_now_starts_now(open_app: Open) -> None:
    app = open_app()
    order(app, "1", ADA, placed_at=LONG_AGO, completed_at=MONDAY.isoformat())
    woo_paid(app, date_created_gmt=LONG_AGO, date_paid_gmt=MONDAY.isoformat())
    assert reasons(app) == ["enrolled"] * 2
    assert {row["due_at"].date() for row in rows(app, sends)} == {(MONDAY + 3 * DAY).date()}


@pytest.mark.parametrize(
    ("unpaid", "paid"),
    [
        (
            lambda app: shopify_paid(app, created_at=MONDAY.isoformat(), financial_status="pending"),
            lambda app: shopify_paid(app, created_at=MONDAY.isoformat()),
        ),
        (
            lambda app: woo_paid(app, date_created_gmt=MONDAY.isoformat(), status="on-hold"),
            lambda app: woo_paid(app, date_created_gmt=MONDAY.isoformat()),
        ),
    ],
    ids=["shopify", "woocommerce"],
)
def test_an_order_that_was_shown_unpaid_counts_from_when_it_is_shown_paid(
    open_app: Open, unpaid: Callable[[App], None], paid: Callable[[App], None]
) -> None:
    """Somebody takes three weeks to pay their bill, and the shop dates no payment."""
    app = open_app()
    unpaid(app)
    clock_of(app).step(21 * DAY)
    paid(app)
    (planned,) = rows(app, sends)
    assert planned["due_at"].date() == (MONDAY + 24 * DAY).date()


@pytest.mark.parametrize(("days", "reason"), [(1, "order_too_old"), (30, "enrolled")])
def test_how_old_an_order_may_be_is_set(open_app: Open, days: int, reason: str) -> None:
    app = open_app(max_order_age_days=days)
    order(app, "1", ADA, placed_at=(MONDAY - 20 * DAY).isoformat())
    assert reasons(app) == [reason]


def test_a_refusal_is_recorded_once_however_often_the_shop_repeats_itself(open_app: Open, shop: Shop) -> None:
    """T19"""
    shop.write(campaign().replace("steps:", "audience: {bought: {sku: [HELMET]}}\nsteps:"))
    app = open_app()
    for title in ("Road bike", "Road bike, blue", "Road bike, red"):
        clock_of(app).step(timedelta(minutes=1))
        order(app, "1", ADA, [{**BIKE, "title": title}])
    assert reasons(app) == ["not_in_audience"]


def test_an_order_that_is_not_paid_says_so_once_and_enters_when_it_is(open_app: Open, shop: Shop) -> None:
    shop.write(campaign("one"), campaign("two"))
    app = open_app()
    for note in ("", "call me", "please"):
        clock_of(app).step(timedelta(minutes=1))
        woo_paid(app, date_created_gmt=MONDAY.isoformat(), status="on-hold", customer_note=note)
    assert reasons(app) == ["order_not_completed"] * 2
    assert {row["campaign"] for row in rows(app, decisions)} == {"one", "two"}
    clock_of(app).step(timedelta(minutes=1))
    woo_paid(app, date_created_gmt=MONDAY.isoformat())
    assert reasons(app) == ["order_not_completed"] * 2 + ["enrolled"] * 2


def test_an_order_that_only_tried_the_checkout_mails_nobody(open_app: Open) -> None:
    """Shopify's test gateway takes any address."""
    app = open_app()
    tell_shopify(app, "orders/paid", of_monday(test=True))
    assert (reasons(app), rows(app, sends)) == (["test_order"], [])
    tell_shopify(app, "orders/paid", of_monday(id=5002, test=False))
    assert reasons(app) == ["test_order", "enrolled"]


def test_an_order_that_comes_to_fit_later_enters_then(open_app: Open, shop: Shop) -> None:
    shop.write(campaign().replace("steps:", "audience: {bought: {sku: [HELMET]}}\nsteps:"))
    app = open_app()
    order(app, "1", ADA, [BIKE])
    clock_of(app).step(timedelta(minutes=1))
    order(app, "1", ADA, [BIKE, HELMET])
    assert reasons(app) == ["not_in_audience", "enrolled"]


def test_an_order_whose_customer_tells_their_address_later_enters_then(open_app: Open) -> None:
    app = open_app()
    order(app, "1", {"id": "1"})
    clock_of(app).step(HOUR)
    tell(app, "customer.updated", ADA)
    assert reasons(app) == ["no_email", "enrolled"]
    run_until(app, MONDAY + 4 * DAY)
    assert fates(app) == [("sent", "sent")]


def test_a_paused_campaign_takes_nobody(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(status="paused"))
    app = open_app()
    order(app, "1", ADA)
    assert reasons(app) == ["campaign_paused"]
    assert rows(app, enrollments) == []


def test_a_claimed_mail_whose_order_gets_another_address_is_decided_anew(open_app: Open) -> None:
    """The claim was for somebody else's consent and slot."""
    app = open_app()
    order(app, "1", {**ADA, "id": None, "email": "typo@example.com"})
    clock_of(app).move_to(MONDAY + 4 * DAY)
    (planned,) = rows(app, sends)

    class Correcting:
        name = "recording"

        def send_batch(self, messages: Any, go: Any) -> Any:
            order(app, "1", {**ADA, "id": None}, placed_at=MONDAY.isoformat())
            return app.sender.send_batch(messages, go)

        def close(self) -> None: ...

    deliver(replace(app, sender=Correcting()), [planned["id"]])
    assert rows(app, sends)[0]["state"] == "scheduled"
    assert dispatch(app) == 1
    run_until(app, MONDAY + 5 * DAY)
    assert [mail.recipient for mail in app.sender.messages] == ["ada@example.com"]  # type: ignore[attr-defined]
