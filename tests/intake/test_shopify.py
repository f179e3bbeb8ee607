"""Shopify's words → ours."""

from datetime import UTC, datetime
from typing import Any

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
    ProductSeen,
    ReversalKind,
)
from aftercart.intake.shopify import Shopify
from tests.intake.payloads import body, every, shopify_line, shopify_order, shopify_product, shopify_refund

SHOP = Shopify("secret")


def order(topic: str = "orders/updated", **changes: Any) -> Order:
    seen, *_ = every(OrderSeen, SHOP.parse(topic, body(shopify_order(**changes)))[:1])
    return seen.order


def customer(consent: str, **changes: Any) -> dict[str, Any]:
    """A customer's record with what it says of consent."""
    return {"id": 1, "email": "chika@example.com", "email_marketing_consent": {"state": consent}, **changes}


def consent(**changes: Any) -> ConsentStatement | None:
    buyer = order(**changes).buyer
    return buyer.consent if buyer else None


def test_an_order_with_everything() -> None:
    found = order()
    assert (found.shop_order_id, found.state, found.total_minor) == ("5001", OrderState.COMPLETED, 1998)
    assert found.placed_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 3, 1, 10, 0, 5, tzinfo=UTC)
    assert found.completed_at is None  # Shopify dates no payment
    assert (found.country, found.region) == ("JP", "JP-13")
    assert found.buyer == Buyer("42", "chika@example.com", "Chika", "ja-JP", "", "JP", None)
    assert [(line.sku, line.title, line.unit_price_minor) for line in found.lines] == [
        ("SKU-1", "Bottle - 1", 999),
        ("SKU-2", "Bottle - 2", 999),
    ]


@pytest.mark.parametrize(
    ("dates", "year"),
    [
        ({"created_at": "2026-03-01T00:00:00Z", "processed_at": "2019-03-01T00:00:00Z"}, 2019),
        ({"created_at": "2019-03-01T00:00:00Z", "processed_at": "2026-03-01T00:00:00Z"}, 2019),
        ({"created_at": None, "processed_at": "2019-03-01T00:00:00Z"}, 2019),
    ],
)
def test_an_order_is_as_old_as_the_earliest_date_it_bears(dates: dict[str, Any], year: int) -> None:
    """One brought along from another system was created here today."""
    assert order(**dates).placed_at.year == year


@pytest.mark.parametrize(
    ("topic", "changes", "state"),
    [
        ("orders/create", {"financial_status": "pending"}, OrderState.PLACED),
        ("orders/create", {"financial_status": "authorized"}, OrderState.PLACED),
        ("orders/create", {"financial_status": None}, OrderState.PLACED),
        ("orders/create", {"financial_status": "a new word"}, OrderState.PLACED),
        ("orders/paid", {"financial_status": "authorized"}, OrderState.COMPLETED),
        ("orders/paid", {"financial_status": "refunded"}, OrderState.REFUNDED),
        ("orders/updated", {"financial_status": "partially_refunded"}, OrderState.COMPLETED),
        ("orders/updated", {"financial_status": "voided"}, OrderState.CANCELED),
        ("orders/updated", {"cancelled_at": "2026-03-02T00:00:00Z"}, OrderState.CANCELED),
        ("orders/cancelled", {}, OrderState.CANCELED),
        ("orders/fulfilled", {}, OrderState.COMPLETED),
    ],
)
def test_states(topic: str, changes: dict[str, Any], state: OrderState) -> None:
    assert order(topic, **changes).state is state


def test_a_guest_without_address_or_anything_is_still_an_order() -> None:
    bare = order(email=None, customer=None, shipping_address=None, billing_address=None, customer_locale=None)
    assert bare.buyer == Buyer()
    assert (bare.country, bare.region) == ("", "")


def test_the_customers_address_stands_in_where_the_orders_is_none() -> None:
    buyer = order(email="", contact_email="nobody").buyer
    assert buyer is not None
    assert buyer.email == "chika@example.com"


def test_a_line_without_sku_gets_a_stable_one() -> None:
    lines = [
        shopify_line(1, sku=None),
        shopify_line(2, sku="", variant_id=None),
        shopify_line(3, sku=None, variant_id=None, product_id=None),
        shopify_line(4, sku=123),
    ]
    skus = [line.sku for line in order(line_items=lines).lines]
    assert skus == ["shopify:variant:501", "shopify:product:902", "shopify:line:3", "123"]


