"""Somebody's own orders as a demo shop: `DIR/products.csv.gz` and `DIR/transactions.csv.gz`.

transactions  order_id, customer_id (empty: a guest), timestamp, product_id, quantity, unit_price;
              optional country, currency
products      product_id, title, price;
              optional category, department, brand, family, color, size, description, currency

What such files never hold is filled in so that the demo can mail: an address at example.com, and for about 88 % of the
people the consent to be mailed. Names are not invented. A date without a time becomes an instant of that day.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

from babel import Locale
from babel.languages import get_official_languages
from babel.numbers import get_territory_currencies

from aftercart.demo.shares import share
from aftercart.demo.shop import SHOP_URL, Customer, DemoShop, Line, Order, Product
from aftercart.errors import ConfigError, Place
from aftercart.money import to_minor

OPT_IN = 0.88
DEFAULT_CURRENCY = "USD"
PRODUCT_NEEDS = ("product_id", "title", "price")
ORDER_NEEDS = ("order_id", "customer_id", "timestamp", "product_id", "quantity", "unit_price")
NAMES_OF_OUR_TIMES = {
    "eire": "IE",
    "usa": "US",
    "uk": "GB",
    "czech republic": "CZ",
    "turkey": "TR",
    "rsa": "ZA",
    "korea": "KR",
}
NO_COUNTRIES = {"EU", "EZ", "UN", "ZZ"}
"""Two letters in CLDR that stand for a union or for nowhere."""

_T = TypeVar("_T")


def read_dataset(folder: Path, currency: str | None = None) -> DemoShop:
    """The shop in a folder. Raises ConfigError that names file, line and what is missing or odd.

    The currency is the column `currency` where there is one, else the one asked for, else that of the country where
    most of the orders come from, else US dollars.
    """
    products, transactions = _file(folder, "products"), _file(folder, "transactions")
    with _rows(transactions, ORDER_NEEDS) as table:
        drafts = _drafts(table)
    if not drafts:
        raise ConfigError("there are no orders in this file", Place(transactions))
    money = currency or _currency_of(drafts)
    with _rows(products, PRODUCT_NEEDS) as table:
        catalog = tuple(table.each(lambda row: _product(row, money)))
    customers: dict[str, Customer] = {}
    orders = sorted((_order(draft, money, customers) for draft in drafts.values()), key=lambda o: (o.placed_at, o.id))
    name = folder.resolve().name.replace("_", " ").title()
    return DemoShop(name, False, money, catalog, tuple(customers.values()), tuple(orders))


# ---------------------------------------------------------------- files


def _file(folder: Path, name: str) -> Path:
    file = folder / f"{name}.csv.gz"
    if not file.is_file():
        raise ConfigError(
            f"there is no {name}.csv.gz in {folder}: --data wants a folder with products.csv.gz and transactions.csv.gz"
        )
    return file


@dataclass(frozen=True)
class _Row:
    """One line of a table; a column that the file lacks is empty."""

    at: Mapping[str, int]
    cells: list[str]

    def __getitem__(self, column: str) -> str:
        index = self.at.get(column)
        return "" if index is None else self.cells[index]


class _Lines(Protocol):
    """A reader of the csv module, whose type has no public name."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


@dataclass(frozen=True)
class _Table:
    file: Path
    at: Mapping[str, int]
    lines: _Lines

    def each(self, read: Callable[[_Row], _T]) -> Iterator[_T]:
        """Read row by row. Raises ConfigError with the line of a row that cannot be read."""
        for cells in self.lines:
            try:
                yield read(_Row(self.at, cells))
            except (ValueError, IndexError) as err:
                raise ConfigError(f"this row cannot be read: {err}", Place(self.file, self.lines.line_num)) from err


@contextmanager
def _rows(file: Path, needs: tuple[str, ...]) -> Iterator[_Table]:
    with gzip.open(file, "rt", encoding="utf-8-sig", newline="") as opened:
        lines = csv.reader(opened)
        at = {name: n for n, name in enumerate(next(lines, []))}
        missing = [name for name in needs if name not in at]
        if missing:
            raise ConfigError(f"the column {', '.join(missing)} is missing", Place(file, 1))
        yield _Table(file, at, lines)


# ---------------------------------------------------------------- orders


