"""Which categories stand against each other, and which go together."""

from itertools import count

from aftercart.recommendation.asking.guards import Basket, Guard, Rivals, refusal
from aftercart.recommendation.asking.request import Anchor, Request
from aftercart.recommendation.counted.categories import Categories, categories_of
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import interactions

ROAD = Product("ROAD", "Swift", "Road Bikes", price_minor=100_000, currency="EUR")
MOUNTAIN = Product("MOUNTAIN", "Ridge", "Mountain Bikes", price_minor=90_000, currency="EUR")
HELMET = Product("HELMET", "Shell", "Helmets", price_minor=5_000, currency="EUR")
RARE = Product("RARE", "Unicycle", "Unicycles", price_minor=5_000, currency="EUR")
PRODUCTS = (ROAD, MOUNTAIN, HELMET, RARE)


def rivals_after(*baskets: tuple[list[Product], int]) -> Rivals:
    return after(*baskets).rivals


def after(*baskets: tuple[list[Product], int]) -> Categories:
    """What orders of these products show, each so many times."""
    number = count()
    orders, items = [], []
    for products, times in baskets:
        for _ in range(times):
            order = next(number)
            orders += [order] * len(products)
            items += [PRODUCTS.index(product) for product in products]
    how_many = next(number)
    past = interactions(PRODUCTS, range(how_many), range(how_many), orders, items, [1.0] * len(items))
    return categories_of(PRODUCTS, evidence_of(past))


def test_kinds_of_bikes_that_nobody_buys_together_are_rivals() -> None:
    rivals = rivals_after(([ROAD, HELMET], 100), ([MOUNTAIN, HELMET], 100), ([RARE], 2))
    assert rivals == {("Road Bikes", "Mountain Bikes"), ("Mountain Bikes", "Road Bikes")}


def test_what_is_bought_together_now_and_then_is_no_rival() -> None:
    assert not rivals_after(([ROAD], 90), ([MOUNTAIN], 90), ([ROAD, MOUNTAIN], 10))


def test_few_orders_say_nothing() -> None:
    assert not rivals_after(([ROAD], 8), ([MOUNTAIN], 8))


def basket(*anchors: Product) -> Basket:
    request = Request(tuple(Anchor(anchor.sku, anchor.price_minor or 0) for anchor in anchors), "EUR")
    rivals = frozenset({("Road Bikes", "Mountain Bikes"), ("Mountain Bikes", "Road Bikes")})
    return Basket(request, anchors, lambda _anchor, _sku: False, rivals)


def test_a_mountain_bike_is_not_offered_to_who_bought_a_road_bike() -> None:
    assert refusal("MOUNTAIN", MOUNTAIN, basket(ROAD)) is Guard.SUBSTITUTE


def test_a_rival_of_one_anchor_may_go_with_another() -> None:
    assert refusal("MOUNTAIN", MOUNTAIN, basket(ROAD, HELMET)) is None


def test_categories_that_stand_in_one_order_go_together_by_how_often() -> None:
    found = after(([ROAD, HELMET], 6), ([ROAD, RARE], 3), ([MOUNTAIN], 9))
    road = dict(zip(found.names, found.shares[found.number["Road Bikes"]].toarray()[0].tolist(), strict=True))
    assert road["Helmets"] > road["Unicycles"] > 0
    assert (road["Mountain Bikes"], road["Road Bikes"]) == (0, 0)
    assert abs(sum(road.values()) - 1) < 1e-6


def test_categories_that_orders_keep_apart_do_not_go_together_for_one_order_that_holds_both() -> None:
    found = after(([ROAD, HELMET], 100), ([MOUNTAIN, HELMET], 100), ([ROAD, MOUNTAIN], 1))
    assert ("Road Bikes", "Mountain Bikes") in found.rivals
    assert found.shares[found.number["Road Bikes"], found.number["Mountain Bikes"]] == 0


def test_a_category_of_which_people_buy_several_is_not_taken_by_one() -> None:
    spare = Product("SPARE", "Spare helmet", "Helmets")
    products = (*PRODUCTS, spare)
    baskets = [[0, 2]] * 6 + [[2, 4]] * 4
    orders, items = [o for o, b in enumerate(baskets) for _ in b], [i for b in baskets for i in b]
    past = interactions(products, range(10), range(10), orders, items, [1.0] * len(items))
    found = categories_of(products, evidence_of(past))
    both = {"Helmets", "Road Bikes", "unheard of"}
    assert found.taken(both, 2) == {"Helmets", "Road Bikes"}, "of two beside a helmet, hardly one is another helmet"
    assert found.taken(both, 10) == {"Road Bikes"}
