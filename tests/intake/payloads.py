"""Bodies as shops write them, made up here. Each builder takes what a test wants to be different."""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def every(kind: type[T], changes: Iterable[object]) -> list[T]:
    """What a shop's words were read as; all of it must be of this kind."""
    found = []
    for change in changes:
        assert isinstance(change, kind), change
        found.append(change)
    return found


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def generic_order(**changes: Any) -> dict[str, Any]:
    data = {
        "order_id": "1001",
        "placed_at": "2026-03-01T10:00:00Z",
        "currency": "EUR",
        "customer": {
            "id": "77", "email": "Ada@Example.com", "first_name": "Ada", "locale": "fr_FR",
            "time_zone": "Europe/Paris", "country": "FR", "accepts_marketing": True,
        },
        "lines": [{"sku": "BIKE-1", "title": "Road bike", "quantity": 1, "unit_price": "1000.44"}],
    }  # fmt: skip
    return {"type": "order.completed", "data": data | changes}


def generic(type_: str, **data: Any) -> dict[str, Any]:
    return {"type": type_, "data": data}


def shopify_line(id_: int, **changes: Any) -> dict[str, Any]:
    line = {
        "id": id_, "variant_id": 500 + id_, "product_id": 900 + id_, "sku": f"SKU-{id_}", "title": "Bottle",
        "name": f"Bottle - {id_}", "quantity": 1, "price": "9.99",
    }  # fmt: skip
    return line | changes


def shopify_refund(**changes: Any) -> dict[str, Any]:
    refund = {
        "id": 31,
        "order_id": 5001,
        "created_at": "2026-03-04T10:00:00+01:00",
        "refund_line_items": [
            {"id": 71, "quantity": 1, "subtotal": 9.99, "total_tax": 1.9, "restock_type": "return",
             "line_item": shopify_line(1)},
        ],
        "transactions": [{"kind": "refund", "status": "success", "amount": "15.00", "currency": "EUR"}],
    }  # fmt: skip
    return refund | changes


def shopify_order(**changes: Any) -> dict[str, Any]:
    order = {
        "id": 5001,
        "email": "chika@example.com",
        "created_at": "2026-03-01T19:00:00+09:00",
        "updated_at": "2026-03-01T19:00:05+09:00",
        "currency": "EUR",
        "total_price": "19.98",
        "financial_status": "paid",
        "cancelled_at": None,
        "buyer_accepts_marketing": False,
        "customer_locale": "ja-JP",
        "customer": {"id": 42, "email": "chika@example.com", "first_name": "Chika"},
        "shipping_address": {"first_name": "C.", "country_code": "JP", "province_code": "JP-13"},
        "billing_address": {"country_code": "US", "province_code": "NY"},
        "line_items": [shopify_line(1), shopify_line(2)],
        "refunds": [],
    }
    return order | changes


def shopify_product(**changes: Any) -> dict[str, Any]:
    product = {
        "id": 901,
        "title": "Trail helmet",
        "handle": "trail-helmet",
        "body_html": "<p>Light &amp; <b>safe</b></p>",
        "vendor": "Velo",
        "product_type": "Helmets",
        "status": "active",
        "published_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-02-01T00:00:00Z",
        "options": [{"name": "Size"}, {"name": "Color"}],
        "images": [{"id": 1, "src": "https://cdn.example.com/1.jpg"}, {"id": 2, "src": "https://cdn.example.com/2.jpg"}],
        "variants": [
            {"id": 11, "sku": "H-S-RED", "title": "S / Red", "option1": "S", "option2": "Red", "price": "49.00",
             "compare_at_price": "59.00",
             "inventory_management": "shopify", "inventory_policy": "deny", "inventory_quantity": -2, "image_id": 2},
            {"id": 12, "sku": None, "title": "M / Blue", "option1": "M", "option2": "Blue", "price": "49.00",
             "compare_at_price": None,
             "inventory_management": None, "inventory_quantity": 0, "image_id": None},
        ],
    }  # fmt: skip
    return product | changes


def woo_line(id_: int, **changes: Any) -> dict[str, Any]:
    line = {
        "id": id_, "name": "Cap &amp; bell", "product_id": 60 + id_, "variation_id": 0, "quantity": 1,
        "total": "12.00", "sku": f"CAP-{id_}", "price": 12,
    }  # fmt: skip
    return line | changes


def woo_order(**changes: Any) -> dict[str, Any]:
    order = {
        "id": 812,
        "status": "processing",
        "currency": "EUR",
        "date_created": "2026-03-01T11:00:00",
        "date_created_gmt": "2026-03-01T10:00:00",
        "date_modified": "2026-03-01T11:00:09",
        "date_modified_gmt": "2026-03-01T10:00:09",
        "date_paid_gmt": "2026-03-01T10:00:07",
        "total": "12.00",
        "customer_id": 9,
        "billing": {"first_name": "Dev", "email": "dev@example.com", "country": "IN", "state": "MH"},
        "shipping": {"first_name": "", "country": "", "state": ""},
        "line_items": [woo_line(1)],
        "meta_data": [],
        "refunds": [],
    }
    return order | changes