@dataclass(slots=True)
class _Draft:
    """An order while its lines come in, prices still as text: their currency is not known yet."""

    id: str
    customer_id: str
    timestamp: str
    country: str
    currency: str
    lines: list[tuple[str, int, str]] = field(default_factory=list)


def _drafts(table: _Table) -> dict[str, _Draft]:
    drafts: dict[str, _Draft] = {}

    def read(row: _Row) -> None:
        number = row["order_id"]
        draft = drafts.get(number)
        if draft is None:
            _instant(row["timestamp"], number)
            who = row["customer_id"], row["timestamp"], row["country"], row["currency"].upper()
            draft = drafts[number] = _Draft(number, *who)
        price = row["unit_price"]
        _minor(price, DEFAULT_CURRENCY)
        draft.lines.append((row["product_id"], _count(row["quantity"]), price))

    for _ in table.each(read):
        pass
    return drafts


def _count(quantity: str) -> int:
    count = round(float(quantity))
    if count < 1:
        raise ValueError(f"quantity {quantity!r} is not positive (cancellations do not belong in this file)")
    return count


@lru_cache(maxsize=65_536)
def _minor(amount: str, currency: str) -> int:
    return to_minor(amount, currency)


def _order(draft: _Draft, money: str, customers: dict[str, Customer]) -> Order:
    currency = draft.currency or money
    lines = tuple(Line(sku, quantity, _minor(price, currency)) for sku, quantity, price in draft.lines)
    return Order(draft.id, _buyer(draft, customers), _instant(draft.timestamp, draft.id), currency, lines)


def _instant(timestamp: str, order_id: str) -> datetime:
    """The instant in UTC. Of a bare date: between 8:00 and 22:00, the same at every reading."""
    instant = datetime.fromisoformat(timestamp)
    if len(timestamp) <= len("2026-01-31"):
        minutes = int(share("time of day", order_id) * 14 * 60)
        instant = datetime.combine(instant.date(), time(8)) + timedelta(minutes=minutes)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


# ---------------------------------------------------------------- people


def _buyer(draft: _Draft, customers: dict[str, Customer]) -> Customer:
    if not draft.customer_id:
        return _person("", f"guest-{_local_part(draft.id)}@example.com", draft.country)
    known = customers.get(draft.customer_id)
    if known is None:
        address = f"customer-{_local_part(draft.customer_id)}@example.com"
        known = customers[draft.customer_id] = _person(draft.customer_id, address, draft.country)
    return known


def _person(customer_id: str, email: str, country_name: str) -> Customer:
    country = country_code(country_name)
    opted_in = share("opted in", email) < OPT_IN
    return Customer(customer_id, email, "", _locale(country), "", country, opted_in)


def _local_part(identifier: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in identifier.lower())


@lru_cache(maxsize=1024)
def country_code(name: str) -> str:
    """The ISO 3166 code of a country by its English name or its code; empty where there is none."""
    plain = name.strip()
    if plain.upper() in _countries().values():
        return plain.upper()
    return NAMES_OF_OUR_TIMES.get(plain.lower()) or _countries().get(plain.lower(), "")


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    names = Locale("en").territories.items()
    return {name.lower(): code for code, name in names if len(code) == 2 and code not in NO_COUNTRIES}


@lru_cache(maxsize=256)
def _locale(country: str) -> str:
    languages = get_official_languages(country) if country else ()
    return f"{languages[0] if languages else 'en'}-{country}" if country else "en"


def _currency_of(drafts: Mapping[str, _Draft]) -> str:
    countries = Counter(code for draft in drafts.values() if (code := country_code(draft.country)))
    if not countries:
        return DEFAULT_CURRENCY
    return (get_territory_currencies(countries.most_common(1)[0][0]) or [DEFAULT_CURRENCY])[0]


# ---------------------------------------------------------------- products


def _product(row: _Row, money: str) -> Product:
    sku, currency = row["product_id"], row["currency"].upper() or money
    return Product(
        sku=sku,
        title=row["title"],
        category=row["category"],
        department=row["department"],
        family=row["family"],
        color=row["color"],
        size=row["size"],
        brand=row["brand"],
        description=row["description"],
        price_minor=to_minor(row["price"], currency),
        currency=currency,
        url=f"{SHOP_URL}/products/{quote(sku, safe='')}",
    )
