"""A catalog in arrays tells what the products themselves tell."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.packed_catalog import COLUMNS, PackedCatalog, packed

WORDS = st.sampled_from(["", "Lamps", "LAMPS", "Straße", "自転車", "half a \ud83d"])
PRODUCTS = st.builds(
    Product,
    sku=st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=12),
    title=WORDS,
    category=WORDS,
    brand=WORDS,
    currency=st.sampled_from(["", "EUR"]),
    price_minor=st.none() | st.integers(0, 2**60),
    stock=st.none() | st.integers(-5, 5),
    published=st.booleans(),
)
CATALOGS = st.lists(PRODUCTS, max_size=40, unique_by=lambda product: product.sku)


@given(CATALOGS)
def test_every_product_comes_back_as_it_was(products: list[Product]) -> None:
    catalog = packed(products)
    assert [*catalog] == products
    assert (len(catalog), catalog[1:3]) == (len(products), tuple(products[1:3]))
    assert catalog.skus(np.arange(len(products))) == [product.sku for product in products]


@given(CATALOGS, st.text(max_size=3))
def test_a_product_is_found_by_its_sku_and_one_that_is_not_there_is_not(products: list[Product], other: str) -> None:
    catalog, skus = packed(products), [product.sku for product in products]
    assert [catalog.number(sku) for sku in skus] == [*range(len(skus))]
    assert catalog.number(other) == (skus.index(other) if other in skus else None)
    assert catalog.number("a sku that is longer than any") is None


@given(CATALOGS, st.sampled_from(["sku", *COLUMNS]))
def test_a_column_tells_which_value_each_product_has(products: list[Product], column: str) -> None:
    values, of_item = packed(products).values(column)
    assert [values[at] for at in of_item.tolist()] == [getattr(product, column) for product in products]
    assert len(values) == len(set(values))


def test_skus_that_fall_into_one_slot_stay_apart() -> None:
    """`plumless` and `buckeroo` have the same CRC-32."""
    catalog = packed([Product("plumless", "one"), Product("buckeroo", "other")])
    assert [catalog.number("buckeroo"), catalog.number("plumless")] == [1, 0]


def test_what_is_packed_stays_as_it_is_and_a_place_that_is_not_there_is_an_error() -> None:
    catalog = packed([Product("a", "A")])
    assert packed(catalog) is catalog
    assert catalog[-1] == replace(catalog[0])
    with pytest.raises(IndexError):
        catalog[1]
    assert isinstance(catalog, PackedCatalog)
