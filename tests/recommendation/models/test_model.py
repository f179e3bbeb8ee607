"""What a model knows of its catalog."""

from itertools import product as combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.recommendation.asking.guards import fits
from aftercart.recommendation.asking.request import Rules
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import interactions
from aftercart.recommendation.models import model as module
from aftercart.recommendation.models.model import Model

VALUES = ("Lamps", "LAMPS", "Straße", "strasse", "")
CATALOG = tuple(
    Product(f"{at}", "", category=category, brand=brand)
    for at, (category, brand) in enumerate(combinations(VALUES, VALUES))
)
FILTERS = st.dictionaries(
    st.sampled_from(["category", "brand", "sku"]),
    st.lists(st.sampled_from((*VALUES, "unheard of", "3")), max_size=3).map(tuple),
)


def model() -> Model:
    return Model("m", CATALOG, evidence_of(interactions(CATALOG, [], [], [], [], [])))


KNOWN = model()


@given(only=FILTERS, without=FILTERS)
@settings(max_examples=60)
def test_a_filter_leaves_in_the_whole_catalog_what_it_leaves_one_by_one(
    only: dict[str, tuple[str, ...]], without: dict[str, tuple[str, ...]]
) -> None:
    rules = Rules(only=only, without=without)
    left = KNOWN.allowed(rules)
    expected = [fits(one, rules) for one in CATALOG]
    assert (left.tolist() if left is not None else [True] * len(CATALOG)) == expected


def test_whoever_asks_for_ever_other_filters_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_FILTERS", 3)
    asked = model()
    for number in range(9):
        asked.allowed(Rules(only={"category": (f"c{number}",)}))
        assert len(asked._left_by) <= 3