def test_a_refund_is_the_same_inside_the_order_and_by_itself() -> None:
    inside = order(refunds=[shopify_refund()]).reversals
    (alone,) = every(OrderReversed, SHOP.parse("refunds/create", body(shopify_refund())))
    assert alone.shop_order_id == "5001"
    assert alone.reversals == inside
    assert [(r.key, r.kind, r.sku, r.quantity, r.amount_minor) for r in inside] == [
        ("refund:31:line:71", ReversalKind.REFUND, "SKU-1", 1.0, 1189),
        ("refund:31:money", ReversalKind.ADJUSTMENT, None, None, 311),
    ]


def test_a_goodwill_refund_takes_no_line_and_not_the_order() -> None:
    (change,) = every(OrderReversed, SHOP.parse("refunds/create", body(shopify_refund(refund_line_items=[]))))
    (reversal,) = change.reversals
    assert (reversal.is_whole, reversal.amount_minor) == (False, 1500)


def in_won(**changes: Any) -> dict[str, Any]:
    """A refund of 9.99 and 1.90 tax, and of 3.11 beyond the line, that the buyer got back in their own currency."""
    paid_back = {"kind": "refund", "status": "success", "amount": "22000", "currency": "KRW"}
    return shopify_refund(transactions=[{**paid_back, **changes}])


def amounts(refund: dict[str, Any]) -> list[tuple[int | None, str]]:
    return [(back.amount_minor, back.currency) for back in order(refunds=[refund]).reversals]


def test_a_refunded_line_is_money_of_the_order_whatever_the_buyer_was_paid_back_in() -> None:
    assert amounts(in_won()) == [(1189, "EUR")]


def test_money_paid_back_in_another_currency_counts_as_what_the_shop_reckons_it() -> None:
    in_euro = {"shop_money": {"amount": "15.00", "currency_code": "EUR"}}
    assert amounts(in_won(amount_set=in_euro)) == [(1189, "EUR"), (311, "EUR")]
    in_dollars = {"shop_money": {"amount": "15.00", "currency_code": "USD"}}
    assert amounts(in_won(amount_set=in_dollars)) == [(1189, "EUR")]


def test_a_refund_by_itself_tells_its_shops_currency() -> None:
    reckoned = {"subtotal_set": {"shop_money": {"amount": "9.99", "currency_code": "EUR"}}}
    told = in_won()
    told["refund_line_items"][0] |= reckoned
    (change,) = every(OrderReversed, SHOP.parse("refunds/create", body(told)))
    assert change.reversals == order(refunds=[told]).reversals
    assert [back.currency for back in change.reversals] == ["EUR"]


def test_a_refund_whose_transaction_failed_gave_no_money_back() -> None:
    failed = [{"kind": "refund", "status": "failure", "amount": "15.00", "currency": "EUR"}]
    nothing = shopify_refund(transactions=failed, refund_line_items=[])
    (change,) = every(OrderReversed, SHOP.parse("refunds/create", body(nothing)))
    assert change.reversals == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"buyer_accepts_marketing": True}, ConsentState.GRANTED),
        ({"customer": customer("subscribed")}, ConsentState.GRANTED),
        ({"customer": customer("unsubscribed")}, ConsentState.DENIED),
        ({"customer": customer("not_subscribed")}, None),
        ({"customer": customer("subscribed", email="CHIKA@example.com ")}, ConsentState.GRANTED),
        ({"customer": customer("subscribed", email=None)}, None),
        (
            {"customer": customer("unsubscribed", email="boss@example.com"), "buyer_accepts_marketing": True},
            ConsentState.GRANTED,
        ),
    ],
)
def test_consent_is_what_was_said(changes: dict[str, Any], expected: ConsentState | None) -> None:
    said = consent(**changes)
    assert (said.state if said else None) is expected


def test_a_box_ticked_is_no_consent_while_the_double_opt_in_is_pending() -> None:
    assert consent(buyer_accepts_marketing=True, customer=customer("pending")) is None


