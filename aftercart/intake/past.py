"""Rows of files about the past → our vocabulary. Pure; a value that cannot be used raises UnprocessableError.

The functions run once for every line of a shop's history, so the values that repeat (dates, prices, countries) are
remembered.
"""

import math
from collections.abc import Container, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import NoReturn

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.errors import UnprocessableError
from aftercart.intake.changes import Buyer, OrderLine, Prices, Product
from aftercart.intake.clean import (
    TEXT_LENGTH,
    URL_LENGTH,
    WORDING_LENGTH,
    clean_country,
    clean_email,
    clean_ip,
    clean_locale,
    clean_text,
    clean_time_zone,
)
from aftercart.intake.mailing_lists import basis_of
from aftercart.intake.reader import (
    BEST_RATING,
    ID_LENGTH,
    LARGEST_AMOUNT,
    LARGEST_QUANTITY,
    NO,
    YES,
    instant_in,
    is_currency,
)
from aftercart.intake.table_file import Columns
from aftercart.money import to_minor

PRODUCTS = Columns(
    needed=("sku", "title"),
    optional=(
        "category", "department", "brand", "family", "color", "description", "price", "compare_at_price", "cost",
        "currency", "prices", "image_url", "url", "rating", "rating_count", "stock", "published",
    ),
    aliases={
        "sku": ("product_id", "item_id", "stock_code", "stockcode"),
        "title": ("name", "product_name", "description"),
        "color": ("colour",),
        "price": ("unit_price", "list_price"),
        "compare_at_price": ("regular_price", "compare_at", "variant_compare_at_price"),
        "cost": ("cost_per_item", "cost per item", "cost_of_goods", "_wc_cog_cost", "meta: _wc_cog_cost"),
        "image_url": ("image", "image_link", "picture"),
        "url": ("link", "product_url"),
        "brand": ("vendor", "manufacturer"),
        "family": ("model", "parent_id"),
        "rating": ("average_rating",),
        "rating_count": ("review_count", "reviews"),
        "stock": ("inventory", "stock_quantity"),
    },
)  # fmt: skip
ORDERS = Columns(
    needed=("order_id", "customer_id", "ordered_at", "sku", "quantity", "unit_price"),
    optional=("email", "currency", "country"),
    aliases={
        "order_id": ("order", "order_number", "invoice", "invoice_no", "invoiceno"),
        "customer_id": ("customer", "user_id", "customerid"),
        "ordered_at": ("timestamp", "placed_at", "created_at", "order_date", "date", "invoicedate"),
        "sku": ("product_id", "item_id", "stock_code", "stockcode"),
        "quantity": ("qty",),
        "unit_price": ("price", "unitprice"),
        "email": ("customer_email", "email_address"),
    },
)
CUSTOMERS = Columns(
    needed=("email",),
    optional=(
        "customer_id", "first_name", "locale", "time_zone", "country", "accepts_marketing", "consent_at",
        "consent_basis", "consent_wording", "consent_ip", "consent_source", "consent_expires_at",
    ),
    aliases={
        "email": ("email_address", "customer_email"),
        "customer_id": ("id", "customer", "user_id"),
        "first_name": ("firstname", "given_name"),
        "locale": ("language",),
        "time_zone": ("timezone",),
        "accepts_marketing": ("subscribed", "opt_in"),
        "consent_at": ("subscribed_at", "opt_in_at"),
    },
)  # fmt: skip

OrderHead = tuple[str, str, datetime, str, str, str]
"""Order id, customer id, instant, e-mail as written, currency, country as written."""


def order_row(values: tuple[str, ...], currency: str, zone: tzinfo) -> tuple[OrderHead, OrderLine]:
    """One line of an order, and what the row says about the order as a whole."""
    order_id, customer_id, ordered_at, sku, quantity, unit_price, email, their_currency, country = values
    code = _currency(their_currency) or currency
    line = OrderLine(_need_id("sku", sku), "", _quantity(quantity), _price("unit_price", unit_price, code))
    at = instant_in("ordered_at", ordered_at, zone) or _missing("ordered_at")
    return (_need_id("order_id", order_id), _id("customer_id", customer_id), at, email, code, country), line


def product_row(values: tuple[str, ...], currency: str, stated: Container[str]) -> Product:
    """A product. `stated`: the columns of the file; an empty stock, struck price or cost says that there is none."""
    row = dict(zip(PRODUCTS.all, values, strict=True))
    code = _currency(row["currency"]) or currency
    price = _optional_price("price", row["price"], code)
    compare_at = _optional_price("compare_at_price", row["compare_at_price"], code)
    cost = _optional_price("cost", row["cost"], code)
    return Product(
        sku=_need_id("sku", row["sku"]),
        title=clean_text(row["title"]) or _missing("title"),
        category=clean_text(row["category"]),
        department=clean_text(row["department"]),
        brand=clean_text(row["brand"]),
        family=clean_text(row["family"]),
        color=clean_text(row["color"]),
        description=clean_text(row["description"], TEXT_LENGTH),
        price_minor=price,
        compare_at_minor=(compare_at or 0) if "compare_at_price" in stated else None,
        states_cost="cost" in stated,
        cost_minor=cost,
        currency="" if price is None and cost is None else code,
        prices=_prices(row["prices"]) if "prices" in stated else None,
        image_url=clean_text(row["image_url"], URL_LENGTH),
        url=clean_text(row["url"], URL_LENGTH),
        rating=_rating(row["rating"]),
        rating_count=_count("rating_count", row["rating_count"]),
        states_stock="stock" in stated,
        stock=_count("stock", row["stock"]),
        published=_flag("published", row["published"]) is not False,
    )


