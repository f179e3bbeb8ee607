from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.recommendation.asking.guards import Basket, Guard, fits, refusal, refusal_beside
from aftercart.recommendation.asking.request import Anchor, MarginFloor, PriceCap, Request, Rules
from aftercart.recommendation.inputs.catalog import Product

BIKE = Product("bike", "Road Bike", "Road Bikes", "Bikes", family="road", price_minor=100_000, currency="EUR")
CAGE = Product("cage", "Road Cage", "Bottles", "Accessories", "Acme", price_minor=900, currency="EUR")


def basket(rules: Rules | None = None, *, together: bool = False, **request: object) -> Basket:
    asked = Request((Anchor("bike", 100_000),), "EUR", rules or Rules(), **request)  # type: ignore[arg-type]
    return Basket(asked, (BIKE,), lambda _anchor, _sku: together)


def test_a_complement_in_stock_passes() -> None:
    assert refusal("cage", CAGE, basket()) is None


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        ({"published": False}, Guard.GONE),
        ({"stock": 0}, Guard.OUT_OF_STOCK),
        ({"stock": -3}, Guard.OUT_OF_STOCK),
        ({"price_minor": None}, Guard.NO_PRICE),
        ({"price_minor": 0}, Guard.NO_PRICE),
        ({"family": "road"}, Guard.NEAR_DUPLICATE),
        ({"title": "Road Bike, black"}, Guard.NEAR_DUPLICATE),
        ({"category": "Road Bikes"}, Guard.SUBSTITUTE),
    ],
)
def test_each_guard_turns_away_what_it_names(change: Mapping[str, object], guard: Guard) -> None:
    assert refusal("cage", replace(CAGE, **change), basket()) is guard  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url", ["", " ", "/products/cage", "shop.example/cage", "https://", "javascript:alert(1)", "https://a@b.example/"]
)
def test_a_mail_offers_nothing_whose_button_would_be_dead(url: str) -> None:
    """A ranking of the catalog may: many a catalog has no addresses at all."""
    assert refusal("cage", replace(CAGE, url=url), basket(Rules(needs_url=True))) is Guard.NO_URL
    assert refusal("cage", replace(CAGE, url=url), basket()) is None


def test_a_product_with_a_page_passes() -> None:
    assert refusal("cage", replace(CAGE, url=" https://shop.example/cage "), basket(Rules(needs_url=True))) is None


def test_a_product_that_left_the_catalog_is_gone() -> None:
    assert refusal("cage", None, basket()) is Guard.GONE


def test_what_the_person_has_or_must_not_see_is_turned_away() -> None:
    assert refusal("bike", BIKE, basket()) is Guard.IN_ORDER
    assert refusal("cage", CAGE, basket(owned=("cage",))) is Guard.OWNED
    assert refusal("cage", CAGE, basket(exclude=frozenset({"cage"}))) is Guard.EXCLUDED


def having(product: Product, *, together: bool = False) -> Basket:
    """The order of a bike, by somebody who has the product."""
    asked = Request((Anchor("bike", 100_000),), "EUR", Rules(), owned=(product.sku,))
    return Basket(asked, (BIKE,), lambda _owned, _sku: together, owned_products=(product,))


@pytest.mark.parametrize(("family", "title"), [("cages", "Sidewinder"), ("", "Road Cage, red")])
def test_what_the_person_has_in_another_color_is_not_offered(family: str, title: str) -> None:
    theirs, offered = replace(CAGE, sku="red", family=family, title=title), replace(CAGE, family=family)
    assert refusal("cage", offered, having(theirs)) is Guard.OWNED_ALIKE
    assert refusal("cage", replace(offered, title="Pump", family="pumps"), having(theirs)) is None


def test_another_color_is_offered_where_people_buy_both() -> None:
    assert refusal("cage", CAGE, having(replace(CAGE, sku="red", title="Road Cage, red"), together=True)) is None


def test_stock_that_is_not_counted_is_in_stock() -> None:
    assert refusal("cage", replace(CAGE, stock=None), basket()) is None


def test_one_category_is_fine_where_people_buy_both_at_once() -> None:
    """A bottle and its cage share a category, and belong together."""
    assert refusal("cage", replace(CAGE, category="Road Bikes"), basket(together=True)) is None


def test_a_variant_of_an_anchor_is_refused_even_where_people_buy_both() -> None:
    assert refusal("cage", replace(CAGE, family="road"), basket(together=True)) is Guard.NEAR_DUPLICATE


@pytest.mark.parametrize(
    ("only", "without", "expected"),
    [
        ({"department": ("accessories", "Clothing")}, {}, True),
        ({"department": ("Clothing",)}, {}, False),
        ({"department": ("Accessories",), "brand": ("Other",)}, {}, False),
        ({}, {"category": ("BOTTLES",)}, False),
        ({"department": ("Accessories",)}, {"sku": ("cage",)}, False),
        ({}, {}, True),
    ],
)
def test_only_needs_every_key_and_except_any(
    only: dict[str, tuple[str, ...]], without: dict[str, tuple[str, ...]], expected: bool
) -> None:
    rules = Rules(only=only, without=without)
    assert fits(CAGE, rules) is expected
    assert (refusal("cage", CAGE, basket(rules)) is None) is expected