def test_a_customer_whose_own_address_is_another_one_speaks_for_themselves() -> None:
    content = shopify_order(email="boss@example.com", customer=customer("subscribed", first_name="Chika"))
    seen, themselves = SHOP.parse("orders/paid", body(content))
    assert isinstance(seen, OrderSeen)
    assert seen.order.buyer
    assert seen.order.buyer.consent is None
    said = ConsentStatement(ConsentState.GRANTED, "shopify:customer", None)
    as_of = seen.order.updated_at
    assert themselves == CustomerSeen(Buyer("1", "chika@example.com", "Chika", consent=said), as_of)
    content["customer"]["updated_at"] = "2026-02-01T00:00:00Z"
    (themselves,) = every(CustomerSeen, SHOP.parse("orders/paid", body(content))[1:])
    assert themselves.at == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_box_ticked_counts_from_the_time_of_the_order() -> None:
    assert consent(buyer_accepts_marketing=True) == ConsentStatement(
        ConsentState.GRANTED, "shopify:order", datetime(2026, 3, 1, 10, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("level", "basis"),
    [
        ("single_opt_in", "express"),
        ("confirmed_opt_in", "double_opt_in"),
        ("unknown", ""),
        (None, ""),
        ("new_word", ""),
    ],
    ids=["single", "confirmed", "unknown", "missing", "a word we do not know"],
)
def test_the_opt_in_level_says_on_what_a_yes_rests_and_other_words_nothing(level: str | None, basis: str) -> None:
    record = {"state": "subscribed", "opt_in_level": level}
    said = consent(customer={**customer("subscribed"), "email_marketing_consent": record})
    assert said is not None
    assert said.basis == basis


@pytest.mark.parametrize(
    ("written", "ip"),
    [("192.0.2.7", "192.0.2.7"), ("2001:DB8::1", "2001:db8::1"), ("unknown", ""), (7, ""), (None, "")],
)
def test_a_box_ticked_comes_with_the_address_it_was_ticked_from(written: Any, ip: str) -> None:
    said = consent(buyer_accepts_marketing=True, browser_ip=written)
    assert said is not None
    assert (said.ip, said.basis) == (ip, "")


def test_a_customer_tells_when_they_subscribed() -> None:
    record = {"state": "subscribed", "consent_updated_at": "2025-05-05T00:00:00Z"}
    payload = {"id": 42, "email": "CHIKA@example.com", "first_name": "Chika", "email_marketing_consent": record}
    told = body({**payload, "updated_at": "2025-06-06T00:00:00Z"})
    (change,) = every(CustomerSeen, SHOP.parse("customers/update", told))
    assert change.at == datetime(2025, 6, 6, tzinfo=UTC)
    at = datetime(2025, 5, 5, tzinfo=UTC)
    said = ConsentStatement(ConsentState.GRANTED, "shopify:customer", at)
    assert change.buyer == Buyer("42", "chika@example.com", "Chika", consent=said)


def test_every_variant_is_a_product_of_one_family() -> None:
    shop = Shopify("secret", currency="EUR", storefront="https://velo.example/")
    seen = every(ProductSeen, shop.parse("products/update", body(shopify_product())))
    red, blue = (variant.product for variant in seen)
    assert (red.sku, red.title, red.color, red.stock) == ("H-S-RED", "Trail helmet - S / Red", "Red", 0)
    assert (blue.sku, blue.stock, blue.states_stock) == ("shopify:variant:12", None, True)
    assert red.family == blue.family == "shopify:product:901"
    assert (red.image_url, blue.image_url) == ("https://cdn.example.com/2.jpg", "https://cdn.example.com/1.jpg")
    assert red.url == "https://velo.example/products/trail-helmet?variant=11"
    assert (red.price_minor, red.currency, red.description) == (4900, "EUR", "Light & safe")
    assert (red.compare_at_minor, blue.compare_at_minor) == (5900, 0)


@pytest.mark.parametrize("hidden", [{"status": "draft"}, {"published_at": None}])
def test_a_product_that_is_not_sold_is_not_published(hidden: dict[str, Any]) -> None:
    seen = every(ProductSeen, SHOP.parse("products/update", body(shopify_product(**hidden))))
    assert [change.product.published for change in seen] == [False, False]


def test_without_the_shops_currency_a_product_has_no_price() -> None:
    seen = every(ProductSeen, SHOP.parse("products/create", body(shopify_product())))
    assert [change.product.price_minor for change in seen] == [None, None]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "id"),
        ({"currency": None}, "currency"),
        ({"created_at": None}, "created_at"),
        ({"line_items": [shopify_line(1, price="a lot")]}, "line_items[0].price"),
        ({"refunds": [shopify_refund(id=None)]}, "refunds[0].id"),
        ({"updated_at": "9999-12-31T00:00:00Z"}, "updated_at"),
    ],
)
def test_what_cannot_be_understood_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(UnprocessableError) as caught:
        order(**changes)
    assert caught.value.field == field