def _prices(text: str) -> Prices:
    """In other currencies, as in `12.90 CHF; 14 USD`."""
    told: dict[str, dict[str, int | None]] = {}
    for one in filter(None, map(str.strip, text.split(";"))):
        amount, _, word = one.rpartition(" ")
        if not is_currency(code := word.upper()):
            raise UnprocessableError("prices", _shown(one, "is not written like 12.90 CHF"))
        told[code] = {"minor": _price("prices", amount, code), "compare_at": None}
    return told


def customer_row(values: tuple[str, ...], zone: tzinfo) -> Buyer:
    """A customer, with the consent that another system holds."""
    row = dict(zip(CUSTOMERS.all, values, strict=True))
    written = clean_text(row["email"])
    email = clean_email(written)
    if email is None:
        raise UnprocessableError("email", f'"{written}" is no address' if written else "is missing")
    said = _flag("accepts_marketing", row["accepts_marketing"])
    at = instant_in("consent_at", row["consent_at"], zone)
    return Buyer(
        customer_id=_id("customer_id", row["customer_id"]) or None,
        email=email,
        first_name=clean_text(row["first_name"], 100),
        locale=clean_locale(row["locale"]),
        time_zone=clean_time_zone(row["time_zone"]),
        country=clean_country(row["country"]),
        consent=None if said is None else _statement(row, at, zone, granted=said),
    )


def _statement(row: Mapping[str, str], at: datetime | None, zone: tzinfo, *, granted: bool) -> ConsentStatement:
    source = clean_text(row["consent_source"], 100)
    return ConsentStatement(
        ConsentState.GRANTED if granted else ConsentState.DENIED,
        f"import:{source}" if source else "import",
        at,
        basis_of(row["consent_basis"]) if granted else Basis.UNSTATED,
        clean_text(row["consent_wording"], WORDING_LENGTH),
        clean_ip(row["consent_ip"]),
        instant_in("consent_expires_at", row["consent_expires_at"], zone) if granted else None,
    )


def _missing(field: str) -> NoReturn:
    raise UnprocessableError(field, "is missing")


def _id(field: str, text: str) -> str:
    id_ = clean_text(text, ID_LENGTH + 1)
    if len(id_) > ID_LENGTH:
        raise UnprocessableError(field, f"is longer than {ID_LENGTH} characters")
    return id_


def _need_id(field: str, text: str) -> str:
    return _id(field, text) or _missing(field)


@lru_cache(maxsize=10_000)
def _quantity(text: str) -> float:
    try:
        quantity = float(text)
    except ValueError as err:
        raise UnprocessableError("quantity", _shown(text, "is no number")) from err
    if not math.isfinite(quantity):
        raise UnprocessableError("quantity", _shown(text, "is no number"))
    if not 0 < quantity <= LARGEST_QUANTITY:
        raise UnprocessableError("quantity", _shown(text, "is not a number of things bought"))
    return quantity


@lru_cache(maxsize=50_000)
def _price(field: str, text: str, currency: str) -> int:
    try:
        amount = to_minor(text, currency)
    except ValueError as err:
        raise UnprocessableError(field, _shown(text, "is no amount of money")) from err
    if not 0 <= amount < LARGEST_AMOUNT:
        raise UnprocessableError(field, _shown(text, "is no price"))
    return amount


@lru_cache(maxsize=1_000)
def _currency(text: str) -> str:
    code = text.strip().upper()
    if code and not is_currency(code):
        raise UnprocessableError("currency", _shown(text, "is no ISO 4217 currency"))
    return code


def _count(field: str, text: str) -> int | None:
    """A whole number; below zero (oversold) counts as zero."""
    number = _number(field, text)
    if number is not None and not -LARGEST_QUANTITY <= number <= LARGEST_QUANTITY:
        raise UnprocessableError(field, _shown(text, "is no number of things"))
    return None if number is None else max(0, int(number))


def _rating(text: str) -> float | None:
    number = _number("rating", text)
    if number is not None and not 0 <= number <= BEST_RATING:
        raise UnprocessableError("rating", _shown(text, f"is not between 0 and {BEST_RATING}"))
    return number


def _number(field: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as err:
        raise UnprocessableError(field, _shown(text, "is no number")) from err


def _optional_price(field: str, text: str, currency: str) -> int | None:
    return _price(field, text, currency) if text.strip() else None


def _flag(field: str, text: str) -> bool | None:
    word = text.strip().lower()
    if not word:
        return None
    if word not in YES | NO:
        raise UnprocessableError(field, _shown(text, "is neither yes nor no"))
    return word in YES


def _shown(text: str, problem: str) -> str:
    if not text.strip():
        return "is missing"
    return f'"{clean_text(text, 60)}" {problem}'
