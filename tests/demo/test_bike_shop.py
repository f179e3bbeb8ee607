"""The synthetic shop: the same for everybody, and with something true in it to find."""

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import pairwise

import pytest

from aftercart.demo import bike_shop
from aftercart.demo.shop import DemoShop, Order
from aftercart.errors import ConfigError


@pytest.fixture(scope="module")
def shop() -> DemoShop:
    return bike_shop.generate()


def _kinds(shop: DemoShop, order: Order) -> set[str]:
    return {bike_shop._kind(shop.by_sku[line.sku].category) for line in order.lines}


def _fingerprint(shop: DemoShop) -> str:
    return sha256(repr((shop.products, shop.customers, shop.orders)).encode()).hexdigest()


def test_equal_seeds_give_equal_shops_in_every_process() -> None:
    code = (
        "from aftercart.demo import bike_shop; from hashlib import sha256; s = bike_shop.generate(3, people=60);"
        "print(sha256(repr((s.products, s.customers, s.orders)).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert elsewhere == _fingerprint(bike_shop.generate(3, people=60))


def test_another_seed_gives_other_orders_of_the_same_products() -> None:
    one, other = bike_shop.generate(1, people=60), bike_shop.generate(2, people=60)
    assert one.products == other.products
    assert one.orders != other.orders


def test_it_has_the_promised_size(shop: DemoShop) -> None:
    assert 110 <= len(shop.products) <= 130
    assert len(shop.customers) == 5_000
    assert 15_000 <= len(shop.orders) <= 20_000
    assert {p.department for p in shop.products} == {"Bikes", "Accessories", "Clothing", "Components"}
    assert shop.synthetic


def test_every_product_sells_and_can_be_shown(shop: DemoShop) -> None:
    sold = Counter(line.sku for order in shop.orders for line in order.lines)
    assert set(sold) == set(shop.by_sku)
    assert len({p.url for p in shop.products}) == len(shop.products)
    assert all(p.price_minor > 0 and p.description and p.title for p in shop.products)


def test_orders_are_chronological_and_end_on_the_last_day(shop: DemoShop) -> None:
    instants = [order.placed_at for order in shop.orders]
    assert instants == sorted(instants)
    assert instants[-1].date() == date(2026, 5, 31)
    assert instants[0] > datetime(2024, 5, 30, tzinfo=UTC)


def test_history_and_last_week_are_the_whole_and_touch_at_midnight(shop: DemoShop) -> None:
    assert [*shop.history, *shop.last_week] == list(shop.orders)
    assert shop.replay_starts_at == datetime(2026, 5, 25, tzinfo=UTC)
    assert shop.history[-1].placed_at < shop.replay_starts_at <= shop.last_week[0].placed_at


def test_a_shop_can_be_taken_as_it_stood_on_an_earlier_day(shop: DemoShop) -> None:
    then = shop.ending_on(date(2026, 3, 15))
    assert then.replay_starts_at == datetime(2026, 3, 9, tzinfo=UTC)
    assert {order.placed_at.date() for order in then.last_week} <= {date(2026, 3, 9 + n) for n in range(7)}
    assert [order.id for order in then.orders] == [o.id for o in shop.orders if o.placed_at.date() <= date(2026, 3, 15)]
    left = {customer.unsubscribed_at for customer in (*then.customers, *(order.customer for order in then.orders))}
    assert None in left
    assert all(at is None or at.date() <= date(2026, 3, 15) for at in left), "nobody knows yet who will leave"
    assert shop.ending_on(date(2026, 5, 31)).last_week == shop.last_week


@pytest.mark.parametrize("day", [date(2024, 5, 1), date(2026, 7, 1)])
def test_a_week_without_orders_is_refused_with_the_days_that_have_some(shop: DemoShop, day: date) -> None:
    with pytest.raises(ConfigError, match=rf"ends on {day}: .* from 2024-\d\d-\d\d to 2026-05-31"):
        shop.ending_on(day)


@pytest.mark.parametrize(
    ("anchor", "complement", "at_least"),
    [
        ("Bikes", "Helmets", 2.5),
        ("Bottle Cages", "Bottles", 4),
        ("Tires", "Tubes", 4),
        ("Chains", "Care", 3),
        ("Jerseys", "Shorts", 3),
    ],
)
def test_complements_are_bought_together_more_than_chance_has_it(
    shop: DemoShop, anchor: str, complement: str, at_least: float
) -> None:
    baskets = [_kinds(shop, order) for order in shop.orders]
    with_anchor = [basket for basket in baskets if anchor in basket]
    share_with = sum(complement in basket for basket in with_anchor) / len(with_anchor)
    share_of_all = sum(complement in basket for basket in baskets) / len(baskets)
    assert share_with > at_least * share_of_all


@pytest.mark.parametrize(
    ("anchor", "fitting", "odd"),
    [("CL-SOX", "Jerseys", "Pumps"), ("AC-BAGR", "Gloves", "Tools"), ("AC-BAGS", "Tools", "Gloves")],
)
def test_people_put_nothing_odd_beside_socks_and_bags(shop: DemoShop, anchor: str, fitting: str, odd: str) -> None:
    """A model offers what it has seen: levers went with a backpack, and with socks alone nothing did."""
    first = (order for order in shop.orders if order.lines[0].sku.startswith(anchor))
    beside = Counter(kind for order in first for kind in _kinds(shop, order))
    assert beside[fitting] > 3 * beside[odd]


def test_who_bought_a_bike_without_a_helmet_comes_back_for_one(shop: DemoShop) -> None:
    by_customer: dict[str, list[Order]] = {}
    for order in shop.orders:
        by_customer.setdefault(order.customer.id, []).append(order)
    after_bike, after_other = Counter[bool](), Counter[bool]()
    for orders in by_customer.values():
        for order, later in pairwise(orders):
            soon = later.placed_at - order.placed_at < timedelta(days=60)
            if soon and "Helmets" not in _kinds(shop, order):
                seen = after_bike if "Bikes" in _kinds(shop, order) else after_other
                seen["Helmets" in _kinds(shop, later)] += 1
    assert after_bike[True] / after_bike.total() > 1.5 * after_other[True] / after_other.total()


def test_a_tube_fits_the_tire_it_was_bought_with(shop: DemoShop) -> None:
    fits = {"CO-TYRR": "CO-TUBR", "CO-TYRM": "CO-TUBM", "CO-TYRC": "CO-TUBC", "CO-TYRG": "CO-TUBC"}
    carts = [[line.sku for line in order.lines] for order in shop.orders]
    led = [(cart[0], sku) for cart in carts if cart[0][:7] in fits for sku in cart if sku.startswith("CO-TUB")]
    assert {tube[:7] == fits[tire[:7]] for tire, tube in led} == {True}


def test_tire_levers_are_bought_for_tires_and_a_multi_tool_for_the_rest(shop: DemoShop) -> None:
    beside = Counter(
        (shop.by_sku[order.lines[0].sku].category, line.sku[:7])
        for order in shop.orders
        for line in order.lines[1:]
        if line.sku.startswith(("AC-LEV", "AC-TOOL"))
    )
    assert beside["Tires", "AC-LEV-"] > 20
    assert beside["Chains", "AC-TOOL"] > 20
    assert all(beside[kind, "AC-LEV-"] == 0 for kind in ("Chains", "Brake Pads", "Pedals", "Bar Tape", "Care"))


def test_consumables_come_back_and_the_shop_grows(shop: DemoShop) -> None:
    bought = Counter(
        (o.customer.id, line.sku) for o in shop.orders for line in o.lines if line.sku.startswith("CO-TUB")
    )
    assert sum(times > 1 for times in bought.values()) > 100
    months = Counter(f"{order.placed_at:%Y-%m}" for order in shop.orders)
    assert months["2026-04"] > 1.3 * months["2025-04"]
    assert months["2025-05"] > 1.3 * months["2025-01"], "spring is busier than winter"


def test_people_can_be_mailed_but_exist_nowhere(shop: DemoShop) -> None:
    assert all(c.email.endswith("@example.com") and c.email.isascii() for c in shop.customers)
    assert len({c.email for c in shop.customers}) == len(shop.customers)
    assert {c.locale[:2] for c in shop.customers} == {"en", "fr", "de", "es"}
    assert 0.83 < sum(c.opted_in for c in shop.customers) / len(shop.customers) < 0.88
    assert 0.02 < sum(c.unsubscribed_at is not None for c in shop.customers) / len(shop.customers) < 0.04


def test_whoever_unsubscribes_accepted_mail_before_and_not_after(shop: DemoShop) -> None:
    for customer in shop.customers:
        if left_at := customer.unsubscribed_at:
            assert customer.accepts_marketing(left_at - timedelta(seconds=1))
            assert not customer.accepts_marketing(left_at)


def test_a_product_is_found_by_its_page_whatever_utm_hangs_on_it(shop: DemoShop) -> None:
    product = shop.products[5]
    assert shop.product_at(f"{product.url}?utm_source=aftercart&utm_medium=email") is product
    assert shop.product_at("https://shop.example/") is None
    assert shop.product_at(product.url.replace("shop.example", "evil.example")) is None


def test_a_shop_that_moved_is_the_same_shop_elsewhere(shop: DemoShop) -> None:
    moved = shop.moved_to("http://127.0.0.1:8000/shop")
    old, new = shop.products[5], moved.products[5]
    assert new.url == old.url.replace("https://shop.example/", "http://127.0.0.1:8000/shop/")
    assert moved.product_at(f"{new.url}?utm_source=aftercart#top") is new
    assert moved.product_at(old.url) is None
    assert moved.moved_to("https://shop.example") == shop
