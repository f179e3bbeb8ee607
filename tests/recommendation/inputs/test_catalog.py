import pytest

from aftercart.recommendation.inputs.catalog import Details, Product, are_near_duplicates, distinctive_words


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Sport Helmet, Red", "Sport Helmet, Black", True),
        ("Road-550 Yellow, 38", "Road-550 Yellow, 42", True),
        ("Mountain Tire Tube", "Road Tire Tube", False),
        ("Water Bottle 30 oz", "Bottle Cage", False),
        ("42", "42", False),
    ],
)
def test_titles_that_differ_in_the_variant_only_are_near_duplicates(one: str, other: str, expected: bool) -> None:
    assert are_near_duplicates(Product("a", one), Product("b", other)) is expected


def test_products_of_one_family_are_near_duplicates_whatever_their_titles_say() -> None:
    assert are_near_duplicates(Product("a", "Tea", family="f"), Product("b", "Earl", family="f"))
    assert not are_near_duplicates(Product("a", "Tea", family=""), Product("b", "Earl", family=""))


def test_words_of_other_alphabets_count() -> None:
    assert distinctive_words("Велошлем 52 red") == {"велошлем"}


@pytest.mark.parametrize(
    ("before", "currency", "struck"),
    [(1200, "EUR", 1200), (1001, "EUR", 1001), (1000, "EUR", None), (900, "EUR", None), (0, "EUR", None),
     (None, "EUR", None), (1200, "USD", None)],
)  # fmt: skip
def test_only_a_price_above_todays_in_the_same_money_is_struck_through(
    before: int | None, currency: str, struck: int | None
) -> None:
    assert Details(compare_at_minor=before, currency=currency).struck_price(1000, "EUR") == struck


@pytest.mark.parametrize(
    ("rating", "count", "rated"),
    [(4.5, 2, True), (4.5, None, True), (4.5, 0, False), (0.0, None, False), (None, 3, False)],
)
def test_a_rating_of_nobody_is_none(rating: float | None, count: int | None, rated: bool) -> None:
    assert Details(rating=rating, rating_count=count).is_rated is rated
