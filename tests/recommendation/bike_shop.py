"""A small shop of our own: bikes with their complements, drawn from a seed, as arrays or in a database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from aftercart.db.session import Database
from aftercart.db.tables import customers, order_lines, orders, products, recipients
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import GUEST, Interactions, interactions
from aftercart.testing import lay_down

Sale = tuple[int, datetime, Sequence[str]]
"""(person, time, skus)"""

START = datetime(2026, 1, 1, 12, tzinfo=UTC)

RIDES = ("Road", "Mountain", "Touring")
PARTS = (
    ("Bike", "Bikes", 90_000),
    ("Helmet", "Accessories", 5_000),
    ("Bottle", "Accessories", 900),
    ("Pump", "Accessories", 2_500),
    ("Jersey", "Clothing", 6_000),
)


def bike_shop() -> tuple[Product, ...]:
    """Three ways of riding, five kinds of things, two models of each."""
    return tuple(
        Product(
            sku=f"{ride}-{part}-{number}",
            title=f"{ride} {maker} {part}",
            category=f"{part}s",
            department=department,
            brand=maker,
            family=f"{ride}-{part}-{number}",
            price_minor=price + number,
            currency="EUR",
        )
        for ride in RIDES
        for part, department, price in PARTS
        for number, maker in enumerate(("Alto", "Brisa"))
    )


def drawn_orders(catalog: Sequence[Product], count: int, seed: int = 1) -> list[tuple[int, datetime, list[int]]]:
    """(person, time, product numbers): a bike with one to three things for the same way of riding, the person's own."""
    random = np.random.default_rng(seed)
    per_ride = len(catalog) // len(RIDES)
    drawn = []
    for number in range(count):
        person = int(random.integers(1, count // 2 + 2))
        first = person % len(RIDES) * per_ride
        parts = random.choice(range(1, len(PARTS)), size=int(random.integers(1, 4)), replace=False)
        items = [first + int(random.integers(2)), *(first + 2 * int(part) + int(random.integers(2)) for part in parts)]
        drawn.append((person, START + timedelta(hours=2 * number), items))
    return drawn


def past_of(count: int) -> Interactions:
    """Orders of the bike shop as arrays; every fifth person is a guest."""
    catalog = bike_shop()
    drawn = drawn_orders(catalog, count)
    return interactions(
        catalog,
        [int(at.timestamp()) for _, at, _ in drawn],
        [person if person % 5 else GUEST for person, _, _ in drawn],
        [number for number, (_, _, items) in enumerate(drawn) for _ in items],
        [item for _, _, items in drawn for item in items],
        [catalog[item].price_minor or 0 for _, _, items in drawn for item in items],
    )


def opened(folder: Path) -> Database:
    """The shop's database in a folder, with its tables."""
    url = f"sqlite:///{folder / 'shop.db'}"
    lay_down(url)
    return Database(url)


def stock(db: Database, catalog: Sequence[Product]) -> None:
    """Put products into the catalog."""
    rows = [{name: getattr(p, name) for name in Product.__dataclass_fields__} | {"updated_at": START} for p in catalog]
    with db.write() as connection:
        connection.execute(insert(products), rows)


def sell(db: Database, sales: Sequence[Sale]) -> None:
    """Put completed orders into an empty database. Every person is a customer and a recipient."""
    people = sorted({person for person, _, _ in sales})
    numbered = list(enumerate(sales, start=1))
    with db.write() as connection:
        connection.execute(insert(recipients), [_recipient(person) for person in people])
        connection.execute(insert(customers), [_customer(person) for person in people])
        connection.execute(insert(orders), [_order(number, person, at) for number, (person, at, _) in numbered])
        lines = [_line(number, n, sku) for number, (_, _, skus) in numbered for n, sku in enumerate(skus, start=1)]
        connection.execute(insert(order_lines), lines)


def open_busy_shop(db: Database) -> None:
    """Stock the bike shop and sell 200 orders."""
    catalog = bike_shop()
    stock(db, catalog)
    sell(db, [(person, at, [catalog[i].sku for i in items]) for person, at, items in drawn_orders(catalog, 200)])


def _recipient(person: int) -> dict[str, Any]:
    return {"id": person, "email": f"p{person}@example.com", "created_at": START}


def _customer(person: int) -> dict[str, Any]:
    return {
        "id": person,
        "shop": "shop",
        "shop_customer_id": f"c{person}",
        "recipient_id": person,
        "created_at": START,
    }


def _order(number: int, person: int, at: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "shop": "shop",
        "shop_order_id": f"o{number}",
        "customer_id": person,
        "recipient_id": person,
        "state": "completed",
        "currency": "EUR",
        "total_minor": 0,
        "placed_at": at,
        "source_updated_at": at,
    }


def _line(order: int, line: int, sku: str) -> dict[str, Any]:
    return {"order_id": order, "line_no": line, "sku": sku, "quantity": 1, "unit_price_minor": 100}
