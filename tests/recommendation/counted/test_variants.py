from collections.abc import Sequence

import pytest

from aftercart.recommendation.counted.variants import bought_once
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import DAY_S, GUEST, Interactions, interactions

COLORS = ("Red", "Blue", "Green", "Black")


def shop(helmets: str = "Helmets", yarns: str = "Yarn") -> tuple[Product, ...]:
    """Four helmets, four balls of yarn and a bike."""
    worn = [Product(f"h{color}", f"Trail Helmet, {color}", helmets, family="helmet") for color in COLORS]
    knitted = [Product(f"y{color}", f"Merino Yarn, {color}", yarns) for color in COLORS]
    return (*worn, *knitted, Product("bike", "Trail Bike", "Bikes"))


def past_of(products: Sequence[Product], people: Sequence[Sequence[int]]) -> Interactions:
    """Each person buys one product a day, in this order."""
    orders = [(person, day, item) for person, items in enumerate(people) for day, item in enumerate(items)]
    return interactions(
        products,
        [day * DAY_S for _, day, _ in orders],
        [person for person, _, _ in orders],
        range(len(orders)),
        [item for _, _, item in orders],
        [1.0] * len(orders),
    )


def once(products: Sequence[Product], people: Sequence[Sequence[int]]) -> dict[str, bool]:
    found = bought_once(past_of(products, people))
    return {product.sku: bool(each) for product, each in zip(products, found, strict=True)}


KNITTERS = [[4, 5, 6], [5, 7, 4], [6, 4, 7], [7, 6, 5]] * 30
RIDERS = [[0, 8], [1, 8], [8, 2], [8, 3], [8, 0], [8, 1]] * 30


def test_of_helmets_one_is_enough_and_of_yarn_none() -> None:
    found = once(shop(), [*KNITTERS, *RIDERS, *[[helmet, 4 + helmet] for helmet in range(4)] * 30])
    assert found["hRed"]
    assert not found["yRed"]


def test_kinds_are_told_apart_by_their_categories_alone() -> None:
    """What one yarn shows holds for all of the category, and kinds without a category stand together."""
    found = once(shop(helmets="", yarns=""), [*KNITTERS, *RIDERS])
    assert found["hRed"] == found["yRed"]


@pytest.mark.parametrize("people", [[], [[0], [4], [8]], [[0, 8]]], ids=["no orders", "nobody back", "hardly any"])
def test_where_hardly_anybody_came_back_everything_is_bought_once(people: list[list[int]]) -> None:
    assert all(once(shop(), people).values())


def test_guests_never_come_back() -> None:
    products = shop()
    past = interactions(products, [0, DAY_S] * 30, [GUEST] * 60, range(60), [4, 5] * 30, [1.0] * 60)
    assert bought_once(past).all()


def test_a_shop_without_products_has_nothing_to_say() -> None:
    assert len(bought_once(past_of((), []))) == 0
