"""Somebody's own orders, in the two shapes that such files take."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.demo.dataset import country_code, read_dataset
from aftercart.errors import ConfigError

GIFTS_PRODUCTS = "product_id,title,price,family,category\nG1,PAPER LANTERN,0.85,G1,lantern\nG2,TIN BOX,2.10,G2,box\n"
GIFTS_ORDERS = """order_id,customer_id,timestamp,product_id,quantity,unit_price,country
500,17,2011-02-01 08:26:00,G1,6,0.85,United Kingdom
500,17,2011-02-01 08:26:00,G2,2,2.10,United Kingdom
501,,2011-02-09 09:00:00,G1,1,0.85,EIRE
502,18,2011-02-02 10:00:00,G2,1,2.10,France
"""
BIKES_PRODUCTS = """product_id,title,category,department,color,size,family,description,price
B1,"Hill-5 Red, 52",Road Bikes,Bikes,Red,52,Hill-5,"Light, quick.",699.5
C1,Cage,Bottles and Cages,Accessories,,,Cage,,8.99
"""
BIKES_ORDERS = """order_id,customer_id,timestamp,product_id,quantity,unit_price
SO1,9,2022-01-05,B1,1,699.5
SO2,9,2022-01-28,C1,1,8.99
"""


def _folder(tmp_path: Path, products: str, transactions: str) -> Path:
    for name, content in (("products", products), ("transactions", transactions)):
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(content.encode()))
    return tmp_path


def test_a_gift_shop_with_guests_and_countries(tmp_path: Path) -> None:
    folder = tmp_path / "gift_shop"
    folder.mkdir()
    shop = read_dataset(_folder(folder, GIFTS_PRODUCTS, GIFTS_ORDERS))
    assert shop.name == "Gift Shop"
    assert not shop.synthetic
    assert [order.id for order in shop.orders] == ["500", "502", "501"], "chronological"
    assert [order.customer.email for order in shop.orders] == [
        "customer-17@example.com",
        "customer-18@example.com",
        "guest-501@example.com",
    ]
    assert [order.customer.country for order in shop.orders] == ["GB", "FR", "IE"]
    assert shop.orders[1].customer.locale == "fr-FR"
    assert [customer.id for customer in shop.customers] == ["17", "18"], "a guest has no account"
    assert shop.orders[0].placed_at == datetime(2011, 2, 1, 8, 26, tzinfo=UTC)
    assert [(line.sku, line.quantity, line.unit_price_minor) for line in shop.orders[0].lines] == [
        ("G1", 6, 85),
        ("G2", 2, 210),
    ]


def test_the_currency_is_that_of_the_country_where_most_orders_come_from(tmp_path: Path) -> None:
    folder = _folder(tmp_path, GIFTS_PRODUCTS, GIFTS_ORDERS.replace("France", "United Kingdom"))
    assert read_dataset(folder).currency == "GBP"
    assert read_dataset(folder, "EUR").currency == "EUR"


def test_a_column_of_currencies_wins(tmp_path: Path) -> None:
    orders = BIKES_ORDERS.replace("unit_price\n", "unit_price,currency\n").replace("699.5\n", "699,jpy\n")
    orders = orders.replace("8.99\n", "8.99,\n")
    shop = read_dataset(_folder(tmp_path, BIKES_PRODUCTS, orders), "EUR")
    assert [(order.currency, order.total_minor) for order in shop.orders] == [("JPY", 699), ("EUR", 899)]


def test_a_bike_shop_with_bare_dates_and_departments(tmp_path: Path) -> None:
    folder = _folder(tmp_path, BIKES_PRODUCTS, BIKES_ORDERS)
    shop = read_dataset(folder)
    assert shop.currency == "USD"
    bike = shop.by_sku["B1"]
    assert (bike.department, bike.family, bike.color, bike.size, bike.price_minor) == (
        "Bikes",
        "Hill-5",
        "Red",
        "52",
        69950,
    )
    assert bike.picture == "", "we have no pictures of other people's products"
    placed = [order.placed_at for order in shop.orders]
    assert [instant.date().isoformat() for instant in placed] == ["2022-01-05", "2022-01-28"]
    assert all(8 <= instant.hour < 22 for instant in placed)
    assert [order.id for order in shop.last_week] == ["SO2"]
    assert read_dataset(folder) == shop


def test_about_88_of_a_hundred_people_agree_to_mail(tmp_path: Path) -> None:
    head = BIKES_ORDERS.splitlines()[0]
    lines = [f"SO{n},{n},2022-01-05,B1,1,1.00" for n in range(2_000)]
    shop = read_dataset(_folder(tmp_path, BIKES_PRODUCTS, "\n".join([head, *lines])))
    assert 0.86 < sum(c.opted_in for c in shop.customers) / 2_000 < 0.90


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        (BIKES_ORDERS.replace("2022-01-28", "28 January"), "transactions.csv.gz:3"),
        (BIKES_ORDERS.replace("8.99", "cheap"), "'cheap' is not an amount"),
        (BIKES_ORDERS.replace("C1,1", "C1,-1"), "cancellations do not belong"),
        (BIKES_ORDERS.replace("C1,1,8.99", "C1"), "transactions.csv.gz:3"),
        (BIKES_ORDERS.replace("customer_id", "client"), "the column customer_id is missing"),
        (BIKES_ORDERS.splitlines()[0], "there are no orders"),
        ("", "order_id"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, orders: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_dataset(_folder(tmp_path, BIKES_PRODUCTS, orders))


def test_a_folder_without_the_files_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no products\.csv\.gz"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Germany", "DE"),
        ("EIRE", "IE"),
        ("de", "DE"),
        ("USA", "US"),
        ("European Community", ""),
        ("Unspecified", ""),
        ("", ""),
    ],
)
def test_country_names_become_codes(name: str, code: str) -> None:
    assert country_code(name) == code


@given(st.text(max_size=30))
def test_any_country_name_gives_a_code_or_nothing(name: str) -> None:
    code = country_code(name)
    assert code == "" or (len(code) == 2 and code.isupper())
