import pytest

from aftercart.recommendation.catalog import Product, are_near_duplicates, distinctive_words


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
