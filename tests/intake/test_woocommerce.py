"""WooCommerce's words → ours."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aftercart.consent.statement import ConsentState, ConsentStatement
from aftercart.errors import UnprocessableError
from aftercart.intake.changes import (
    Buyer,
    CustomerSeen,
    Order,
    OrderReversed,
    OrderSeen,
    OrderState,
    Product,
    ProductSeen,
    ReversalKind,
)
from aftercart.intake.woocommerce import WooCommerce
from tests.intake.payloads import body, every, woo_line, woo_order

SHOP = WooCommerce("secret", zone=ZoneInfo("Europe/Paris"), currency="EUR")


def order(topic: str = "order.updated", **changes: Any) -> Order:
    (seen,) = every(OrderSeen, SHOP.parse(topic, body(woo_order(**changes))))
    return seen.order


def test_an_order_with_everything() -> None:
    found = order()
    assert (found.shop_order_id, found.state, found.currency, found.total_minor) == (
        "812", OrderState.COMPLETED, "EUR", 1200,
    )  # fmt: skip
    assert found.placed_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 3, 1, 10, 0, 9, tzinfo=UTC)
    assert found.completed_at == datetime(2026, 3, 1, 10, 0, 7, tzinfo=UTC)
    assert found.buyer == Buyer("9", "dev@example.com", "Dev", country="IN")
    assert (found.country, found.region) == ("IN", "MH")
    assert [(line.sku, line.title, line.unit_price_minor) for line in found.lines] == [("CAP-1", "Cap & bell", 1200)]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", OrderState.PLACED),
        ("on-hold", OrderState.PLACED),
        ("checkout-draft", OrderState.PLACED),
        ("processing", OrderState.COMPLETED),
        ("wc-completed", OrderState.COMPLETED),
        ("cancelled", OrderState.CANCELED),
        ("failed", OrderState.CANCELED),
        ("trash", OrderState.CANCELED),
        ("refunded", OrderState.REFUNDED),
    ],
)
def test_states(status: str, state: OrderState) -> None:
    assert order(status=status).state is state


@pytest.mark.parametrize(("paid", "state"), [(None, OrderState.PLACED), ("2026-03-01T10:00:07", OrderState.COMPLETED)])
def test_a_status_of_a_plugins_own_says_nothing_about_the_payment(paid: str | None, state: OrderState) -> None:
    assert order(status="wc-awaiting-pickup", date_paid_gmt=paid, date_paid=None).state is state


def test_dates_without_gmt_are_the_shops_own_and_read_only_where_gmt_is_missing() -> None:
    local = order(date_created_gmt=None, date_modified_gmt="", date_paid_gmt=None, date_paid="2026-03-01T11:00:07")
    assert (local.placed_at, local.updated_at) == (order().placed_at, order().updated_at)
    assert local.completed_at == order().completed_at


def test_an_order_that_bears_no_date_of_payment_tells_none() -> None:
    assert order(date_paid_gmt=None, date_completed_gmt="2026-03-09T10:00:00").completed_at is None


def test_a_guest_has_no_customer() -> None:
    buyer = order(customer_id=0).buyer
    assert buyer is not None
    assert buyer.customer_id is None


def test_numbers_come_as_strings_and_skus_as_numbers() -> None:
    lines = [
        woo_line(1, sku=123, quantity="2", price="0.333333"),
        woo_line(2, sku="", variation_id=77),
        woo_line(3, sku=None),
        woo_line(4, price=None, quantity=1.5, total="3.00"),
    ]
    assert [(line.sku, line.quantity, line.unit_price_minor) for line in order(line_items=lines).lines] == [
        ("123", 2.0, 33),
        ("woocommerce:variation:77", 1.0, 1200),
        ("woocommerce:product:63", 1.0, 1200),
        ("CAP-4", 1.5, 200),
    ]


def test_refunds_inside_an_order_are_money_and_name_no_lines() -> None:
    (reversal,) = order(refunds=[{"id": 5, "reason": "late", "total": "-4.00"}]).reversals
    assert (reversal.key, reversal.kind, reversal.amount_minor) == ("refund:5", ReversalKind.ADJUSTMENT, 400)
    assert not reversal.is_whole


def test_a_deleted_order_comes_as_its_id_alone() -> None:
    (change,) = SHOP.parse("order.deleted", b'{"id": 812}')
    assert isinstance(change, OrderReversed)
    assert (change.shop_order_id, change.reversals[0].kind) == ("812", ReversalKind.DELETION)


@pytest.mark.parametrize(
    ("meta", "state"),
    [
        ([], None),
        ([{"key": "accepts_marketing", "value": "yes"}], ConsentState.GRANTED),
        ([{"key": "accepts_marketing", "value": 1}], ConsentState.GRANTED),
        ([{"key": "accepts_marketing", "value": True}], ConsentState.GRANTED),
        ([{"key": "accepts_marketing", "value": "no"}], None),
        ([{"key": "accepts_marketing", "value": {"odd": "plugin"}}], None),
        ([{"key": "newsletter", "value": "yes"}, {"key": ["x"], "value": None}], None),
    ],
)
def test_consent_is_a_meta_key_that_says_yes(meta: list[Any], state: ConsentState | None) -> None:
    buyer = order(meta_data=meta).buyer
    assert buyer is not None
    said = ConsentStatement(ConsentState.GRANTED, "woocommerce:order", datetime(2026, 3, 1, 10, tzinfo=UTC))
    assert buyer.consent == (said if state else None)


@pytest.mark.parametrize(("basis", "kept"), [("express", "express"), ("sure!", ""), ({"odd": 1}, "")])
def test_the_checkout_may_say_what_was_asked_and_on_what_the_yes_rests(basis: Any, kept: str) -> None:
    meta = [
        {"key": "accepts_marketing", "value": "yes"},
        {"key": "accepts_marketing_basis", "value": basis},
        {"key": "accepts_marketing_wording", "value": "Yes, write to me"},
    ]
    buyer = order(meta_data=meta, customer_ip_address="192.0.2.9").buyer
    assert buyer is not None
    assert buyer.consent is not None
    assert (buyer.consent.basis, buyer.consent.wording, buyer.consent.ip) == (kept, "Yes, write to me", "192.0.2.9")


def test_a_customer() -> None:
    payload = {"id": 9, "email": "DEV@example.com", "first_name": "Dev", "billing": {"country": "IN"}, "shipping": []}
    assert SHOP.parse("customer.updated", body(payload)) == (
        CustomerSeen(Buyer("9", "dev@example.com", "Dev", country="IN")),
    )


@pytest.mark.parametrize(
    "dates",
    [
        {"date_created_gmt": "2025-01-01T00:00:00", "date_modified_gmt": "2026-02-01T00:00:00"},
        {"date_created_gmt": "2026-02-01T00:00:00", "date_modified_gmt": None},
    ],
    ids=["changed since", "never changed"],
)
def test_a_customers_record_is_as_of_when_it_was_changed(dates: dict[str, Any]) -> None:
    (change,) = every(CustomerSeen, SHOP.parse("customer.updated", body({"id": 9, **dates})))
    assert change.at == datetime(2026, 2, 1, tzinfo=UTC)


def product(**changes: Any) -> Product:
    payload = {
        "id": 61, "name": "Cap &amp; bell", "sku": "", "price": "12", "regular_price": "15",
        "average_rating": "4.50", "rating_count": 8, "status": "publish", "parent_id": 0,
        "permalink": "https://velo.example/cap", "manage_stock": True, "stock_quantity": 4, "stock_status": "instock",
        "description": "<p>Long</p>", "short_description": "<p>Short</p>", "date_modified_gmt": "2026-02-01T00:00:00",
        "categories": [{"name": "Caps"}], "images": [{"src": "https://velo.example/cap.jpg"}],
        "attributes": [{"name": "Color", "option": "Red"}],
    }  # fmt: skip
    (seen,) = every(ProductSeen, SHOP.parse("product.updated", body(payload | changes)))
    return seen.product


def test_a_product() -> None:
    assert product() == Product(
        sku="woocommerce:product:61",
        title="Cap & bell",
        category="Caps",
        family="woocommerce:product:61",
        color="Red",
        description="Short",
        price_minor=1200,
        compare_at_minor=1500,
        currency="EUR",
        image_url="https://velo.example/cap.jpg",
        url="https://velo.example/cap",
        rating=4.5,
        rating_count=8,
        states_stock=True,
        stock=4,
        updated_at=datetime(2026, 2, 1, tzinfo=UTC),
    )


def test_a_product_with_variations_has_no_regular_price_and_a_plugins_rating_out_of_ten_is_none() -> None:
    found = product(regular_price="", average_rating="8.6")
    assert (found.compare_at_minor, found.rating, found.rating_count) == (0, None, 8)


COGS = {"values": [{"defined_value": 4.2, "effective_value": 4.2}], "total_value": 4.2}
META = [{"id": 1, "key": "_other", "value": "9"}, {"id": 2, "key": "_wc_cog_cost", "value": "5.00"}]


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"cost_of_goods_sold": COGS}, 420),
        ({"meta_data": META}, 500),
        ({"cost_of_goods_sold": {"values": [], "total_value": 0}, "meta_data": META}, 500),
        ({"cost_of_goods_sold": {"values": [], "total_value": 0}}, None),
        ({"meta_data": [{"id": 2, "key": "_wc_cog_cost", "value": "four or so"}]}, None),
        ({"meta_data": [{"id": 2, "key": "_wc_cog_cost", "value": ""}]}, None),
        ({"meta_data": [{"id": 2, "key": "_wc_cog_cost", "value": "-5"}]}, None),
        ({"meta_data": [{"id": 2, "key": "_wc_cog_cost", "value": {"of": "a plugin"}}]}, None),
    ],
    ids=["its own", "the plugin's", "only the plugin's", "neither's", "words", "empty", "below zero", "else"],
)
def test_a_product_says_what_it_costs_the_shop_or_nothing_of_it(fields: dict[str, Any], cost: int | None) -> None:
    found = product(**fields)
    assert (found.cost_minor, found.states_cost) == (cost, cost is not None)


def test_a_variation_belongs_to_the_family_of_its_product_and_is_named_as_in_order_lines() -> None:
    variation = product(id=77, parent_id=61)
    assert (variation.sku, variation.family) == ("woocommerce:variation:77", "woocommerce:product:61")


@pytest.mark.parametrize(
    ("changes", "stock"),
    [({"stock_status": "outofstock"}, 0), ({"manage_stock": False}, None), ({"manage_stock": "parent"}, None)],
)
def test_stock_is_counted_only_where_the_shop_counts(changes: dict[str, Any], stock: int | None) -> None:
    assert product(**changes).stock == stock


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"line_items": [woo_line(1), woo_line(2, quantity="-3")]}, "line_items[1].quantity"),
        ({"date_modified_gmt": "yesterday"}, "date_modified_gmt"),
        ({"id": 0, "currency": "??"}, "currency"),
        ({"billing": "none"}, "billing"),
    ],
)
def test_what_cannot_be_understood_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(UnprocessableError) as caught:
        order(**changes)
    assert caught.value.field == field