@given(st.integers(1, 200_000), st.integers(1, 200))
def test_a_percentage_is_of_the_dearest_anchor(price: int, percent: int) -> None:
    rules = Rules(price_at_most=PriceCap(percent=percent))
    refused = refusal("cage", replace(CAGE, price_minor=price), basket(rules)) is Guard.TOO_DEAR
    assert refused is (price > percent * 1_000)


def test_an_absolute_price_cap_holds_to_the_cent() -> None:
    rules = Rules(price_at_most=PriceCap(minor=900))
    assert refusal("cage", CAGE, basket(rules)) is None
    assert refusal("cage", replace(CAGE, price_minor=901), basket(rules)) is Guard.TOO_DEAR


@pytest.mark.parametrize(
    ("cost", "guard"),
    [(720, None), (721, Guard.THIN_MARGIN), (0, None), (900, Guard.THIN_MARGIN), (1_000, Guard.THIN_MARGIN)],
    ids=["to the cent", "a cent too dear", "given to the shop", "at cost", "below cost"],
)
def test_what_leaves_the_shop_less_than_the_margin_asked_for_is_turned_away(cost: int, guard: Guard | None) -> None:
    rules = Rules(margin=MarginFloor(percent=20))
    assert refusal("cage", replace(CAGE, cost_minor=cost), basket(rules)) is guard


def test_a_product_whose_cost_nobody_told_stays_unless_the_campaign_leaves_it_out() -> None:
    assert refusal("cage", CAGE, basket(Rules(margin=MarginFloor(20)))) is None
    assert refusal("cage", CAGE, basket(Rules(margin=MarginFloor(20, keeps_unknown=False)))) is Guard.COST_UNKNOWN


def test_a_cost_is_no_matter_where_no_margin_is_asked_for() -> None:
    assert refusal("cage", replace(CAGE, cost_minor=5_000), basket()) is None


def test_prices_in_two_currencies_are_never_compared() -> None:
    """The order was paid in yen: the catalog's euro price of the anchor counts, and without one nothing does."""
    rules = Rules(price_at_most=PriceCap(percent=60))
    paid_in_yen = Request((Anchor("bike", 16_000_000),), "JPY", rules)
    listed = Basket(paid_in_yen, (BIKE,), lambda _anchor, _sku: False)
    assert refusal("cage", replace(CAGE, price_minor=60_001), listed) is Guard.TOO_DEAR
    assert refusal("cage", replace(CAGE, price_minor=60_000), listed) is None
    unlisted = Basket(paid_in_yen, (), lambda _anchor, _sku: False)
    assert refusal("cage", CAGE, unlisted) is Guard.CURRENCY_UNKNOWN


def test_what_was_bought_counts_where_people_hardly_ever_buy_more_of_its_category() -> None:
    bottle, strap = replace(CAGE, sku="a", title="Bottle"), replace(CAGE, title="Strap")
    has_bottles = replace(basket(), taken=frozenset({"Bottles"}))
    assert refusal_beside(strap, [bottle], basket()) is None
    assert refusal_beside(strap, [], has_bottles) is None
    assert refusal_beside(strap, [bottle], has_bottles) is Guard.CATEGORY_FULL


def test_two_of_a_category_are_enough_and_one_of_a_kind() -> None:
    chosen = [replace(CAGE, sku="a", title="Cage"), replace(CAGE, sku="b", title="Bottle")]
    assert refusal_beside(replace(CAGE, title="Strap"), chosen, basket()) is Guard.CATEGORY_FULL
    assert refusal_beside(replace(CAGE, title="Bottle, blue", category="x"), chosen, basket()) is Guard.ALIKE
    nameless = [replace(c, category="") for c in chosen]
    assert refusal_beside(replace(CAGE, title="Strap", category=""), nameless, basket()) is None


def test_without_categories_what_is_bought_instead_of_all_anchors_is_a_substitute() -> None:
    def instead(anchor: str, sku: str) -> bool:
        return (anchor, sku) == ("bike", "cage")

    tire = replace(CAGE, sku="tire", title="Tire")
    asked = Request((Anchor("bike", 100_000), Anchor("tire", 900)), "EUR", Rules())
    alone, both = (Basket(asked, anchors, lambda *_: False, instead=instead) for anchors in ((BIKE,), (BIKE, tire)))
    nameless = replace(CAGE, category="")
    assert refusal("cage", nameless, alone) is Guard.SUBSTITUTE
    assert refusal("cage", nameless, both) is None
    assert refusal("cage", CAGE, alone) is None, "categories tell more than counts of two products"
