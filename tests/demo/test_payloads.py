"""Every webhook of the demo is one that the real doors accept and understand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aftercart.consent.statement import ConsentState
from aftercart.demo import bike_shop
from aftercart.demo.payloads import SHOPIFY_SHARE, Secrets, customer_webhook, door_of, order_webhook, shopify_id
from aftercart.demo.shop import Customer, DemoShop, Line, Order
from aftercart.intake.base import Delivery
from aftercart.intake.changes import CustomerSeen, OrderSeen, OrderState
from aftercart.intake.shops import open_shops

SECRETS = Secrets(generic="whsec_" + "QUJD" * 8, shopify="a secret of the demo")
SHOPS = open_shops(generic=SECRETS.generic, shopify=SECRETS.shopify)
NOW = datetime(2026, 5, 28, 9, tzinfo=UTC)
ADA = Customer("77", "ada@example.com", "Ada", "fr-FR", "Europe/Paris", "FR", opted_in=True)


@pytest.fixture(scope="module")
def shop() -> DemoShop:
    return bike_shop.generate(people=400)


def _person(door: str, **changes: object) -> Customer:
    """Ada, under an address whose mails come through that door."""
    addresses = (replace(ADA, email=f"ada{n}@example.com", **changes) for n in range(100))  # type: ignore[arg-type]
    return next(customer for customer in addresses if door_of(customer) == door)


def _seen(shop: DemoShop, order: Order) -> OrderSeen:
    webhook = order_webhook(shop, order, SECRETS, NOW)
    delivery = SHOPS[webhook.shop].accept(webhook.headers, webhook.body, NOW)
    assert isinstance(delivery, Delivery)
    (change,) = SHOPS[webhook.shop].parse(delivery.topic, delivery.body)
    assert isinstance(change, OrderSeen)
    assert change.shop_order_id == webhook.order_id
    return change


def test_every_order_of_the_last_week_is_accepted_and_read_as_it_was(shop: DemoShop) -> None:
    for order in shop.last_week:
        seen = _seen(shop, order).order
        assert seen.state is OrderState.COMPLETED
        assert (seen.total_minor, seen.currency, seen.placed_at) == (order.total_minor, "EUR", order.placed_at)
        assert [(line.sku, line.quantity, line.unit_price_minor) for line in seen.lines] == [
            (line.sku, line.quantity, line.unit_price_minor) for line in order.lines
        ]
        assert seen.buyer
        assert seen.buyer.email == order.customer.email
        assert seen.buyer.first_name == order.customer.first_name
        assert seen.country == order.customer.country


@pytest.mark.parametrize("door", ["generic", "shopify"])
@pytest.mark.parametrize(("opted_in", "agreed"), [(True, True), (False, False)])
def test_only_who_agreed_may_be_mailed(shop: DemoShop, door: str, opted_in: bool, agreed: bool) -> None:
    order = Order("1", _person(door, opted_in=opted_in), NOW, "EUR", (Line("X", 1, 100),))
    buyer = _seen(shop, order).order.buyer
    assert buyer
    assert (buyer.consent is not None and buyer.consent.state is ConsentState.GRANTED) is agreed


@pytest.mark.parametrize("door", ["generic", "shopify"])
def test_who_left_is_told_with_the_customer_and_with_later_orders(shop: DemoShop, door: str) -> None:
    ada = _person(door, unsubscribed_at=NOW - timedelta(hours=1))
    webhook = customer_webhook(ada, NOW, SECRETS, NOW)
    delivery = SHOPS[door].accept(webhook.headers, webhook.body, NOW)
    assert isinstance(delivery, Delivery)
    (change,) = SHOPS[door].parse(delivery.topic, delivery.body)
    assert isinstance(change, CustomerSeen)
    assert change.buyer.consent
    assert change.buyer.consent.state is ConsentState.DENIED
    later = _seen(shop, Order("2", ada, NOW, "EUR", (Line("X", 1, 100),))).order.buyer
    assert later
    assert later.consent
    assert later.consent.state is ConsentState.DENIED


@pytest.mark.parametrize("door", ["generic", "shopify"])
def test_a_guest_without_country_and_an_unknown_product_are_understood(shop: DemoShop, door: str) -> None:
    guest = _person(door, id="", first_name="", locale="", time_zone="", country="")
    seen = _seen(shop, Order("SO9", guest, NOW, "JPY", (Line("NEVER-SEEN", 3, 500),))).order
    assert seen.buyer
    assert seen.buyer.customer_id is None
    assert (seen.total_minor, seen.lines[0].title) == (1500, "NEVER-SEEN")


def test_about_a_fifth_of_the_people_come_through_shopify() -> None:
    doors = [door_of(replace(ADA, email=f"{n}@example.com")) for n in range(2_000)]
    assert doors.count("shopify") / len(doors) == pytest.approx(SHOPIFY_SHARE, abs=0.03)


@pytest.mark.parametrize("door", ["generic", "shopify"])
def test_the_same_order_sent_again_is_the_same_delivery(shop: DemoShop, door: str) -> None:
    order = Order("1", _person(door), NOW, "EUR", (Line("X", 1, 100),))
    keys = set()
    for now in (NOW, NOW + timedelta(seconds=90)):
        webhook = order_webhook(shop, order, SECRETS, now)
        delivery = SHOPS[door].accept(webhook.headers, webhook.body, now)
        assert isinstance(delivery, Delivery)
        keys.add(delivery.delivery_key)
    assert len(keys) == 1
    assert order_webhook(shop, order, SECRETS, NOW).path == f"/webhooks/{door}"


def test_shopify_numbers_are_the_numbers_they_were_and_stable_otherwise() -> None:
    assert shopify_id("566224") == 566224
    assert shopify_id("SO46700") == shopify_id("SO46700") != shopify_id("SO46701")
    assert 0 < shopify_id("C-" * 500) < 2**53
