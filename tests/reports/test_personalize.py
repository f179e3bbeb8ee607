"""Datasets of Amazon Personalize against the rules of its developer guide, and there and back again."""

import csv
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aftercart.db.session import Database
from aftercart.db.tables import customers, order_lines, orders, products, recipients
from aftercart.errors import ConfigError
from aftercart.pipeline.incoming.load_personalize import load_interactions, load_items
from aftercart.policy.address_hash import AddressHashes
from aftercart.reports.out.personalize import write_datasets
from aftercart.rights.person import ERASED
from tests.rows import MONDAY, Rows, a_database

HASHES = AddressHashes(["k" * 40])
REQUIRED = {
    "Interactions": {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"},
    "Users": {"USER_ID": "string"},
    "Items": {"ITEM_ID": "string"},
}
RESERVED = {"EVENT_TYPE": "string", "EVENT_VALUE": ["null", "float"]}
AVRO = {"float", "double", "int", "long", "string", "boolean", "null"}


@pytest.fixture
def shop(database: Database) -> Database:
    """Ada has an id of the shop, Ben is a guest; an order was canceled."""
    db = database
    rows = Rows(db)
    ada, ben = rows.recipient("ada@example.com"), rows.recipient("ben@example.com")
    with db.write() as connection:
        connection.execute(
            customers.insert(), {"shop": "generic", "shop_customer_id": "77", "recipient_id": ada, "created_at": MONDAY}
        )
    rows.product("BIKE", category="Bikes | Road", description="Light,\nand fast", price_minor=90_000)
    rows.product("BELL", brand="Ding", price_minor=None)
    first = rows.order(ada, customer_id=1, country="FR")
    rows.line(first, "BIKE", 1, 90_000)
    rows.line(first, "BELL", 2.5, 500, line_no=2)
    rows.line(rows.order(ben), "BELL", 1, 500)
    rows.line(rows.order(ben, state="canceled"), "BIKE", 1, 90_000)
    return db


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_dataset_keeps_the_rules_of_the_guide(shop: Database, tmp_path: Path) -> None:
    write_datasets(shop, tmp_path, lambda _name, _rows: None, ERASED)
    for name, required in REQUIRED.items():
        schema = json.loads((tmp_path / f"{name.upper()}.schema.json").read_text())
        assert (schema["type"], schema["name"], schema["version"]) == ("record", name, "1.0")
        assert schema["namespace"] == "com.amazonaws.personalize.schema"
        fields = {field["name"]: field for field in schema["fields"]}
        header, *lines = (tmp_path / f"{name.upper()}.csv").read_text().splitlines()
        assert header.split(",") == list(fields)  # in the order of the columns
        assert len({re.sub(r"[^A-Za-z0-9]", "", field) for field in fields}) == len(fields)
        assert {n: fields[n]["type"] for n in required} == required
        assert all(fields[n]["type"] == type_ for n, type_ in RESERVED.items() if n in fields)
        assert not any(fields[n].get("categorical") for n in (*required, *RESERVED) if n in fields)
        metadata = [f for n, f in fields.items() if n not in required]
        assert any(f.get("categorical") or f.get("textual") or "string" not in f["type"] for f in metadata)
        assert all(set([f["type"]] if isinstance(f["type"], str) else f["type"]) <= AVRO for f in metadata)
        assert sum(bool(f.get("textual")) for f in metadata) <= (1 if name == "Items" else 0)
        _check_values(fields, read(tmp_path, name.upper()), len(lines))


def _check_values(fields: dict[str, Any], rows: list[dict[str, str]], lines: int) -> None:
    assert len(rows) == lines  # no line break within a value
    for row in rows:
        for name, value in row.items():
            may_be_null = isinstance(fields[name]["type"], list)
            assert value or may_be_null
            if value and "long" in fields[name]["type"]:
                int(value)
            if value and "float" in fields[name]["type"]:
                float(value)
            assert "|" not in value or not fields[name].get("categorical")


def test_what_stands_in_them(shop: Database, tmp_path: Path) -> None:
    write_datasets(shop, tmp_path, lambda _name, _rows: None, ERASED)
    assert read(tmp_path, "USERS") == [
        {"USER_ID": "generic:77", "COUNTRY": "FR"},
        {"USER_ID": "person-2", "COUNTRY": ""},
    ]
    bell, bike = read(tmp_path, "ITEMS")
    assert (bike["ITEM_ID"], bike["CATEGORY"], bike["PRICE"]) == ("BIKE", "Bikes / Road", "900.00")
    assert (bike["DESCRIPTION"], bell["BRAND"], bell["PRICE"]) == ("Light, and fast", "Ding", "")
    at = str(int(MONDAY.timestamp()))
    told = [tuple(row.values()) for row in read(tmp_path, "INTERACTIONS")]
    assert told == [
        ("generic:77", "BIKE", at, "purchase", "900.00", "1.0"),
        ("generic:77", "BELL", at, "purchase", "5.00", "2.5"),
        ("person-2", "BELL", at, "purchase", "5.00", "1.0"),
    ]


def test_a_person_is_one_user_whichever_shop_they_bought_at_and_as_a_guest_too(shop: Database, tmp_path: Path) -> None:
    """And whoever has the same number in another shop is another one, with or without an address."""
    rows = Rows(shop)
    ada, cy = 1, rows.recipient("cy@example.com")
    new = {"merged_into": ada, "email": "ada@example.net", "created_at": MONDAY}
    with shop.write() as connection:
        buyers = [("woocommerce", "77", cy), ("woocommerce", "8", ada), ("shopify", "9", None)]
        for number, (name, id_, who) in enumerate(buyers, start=2):
            row = {"id": number, "shop": name, "shop_customer_id": id_, "recipient_id": who, "created_at": MONDAY}
            connection.execute(customers.insert(), row)
        blank = dict.fromkeys(("first_name", "locale", "time_zone", "country"), "")
        merged = connection.execute(recipients.insert().returning(recipients.c.id), blank | new).scalar_one()
    bought: list[tuple[int | None, int | None, str]] = [
        (ada, None, "generic"), (ada, 3, "woocommerce"), (merged, None, "generic"), (cy, 1, "generic"),
        (cy, 2, "woocommerce"), (None, 4, "shopify"),
    ]  # fmt: skip
    for who, buyer, name in bought:
        rows.line(rows.order(who, customer_id=buyer, shop=name, shop_order_id=f"{who} {buyer}"), "BELL", 1, 500)
    write_datasets(shop, tmp_path, lambda _name, _rows: None, ERASED)
    found = [row["USER_ID"] for row in read(tmp_path, "INTERACTIONS")][3:]
    assert found == [*["generic:77"] * 4, "woocommerce:77", "shopify:9"]
    users = [row["USER_ID"] for row in read(tmp_path, "USERS")]
    assert sorted(users) == ["generic:77", "person-2", "shopify:9", "woocommerce:77"]


def test_what_went_out_comes_in_again(shop: Database, tmp_path: Path) -> None:
    write_datasets(shop, tmp_path, lambda _name, _rows: None, ERASED)
    (tmp_path / "other").mkdir()
    with closing(a_database(tmp_path / "other")) as other:
        assert load_items(other, tmp_path, MONDAY).added == 2
        assert load_interactions(other, tmp_path, MONDAY, HASHES).added == 3
        assert load_interactions(other, tmp_path, MONDAY, HASHES).unchanged == 3
        rows = Rows(other)
        bought = [(line["sku"], line["quantity"], line["unit_price_minor"]) for line in rows.all(order_lines)]
        assert bought == [("BIKE", 1, 90_000), ("BELL", 2.5, 500), ("BELL", 1, 500)]
        assert [(o["placed_at"], o["country"], o["imported"]) for o in rows.all(orders)] == [
            (MONDAY, "FR", True),
            (MONDAY, "", True),
        ]
        assert [one["shop_customer_id"] for one in rows.all(customers)] == ["77", "person-2"]
        assert {product["sku"]: product["price_minor"] for product in rows.all(products)} == {
            "BIKE": 90_000,
            "BELL": None,
        }


def test_datasets_of_somebody_else_come_in_and_faults_name_their_line(tmp_path: Path) -> None:
    """Views among the purchases, no prices, other metadata, and a time that is none."""
    (tmp_path / "INTERACTIONS.csv").write_text(
        "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE\n"
        "u1,i1,1772445600,View,phone\n"
        "u1,i1,1772445600,Purchase,phone\n"
        "u1,i2,1772445600,Purchase,phone\n"
        "u2,i1,soon,Purchase,phone\n"
    )
    (tmp_path / "ITEMS.csv").write_text("ITEM_ID,CATEGORY_L1,CREATION_TIMESTAMP\ni1,Toys|Games,1\n")
    (tmp_path / "db").mkdir()
    with closing(a_database(tmp_path / "db")) as db:
        assert load_items(db, tmp_path, MONDAY).added == 1
        found = load_interactions(db, tmp_path, MONDAY, HASHES)
        assert (found.added, found.bad) == (2, 1)
        assert str(found.faults[0]).startswith(f"{tmp_path / 'INTERACTIONS.csv'}:5: ordered_at")
        rows = Rows(db)
        assert len(rows.all(orders)) == 1
        assert [(p["title"], p["category"]) for p in rows.all(products)] == [("i1", "Toys/Games")]
        assert load_interactions(db, tmp_path, MONDAY, HASHES, event="").added == 1  # the view, too


def test_customers_of_another_shop_are_left_out_and_told(tmp_path: Path) -> None:
    """Under the name of this shop no later webhook would find them. An id may hold the sign between as it pleases."""
    rows = ("shopify:7,i1,1772445600", "shopify:8,i1,1772445600", "generic:7,i1,1772445600", "a:7,i1,1772445600")
    (tmp_path / "INTERACTIONS.csv").write_text(
        "\n".join(("USER_ID,ITEM_ID,TIMESTAMP", *rows, "shopify,i1,1772445600\n"))
    )
    (tmp_path / "db").mkdir()
    with closing(a_database(tmp_path / "db")) as db:
        found = load_interactions(db, tmp_path, MONDAY, HASHES)
        assert (found.added, found.bad) == (3, 0)
        assert found.notes == ("left out, because customers of shopify: 2 purchases; --shop shopify imports them",)
        assert [one["shop_customer_id"] for one in Rows(db).all(customers)] == ["7", "a:7", "shopify"]


def test_a_file_that_is_none_of_them_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ITEMS.csv").write_text("sku,title\n")
    (tmp_path / "db").mkdir()
    with closing(a_database(tmp_path / "db")) as db:
        with pytest.raises(ConfigError, match="has no column ITEM_ID"):
            load_items(db, tmp_path, MONDAY)
        with pytest.raises(ConfigError, match="cannot be read"):
            load_interactions(db, tmp_path, MONDAY, HASHES)


def test_an_item_in_another_encoding_is_a_bad_row_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "ITEMS.csv").write_bytes("ITEM_ID,TITLE\ni1,Vélo\ni2,Bell\n".encode("latin-1"))
    (tmp_path / "db").mkdir()
    with closing(a_database(tmp_path / "db")) as db:
        found = load_items(db, tmp_path, MONDAY)
    assert (found.added, [str(fault) for fault in found.faults]) == (
        1,
        [f"{tmp_path / 'ITEMS.csv'}:2: title: is not UTF-8 (save the file as UTF-8)"],
    )
