"""A shop as the demo plays it: what it sells, who buys, and what they bought.

The generated bike shop (`bike_shop.py`) and somebody's own orders (`dataset.py`) both become these values.
"""

import csv
import gzip
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit, urlunsplit

from aftercart.errors import ConfigError
from aftercart.money import decimals

SHOP_URL = "https://shop.example"
REPLAYED = timedelta(days=7)
BIKES = "Bikes"
"""A shop with this department gets the demo's campaign for bikes, which offers no bike with a bike."""

PRODUCT_COLUMNS = (
    "sku", "title", "category", "department", "brand", "family", "color", "description", "price", "currency",
    "image_url", "url",
)  # fmt: skip
ORDER_COLUMNS = (
    "order_id", "customer_id", "ordered_at", "sku", "quantity", "unit_price", "email", "currency", "country",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Product:
    """One thing to buy. `family`: variants of one model share it. `picture`: a file of `pictures/`, or empty."""

    sku: str
    title: str
    category: str
    department: str
    family: str
    color: str
    size: str
    brand: str
    description: str
    price_minor: int
    currency: str
    url: str
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """A buyer. `id` is empty for a guest. `opted_in`: ticked the box for mail when they first bought."""

    id: str
    email: str
    first_name: str
    locale: str
    time_zone: str
    country: str
    opted_in: bool
    unsubscribed_at: datetime | None = None

    def accepts_marketing(self, at: datetime) -> bool:
        """Whether they may be mailed at this instant."""
        return self.opted_in and (self.unsubscribed_at is None or at < self.unsubscribed_at)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order."""

    sku: str
    quantity: int
    unit_price_minor: int


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody bought at one instant (aware, UTC)."""

    id: str
    customer: Customer
    placed_at: datetime
    currency: str
    lines: tuple[Line, ...]

    @property
    def total_minor(self) -> int:
        return sum(line.quantity * line.unit_price_minor for line in self.lines)


@dataclass(frozen=True)
class DemoShop:
    """A whole shop. `orders` are chronological; `customers` are those with an account (guests stand in orders only);
    the products' pages lie below `home`."""

    name: str
    synthetic: bool
    currency: str
    products: tuple[Product, ...]
    customers: tuple[Customer, ...]
    orders: tuple[Order, ...]
    home: str = SHOP_URL
    last_day: date | None = None
    """Of the week to replay. None: the day of the last order."""

    def moved_to(self, home: str) -> "DemoShop":
        """The same shop with its pages elsewhere, such as where the demo serves them."""
        moved = (replace(product, url=home + product.url.removeprefix(self.home)) for product in self.products)
        return replace(self, home=home, products=tuple(moved))

    def ending_on(self, day: date) -> "DemoShop":
        """The shop as it stood at the end of a day: whatever happened later is not in it, nor who left later.

        Raises ConfigError if the week that ends on this day holds no orders.
        """
        end = _end_of(day)
        then = tuple(_as_of(end, order) for order in self.orders if order.placed_at < end)
        if not then or then[-1].placed_at < end - REPLAYED:
            first, last = self.orders[0].placed_at, self.orders[-1].placed_at
            raise ConfigError(
                f"there are no orders in the week that ends on {day}: those of this shop were placed from "
                f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
            )
        customers = tuple(_still_there(end, customer) for customer in self.customers)
        return replace(self, customers=customers, orders=then, last_day=day)

    @property
    def replay_starts_at(self) -> datetime:
        """Midnight UTC after which the last seven calendar days of the shop lie."""
        return _end_of(self.last_day or self.orders[-1].placed_at.date()) - REPLAYED

    @cached_property
    def _cut(self) -> int:
        return bisect_left(self.orders, self.replay_starts_at, key=lambda order: order.placed_at)

    @property
    def history(self) -> Sequence[Order]:
        """Everything before the last week: what the model learns from."""
        return self.orders[: self._cut]

    @property
    def last_week(self) -> Sequence[Order]:
        """The orders of the last seven calendar days: what is replayed as webhooks."""
        return self.orders[self._cut :]

    @cached_property
    def by_sku(self) -> dict[str, Product]:
        return {product.sku: product for product in self.products}

    @cached_property
    def _by_page(self) -> dict[str, Product]:
        return {product.url: product for product in self.products}

    def product_at(self, url: str) -> Product | None:
        """The product whose page a URL shows, whatever query (UTM) hangs on it. None: no product page."""
        return self._by_page.get(urlunsplit(urlsplit(url)._replace(query="", fragment="")))


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _as_of(instant: datetime, order: Order) -> Order:
    customer = _still_there(instant, order.customer)
    return order if customer is order.customer else replace(order, customer=customer)


def _still_there(instant: datetime, customer: Customer) -> Customer:
    """The customer without the news that they leave after this instant."""
    left_later = customer.unsubscribed_at is not None and customer.unsubscribed_at >= instant
    return replace(customer, unsubscribed_at=None) if left_later else customer


def in_major_units(minor: int, currency: str) -> str:
    """An amount as shops write it in CSV and JSON: `1234.50`, and `1234` for yen. Amounts are not negative."""
    places = decimals(currency)
    if not places:
        return str(minor)
    whole, rest = divmod(minor, 10**places)
    return f"{whole}.{rest:0{places}d}"


def write_products(shop: DemoShop, file: Path, image_url: Callable[[str], str]) -> None:
    """Write the catalogue as `aftercart import products` reads it. `image_url` turns a picture's name into its URL."""
    with _csv_writer(file) as out:
        writer = csv.writer(out)
        writer.writerow(PRODUCT_COLUMNS)
        for p in shop.products:
            price, image = in_major_units(p.price_minor, p.currency), image_url(p.picture) if p.picture else ""
            row = (p.sku, p.title, p.category, p.department, p.brand, p.family, p.color, p.description)
            writer.writerow((*row, price, p.currency, image, p.url))


def write_orders(orders: Iterable[Order], file: Path) -> None:
    """Write orders, a row per line, as `aftercart import orders` reads them."""
    with _csv_writer(file) as out:
        writer = csv.writer(out)
        writer.writerow(ORDER_COLUMNS)
        for order in orders:
            who = (order.customer.email, order.currency, order.customer.country)
            head = (order.id, order.customer.id, order.placed_at.isoformat())
            for line in order.lines:
                price = in_major_units(line.unit_price_minor, order.currency)
                writer.writerow((*head, line.sku, line.quantity, price, *who))


def _csv_writer(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "wt", compresslevel=1, encoding="utf-8", newline="")
    return file.open("w", encoding="utf-8", newline="")
