"""A demo shop's files are what the importer reads."""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aftercart.demo import bike_shop
from aftercart.demo.shop import Customer, Line, Order, in_major_units, write_orders, write_products


def test_products_are_written_with_prices_and_pictures(tmp_path: Path) -> None:
    shop = bike_shop.generate(people=5)
    write_products(shop, tmp_path / "products.csv", lambda picture: f"http://host/pictures/{picture}")
    rows = list(csv.DictReader((tmp_path / "products.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["sku"] for row in rows] == [product.sku for product in shop.products]
    assert rows[0]["price"] == "1190.00"
    assert rows[0]["image_url"] == "http://host/pictures/road-bike-red.png"


def test_orders_are_written_a_row_per_line_and_packed_by_their_ending(tmp_path: Path) -> None:
    ada = Customer("77", "ada@example.com", "Ada", "fr-FR", "Europe/Paris", "FR", True)
    lines = (Line("A", 2, 999), Line("B", 1, 100))
    order = Order("1", ada, datetime(2026, 3, 1, 10, tzinfo=UTC), "EUR", lines)
    write_orders([order], tmp_path / "orders.csv.gz")
    with gzip.open(tmp_path / "orders.csv.gz", "rt", encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [(row["order_id"], row["sku"], row["quantity"], row["unit_price"]) for row in rows] == [
        ("1", "A", "2", "9.99"),
        ("1", "B", "1", "1.00"),
    ]
    assert rows[0]["ordered_at"] == "2026-03-01T10:00:00+00:00"
    assert rows[0]["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [(123450, "EUR", "1234.50"), (5, "USD", "0.05"), (1234, "JPY", "1234"), (1234, "KWD", "1.234")],
)
def test_amounts_are_written_in_major_units(minor: int, currency: str, written: str) -> None:
    assert in_major_units(minor, currency) == written
