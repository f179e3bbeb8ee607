"""Products."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from aftercart.db.session import insert_new
from aftercart.db.tables import products
from aftercart.intake.changes import Product
from aftercart.intake.store.rows import Tally, changed_values, fetch

KEPT_WHERE_UNSAID = (
    "title", "category", "department", "brand", "family", "color", "description", "image_url", "url",
)  # fmt: skip


def store_products(connection: Connection, told: Iterable[Product], now: datetime) -> Tally:
    """Take the newest word on each product; what a source does not speak of stays as it was."""
    news = list(told)
    lock = select(products).order_by(products.c.sku).with_for_update()
    rows = {row["sku"]: dict(row) for row in fetch(connection, lock, products.c.sku, sorted({p.sku for p in news}))}
    tally, changed = Tally(), {}
    for product in news:
        held = rows.get(product.sku)
        new = merged(held, product)
        if held is None:
            tally.added += 1
        elif changed_values(held, new):
            tally.changed += 1
        else:
            tally.unchanged += 1
            continue
        rows[product.sku] = changed[product.sku] = {**(held or {}), **new, "updated_at": now}
    columns = [column.name for column in products.columns if column.name != "sku"]
    insert_new(connection, products, [changed[sku] for sku in sorted(changed)], unique=("sku",), update=columns)
    return tally


def merged(held: dict[str, Any] | None, told: Product) -> dict[str, Any]:
    """The row's columns after hearing `told`: all of a new product, the held ones if the word is older.

    A source that does not say when it speaks (a file that a person imports) counts as the newest.
    """
    if held is None:
        new = asdict(told)
        new["source_updated_at"] = new.pop("updated_at")
        new["prices"] = told.prices or None
        del new["states_stock"], new["states_cost"]
        return new
    if told.updated_at and held["source_updated_at"] and told.updated_at < held["source_updated_at"]:
        return {}
    new = {name: value for name in KEPT_WHERE_UNSAID if (value := getattr(told, name))}
    if told.price_minor is not None:
        new |= {"price_minor": told.price_minor, "compare_at_minor": _struck(held, told), "currency": told.currency}
    if told.price_minor is not None or told.states_cost:
        new |= _cost(held, told)
    if told.prices is not None:
        new["prices"] = told.prices or None
    if told.rating is not None or told.rating_count is not None:
        new |= {"rating": told.rating, "rating_count": told.rating_count}
    if told.states_stock:
        new["stock"] = told.stock
    return {**new, "published": told.published, "source_updated_at": told.updated_at or held["source_updated_at"]}


def _struck(held: dict[str, Any], told: Product) -> int | None:
    """The price to strike through; one that stood beside another price than today's is over."""
    if told.compare_at_minor is not None:
        return told.compare_at_minor
    is_same = (held["price_minor"], held["currency"]) == (told.price_minor, told.currency)
    return held["compare_at_minor"] if is_same else None


def _cost(held: dict[str, Any], told: Product) -> dict[str, Any]:
    """What one costs the shop, in the currency of its price: what was told in another is not known."""
    is_priced = told.price_minor is None and held["price_minor"] is not None
    currency = held["currency"] if is_priced else told.currency or held["currency"]
    cost, of = (told.cost_minor, told.currency) if told.states_cost else (held["cost_minor"], held["currency"])
    return {"cost_minor": cost if of == currency else None, "currency": currency}
