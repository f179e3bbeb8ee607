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
        ("Filter 123", "Filter 124", False),
        ("Ink 301XL black", "Ink 302XL black", False),
        ("HP-301 ink", "HP-302 ink", False),
        ("Cartridge LC123", "Cartridge LC125", False),
        ("Ink 301 black", "Ink 301 blue", True),
        ("Ink 301", "Ink", True),
        ("Bottle 500 ml", "Bottle 750 ml", True),
        ("Bottle 500ml", "Bottle 0.750 l", True),
        ('Screen 240"', 'Screen 320"', True),
        ("Rug 120x180", "Rug 160x230", True),
        ("Rug 120 × 180 cm", "Rug 160 × 230 cm", True),
        ("Pack of 100 envelopes", "Pack of 250 envelopes", True),
        ("Set/100 napkins", "Set/200 napkins", True),
        ("200 bendy straws", "400 bendy straws", True),
        ("Gift voucher £100", "Gift voucher £250.00", True),
        ("Kids jersey 122", "Kids jersey 128", True),
        ("Rioja 2019", "Rioja 2021", True),
        ("Saddle 143", "Saddle 2021", False),
    ],
)
def test_titles_that_differ_in_the_variant_only_are_near_duplicates(one: str, other: str, expected: bool) -> None:
    assert are_near_duplicates(Product("a", one), Product("b", other)) is expected


def test_products_of_one_family_are_near_duplicates_whatever_their_titles_say() -> None:
    assert are_near_duplicates(Product("a", "Tea", family="f"), Product("b", "Earl", family="f"))
    assert not are_near_duplicates(Product("a", "Tea", family=""), Product("b", "Earl", family=""))


def test_a_family_says_more_than_a_number() -> None:
    assert are_near_duplicates(Product("a", "Ink 301", family="ink"), Product("b", "Ink 302", family="ink"))


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
