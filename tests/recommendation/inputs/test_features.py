import numpy as np
import pytest

from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import Interactions
from aftercart.recommendation.inputs.features import METADATA_WEIGHT, vocabulary


def test_a_feature_of_a_single_product_teaches_nothing_and_is_left_out() -> None:
    words = vocabulary([Product("a", "Red Pump"), Product("b", "Blue Pump")])
    assert words.names == ("word:pump",)


def test_every_row_has_the_same_weight_however_many_features_it_has() -> None:
    catalog = [Product("a", "Pump", brand="X"), Product("b", "Pump mini", brand="X"), Product("c", "mini")]
    sums = vocabulary(catalog).rows([*catalog, Product("new", "Unheard of")]).sum(axis=1)
    assert np.asarray(sums).ravel() == pytest.approx([METADATA_WEIGHT] * 3 + [0])


def test_prices_fall_into_bands_once_there_are_enough_of_them() -> None:
    catalog = [Product(str(n), f"Thing {n}", price_minor=n) for n in range(60)]
    words = vocabulary(catalog)
    cheap, dear = words.rows([Product("x", "", price_minor=0), Product("y", "", price_minor=10**9)]).indices
    assert words.names[cheap] == "price:0"
    assert words.names[dear] == "price:9"
    assert vocabulary(catalog[:40]).price_bounds == ()


def test_the_vocabulary_does_not_depend_on_the_order_of_products(past: Interactions) -> None:
    assert vocabulary(past.products) == vocabulary(past.products[::-1])
