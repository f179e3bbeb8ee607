"""The last week's orders as the webhooks that shops would send: four of five through the generic door, the rest as
Shopify speaks. A person always comes through the same door.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from aftercart.demo.shares import share
from aftercart.demo.shop import Customer, DemoShop, Line, Order, in_major_units
from aftercart.intake.signing import sign_generic, sign_shopify

GENERIC, SHOPIFY = "generic", "shopify"
SHOPIFY_SHARE = 0.2
SHOPIFY_DOMAIN = "demo.myshopify.com"
LARGEST_SHOPIFY_ID = 2**53 - 1


@dataclass(frozen=True)
class Secrets:
    """What the demo's doors are opened with: a `whsec_` secret, and the client secret of a Shopify app."""

    generic: str
    shopify: str


@dataclass(frozen=True)
class Webhook:
    """A signed request, ready to POST. `order_id`: the order as the engine will know it at this door; empty for
    news about a customer."""

    shop: str
    headers: Mapping[str, str]
    body: bytes
    order_id: str = ""

    @property
    def path(self) -> str:
        return f"/webhooks/{self.shop}"


def door_of(customer: Customer) -> str:
    """The door that this person's orders come through."""
    return SHOPIFY if share("door", customer.email) < SHOPIFY_SHARE else GENERIC


def order_webhook(shop: DemoShop, order: Order, secrets: Secrets, now: datetime) -> Webhook:
    """The news of a completed order, signed `now`. The same order gives the same delivery key every time."""
    if door_of(order.customer) == SHOPIFY:
        body = _encoded(shopify_order(shop, order))
        headers = sign_shopify(secrets.shopify, SHOPIFY_DOMAIN, f"order-{order.id}", "orders/paid", body)
        return Webhook(SHOPIFY, _json(headers), body, str(shopify_id(order.id)))
    body = _encoded(generic_order(shop, order))
    return Webhook(GENERIC, _json(sign_generic(secrets.generic, f"order-{order.id}", body, now)), body, order.id)


def customer_webhook(customer: Customer, at: datetime, secrets: Secrets, now: datetime) -> Webhook:
    """The news of a person's data and consent as of `at`, through their door, signed `now`."""
    news = f"customer-{customer.id or customer.email}-{at:%Y%m%dT%H%M%S}"
    if door_of(customer) == SHOPIFY:
        body = _encoded({**_shopify_customer(customer, at), "updated_at": at.isoformat()})
        headers = sign_shopify(secrets.shopify, SHOPIFY_DOMAIN, news, "customers/update", body)
        return Webhook(SHOPIFY, _json(headers), body)
    data = {**_generic_customer(customer, at), "updated_at": at.isoformat()}
    body = _encoded({"type": "customer.updated", "timestamp": at.isoformat(), "data": data})
    return Webhook(GENERIC, _json(sign_generic(secrets.generic, news, body, now)), body)


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _json(headers: Mapping[str, str]) -> dict[str, str]:
    return {"content-type": "application/json", **headers}


# ---------------------------------------------------------------- generic


def generic_order(shop: DemoShop, order: Order) -> dict[str, Any]:
    """The body of `order.completed`, the order format of this project."""
    data = {
        "order_id": order.id,
        "placed_at": order.placed_at.isoformat(),
        "currency": order.currency,
        "total": in_major_units(order.total_minor, order.currency),
        "customer": _generic_customer(order.customer, order.placed_at),
        "lines": [_generic_line(shop, line, order.currency) for line in order.lines],
    }
    return {"type": "order.completed", "timestamp": order.placed_at.isoformat(), "data": data}


def _generic_line(shop: DemoShop, line: Line, currency: str) -> dict[str, Any]:
    price = in_major_units(line.unit_price_minor, currency)
    return {"sku": line.sku, "title": _title(shop, line), "quantity": line.quantity, "unit_price": price}


def _generic_customer(customer: Customer, at: datetime) -> dict[str, Any]:
    stated = {
        "id": customer.id,
        "email": customer.email,
        "first_name": customer.first_name,
        "locale": customer.locale,
        "time_zone": customer.time_zone,
        "country": customer.country,
    }
    return {name: value for name, value in stated.items() if value} | {
        "accepts_marketing": customer.accepts_marketing(at)
    }


# ---------------------------------------------------------------- Shopify


def shopify_order(shop: DemoShop, order: Order) -> dict[str, Any]:
    """The order as the body of `orders/paid`, as far as anybody reads it."""
    customer, id_ = order.customer, shopify_id(order.id)
    placed_at = order.placed_at.isoformat()
    return {
        "id": id_,
        "name": f"#{order.id}",
        "email": customer.email,
        "created_at": placed_at,
        "processed_at": placed_at,
        "updated_at": placed_at,
        "cancelled_at": None,
        "financial_status": "paid",
        "fulfillment_status": None,
        "currency": order.currency,
        "total_price": in_major_units(order.total_minor, order.currency),
        "buyer_accepts_marketing": customer.accepts_marketing(order.placed_at),
        "customer_locale": customer.locale or None,
        "customer": _shopify_customer(customer, order.placed_at) if customer.id else None,
        "shipping_address": _shopify_address(customer),
        "line_items": [_shopify_line(shop, line, order.currency, id_ * 100 + n) for n, line in enumerate(order.lines)],
        "refunds": [],
    }


def _shopify_line(shop: DemoShop, line: Line, currency: str, id_: int) -> dict[str, Any]:
    title, price = _title(shop, line), in_major_units(line.unit_price_minor, currency)
    product = {"product_id": shopify_id(line.sku), "variant_id": shopify_id(line.sku + "/variant")}
    return {
        "id": id_,
        **product,
        "sku": line.sku,
        "title": title,
        "name": title,
        "quantity": line.quantity,
        "price": price,
    }


def _shopify_customer(customer: Customer, at: datetime) -> dict[str, Any]:
    left_at = customer.unsubscribed_at
    if customer.accepts_marketing(at):
        consent = {"state": "subscribed", "consent_updated_at": None}
    elif customer.opted_in and left_at:
        consent = {"state": "unsubscribed", "consent_updated_at": left_at.isoformat()}
    else:
        consent = {"state": "not_subscribed", "consent_updated_at": None}
    return {
        "id": shopify_id(customer.id or customer.email),
        "email": customer.email,
        "first_name": customer.first_name or None,
        "locale": customer.locale or None,
        "email_marketing_consent": {**consent, "opt_in_level": "single_opt_in"},
        "default_address": _shopify_address(customer),
    }


def _shopify_address(customer: Customer) -> dict[str, Any] | None:
    if not customer.country:
        return None
    return {"first_name": customer.first_name or None, "country_code": customer.country}


def shopify_id(identifier: str) -> int:
    """The number by which Shopify would know it: itself if it is one, else one made of its characters."""
    if identifier.isascii() and identifier.isdigit() and len(identifier) < 16:
        return int(identifier)
    return int.from_bytes(blake2b(identifier.encode(), digest_size=8).digest()) & LARGEST_SHOPIFY_ID


def _title(shop: DemoShop, line: Line) -> str:
    product = shop.by_sku.get(line.sku)
    return product.title if product else line.sku
