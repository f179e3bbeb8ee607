"""Products as they are told become rows, alike on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aftercart.db.session import Database
from aftercart.db.tables import products
from aftercart.intake.changes import OrderSeen, Product, ProductSeen
from tests.intake.store.told import NOON, NOW, only, order, rows, tell

BELL = Product("BELL", "Bell", category="Bells", price_minor=500, currency="EUR", updated_at=NOON)


def test_a_product_takes_its_newest_version_and_keeps_what_that_does_not_speak_of(db: Database) -> None:
    tell(db, ProductSeen(replace(BELL, states_stock=True, stock=3)))
    tell(db, ProductSeen(Product("BELL", "Brass bell", brand="Velo", updated_at=NOON + timedelta(hours=1))))
    tell(db, ProductSeen(replace(BELL, title="Old bell", price_minor=1, states_stock=True)))
    product = only(db, products)
    assert (product["title"], product["brand"], product["category"]) == ("Brass bell", "Velo", "Bells")
    assert (product["price_minor"], product["stock"]) == (500, 3)


def test_stock_that_is_no_longer_counted_is_not_counted(db: Database) -> None:
    tell(db, ProductSeen(replace(BELL, states_stock=True, stock=0)))
    tell(db, ProductSeen(replace(BELL, states_stock=True, stock=None)))
    assert only(db, products)["stock"] is None


@pytest.mark.parametrize(
    ("news", "struck"),
    [
        (replace(BELL, compare_at_minor=700), 700),
        (replace(BELL, compare_at_minor=0), 0),
        (BELL, 600),
        (Product("BELL", "Bell"), 600),
        (replace(BELL, price_minor=400), None),
        (replace(BELL, currency="USD"), None),
    ],
    ids=["another", "taken back", "unsaid", "no price", "a new price alone", "another currency"],
)
def test_what_is_struck_through_is_the_last_word_and_none_beside_a_new_price(
    news: Product, struck: int | None, db: Database
) -> None:
    tell(db, ProductSeen(replace(BELL, compare_at_minor=600, rating=4.5, rating_count=2)))
    tell(db, ProductSeen(news))
    product = only(db, products)
    assert (product["compare_at_minor"], product["rating"], product["rating_count"]) == (struck, 4.5, 2)


@pytest.mark.parametrize(
    ("news", "cost"),
    [
        (replace(BELL, states_cost=True, cost_minor=250), 250),
        (replace(BELL, states_cost=True), None),
        (BELL, 200),
        (Product("BELL", "Bell"), 200),
        (replace(BELL, price_minor=400), 200),
        (replace(BELL, currency="USD"), None),
        (Product("BELL", "Bell", states_cost=True, cost_minor=250, currency="EUR"), 250),
        (Product("BELL", "Bell", states_cost=True, cost_minor=250, currency="USD"), None),
    ],
    ids=[
        "another", "taken back", "unsaid", "no price", "a new price alone", "another currency", "a cost alone",
        "a cost alone in another currency",
    ],
)  # fmt: skip
def test_what_a_product_costs_the_shop_is_the_last_word_in_the_currency_of_its_price(
    news: Product, cost: int | None, db: Database
) -> None:
    tell(db, ProductSeen(replace(BELL, states_cost=True, cost_minor=200)))
    tell(db, ProductSeen(news))
    assert only(db, products)["cost_minor"] == cost


def test_a_cost_that_comes_before_the_price_waits_for_one_in_its_currency(db: Database) -> None:
    tell(db, ProductSeen(Product("BELL", "Bell")))
    tell(db, ProductSeen(Product("BELL", "Bell", states_cost=True, cost_minor=200, currency="EUR")))
    tell(db, ProductSeen(BELL))
    assert (only(db, products)["cost_minor"], only(db, products)["currency"]) == (200, "EUR")


def test_a_product_told_again_is_not_touched(db: Database) -> None:
    tell(db, ProductSeen(BELL))
    tell(db, ProductSeen(BELL), now=NOW + timedelta(days=1))
    assert only(db, products)["updated_at"] == NOW


def test_an_order_line_of_an_unknown_product_invents_none(db: Database) -> None:
    tell(db, OrderSeen(order()))
    assert rows(db, products) == []
