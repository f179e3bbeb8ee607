from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from aftercart.db.session import Database
from aftercart.db.tables import Row, customers, model_versions, order_reversals, orders, products
from aftercart.recommendation import store
from aftercart.recommendation.inputs.catalog import Product
from tests.recommendation.bike_shop import sell, stock

AT = datetime(2026, 3, 1, tzinfo=UTC)
CATALOG = [Product(sku, sku.title(), price_minor=100, currency="EUR") for sku in ("bike", "cage", "pump")]


@pytest.fixture
def shop(db: Database) -> Database:
    """Ada (1) bought a bike and a cage, later a pump; Ben (2) a bike and something long gone from the catalog."""
    fill(db)
    return db


def fill(db: Database) -> None:
    stock(db, CATALOG)
    sell(db, [(1, AT, ["bike", "cage"]), (2, AT, ["bike", "gone"]), (1, AT.replace(day=9), ["pump"])])


def baskets(db: Database) -> list[list[str]]:
    with db.read() as connection:
        past = store.load_interactions(connection)
    items = past.item.tolist()
    pairs = zip(past.line_start[:-1], past.line_start[1:], strict=True)
    return sorted(sorted(past.products[item].sku for item in items[a:b]) for a, b in pairs)


def change(db: Database, statement: Any) -> None:
    with db.write() as connection:
        connection.execute(statement)


def reverse(db: Database, order: str, sku: str | None, quantity: float | None) -> None:
    row = {"shop": "shop", "shop_order_id": order, "reversal_key": "r", "kind": "refund", "sku": sku,
           "quantity": quantity, "happened_at": AT}  # fmt: skip
    change(db, insert(order_reversals).values(row))


def test_completed_orders_are_learned_from_and_unknown_products_left_out(shop: Database) -> None:
    assert baskets(shop) == [["bike"], ["bike", "cage"], ["pump"]]


@pytest.mark.parametrize("state", ["canceled", "refunded", "placed"])
def test_orders_that_did_not_hold_teach_nothing(shop: Database, state: str) -> None:
    change(shop, update(orders).where(orders.c.id == 1).values(state=state))
    assert baskets(shop) == [["bike"], ["pump"]]


@pytest.mark.parametrize(("quantity", "kept"), [(1, False), (None, False), (0.5, True)])
def test_a_line_returned_in_full_teaches_nothing(shop: Database, quantity: float | None, kept: bool) -> None:
    reverse(shop, "o1", "cage", quantity)
    assert (["bike", "cage"] in baskets(shop)) is kept


def test_a_reversal_of_an_order_that_never_came_changes_nothing(shop: Database) -> None:
    reverse(shop, "o99", "cage", None)
    assert len(baskets(shop)) == 3


def test_two_customer_accounts_of_one_recipient_are_one_person(shop: Database) -> None:
    change(shop, update(orders).where(orders.c.id == 3).values(customer_id=2))
    with shop.read() as connection:
        past = store.load_interactions(connection)
    assert sorted(past.histories(9).lengths.tolist()) == [0, 0, 2]


def test_a_customer_without_an_address_has_a_history_too(shop: Database) -> None:
    change(shop, update(orders).values(recipient_id=None))
    change(shop, update(customers).values(recipient_id=None))
    with shop.read() as connection:
        past = store.load_interactions(connection)
    assert sorted(past.histories(9).lengths.tolist()) == [0, 0, 2]


def test_the_newest_orders_alone_can_be_read(shop: Database) -> None:
    with shop.read() as connection:
        assert store.load_interactions(connection, newest=1).order_count == 1


def test_a_history_holds_returned_things_but_not_canceled_ones_oldest_first(shop: Database) -> None:
    change(shop, update(orders).where(orders.c.id == 3).values(state="refunded"))
    change(shop, update(orders).where(orders.c.id == 2).values(state="canceled"))
    with shop.read() as connection:
        assert store.recipient_histories(connection, [1, 2, 3]) == {1: ("bike", "cage", "pump")}
        assert store.customer_histories(connection, ["c1", "c2"]) == {"c1": ("bike", "cage", "pump")}
        assert store.recipient_histories(connection, []) == {}


def test_facts_are_those_of_the_moment(shop: Database) -> None:
    change(shop, update(products).where(products.c.sku == "bike").values(price_minor=7, stock=0))
    change(shop, delete(products).where(products.c.sku == "cage"))
    with shop.read() as connection:
        facts = store.load_facts(connection, ["bike", "cage"])
    assert set(facts) == {"bike"}
    assert (facts["bike"].price_minor, facts["bike"].stock) == (7, 0)


def add(db: Database, version: str, *, serve: bool, day: int = 1) -> None:
    with db.write() as connection:
        at = AT.replace(day=day)
        store.add_version(
            connection, store.Version(version, "sum"), trained_at=at, data_until=at, facts={}, serve=serve
        )


def test_a_new_serving_version_retires_the_one_before(db: Database) -> None:
    add(db, "v1", serve=True)
    add(db, "v2", serve=True, day=2)
    with db.read() as connection:
        assert store.serving_version(connection) == store.Version("v2", "sum")
        states = connection.execute(model_versions.select().order_by(model_versions.c.version)).fetchall()
    assert [row.state for row in states] == ["retired", "serving"]


def test_a_candidate_does_not_serve(db: Database) -> None:
    add(db, "v1", serve=True)
    add(db, "v2", serve=False, day=2)
    with db.read() as connection:
        assert store.serving_version(connection) == store.Version("v1", "sum")


def test_more_keys_than_one_statement_takes_are_asked_in_parts(shop: Database) -> None:
    many: Sequence[str] = [f"none-{number}" for number in range(40_000)]
    with shop.read() as connection:
        assert set(store.load_facts(connection, [*many, "bike"])) == {"bike"}


def test_postgresql_reads_the_same(postgres_url: str) -> None:
    db = Database(postgres_url)
    Row.metadata.create_all(db.engine)
    fill(db)
    reverse(db, "o1", "cage", None)
    assert baskets(db) == [["bike"], ["bike"], ["pump"]]
    with db.read() as connection:
        assert store.recipient_histories(connection, [1]) == {1: ("bike", "cage", "pump")}
        assert store.customer_histories(connection, ["c2"]) == {"c2": ("bike", "gone")}
        assert store.load_interactions(connection, newest=1).order_count == 1
        assert store.extent(connection) == (3, 3)
        assert set(store.load_facts(connection, ["bike", "x"])) == {"bike"}
    add(db, "v1", serve=True)
    with db.read() as connection:
        assert store.serving_version(connection) == store.Version("v1", "sum")
    db.close()
