from typing import Any

import pytest

from aftercart.campaigns.audience import BoughtItem, is_meant, matches
from aftercart.campaigns.contents import ProductFilter
from aftercart.campaigns.schema import Audience
from aftercart.money import Money

BIKE = BoughtItem("BK-1", department="Bikes", category="Road Bikes", brand="Contoso", family="Road-550")
A_HUNDRED_EUROS = Money(10_000, "EUR")
HELMET = BoughtItem("HL-1", department="Accessories", category="Helmets")


def enters(audience: dict[str, Any], *, country: str = "FR", total: Money = A_HUNDRED_EUROS) -> bool:
    return matches(Audience.model_validate(audience), [BIKE, HELMET], country=country, total=total)


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ({}, True),
        ({"bought": {"department": ["Bikes", "Boats"]}}, True),
        ({"bought": {"department": ["bikes "]}}, True),
        ({"bought": {"department": ["Boats"]}}, False),
        ({"bought": {"sku": ["HL-1"]}}, True),
        ({"bought": {"department": ["Bikes"], "category": ["Helmets"]}}, False),
        ({"bought": {"department": ["Accessories"], "category": ["Helmets"]}}, True),
        ({"bought": {"brand": ["Contoso"], "family": ["Road-550"]}}, True),
        ({"not_bought": {"department": ["Boats"]}}, True),
        ({"not_bought": {"category": ["Helmets"]}}, False),
        ({"country": ["DE", "FR"]}, True),
        ({"country": ["DE"]}, False),
        ({"order_total": {"at_least": "100 EUR"}}, True),
        ({"order_total": {"at_least": "100.01 EUR"}}, False),
        ({"order_total": {"at_least": "1 USD"}}, False),
        ({"bought": {"department": ["Bikes"]}, "country": ["DE"]}, False),
    ],
)
def test_all_conditions_must_hold(audience: dict[str, Any], expected: bool) -> None:
    assert enters(audience) is expected


def test_a_country_is_compared_as_a_code() -> None:
    assert enters({"country": ["FR"]}, country="fr")
    assert not enters({"country": ["FR"]}, country="")


def test_a_product_that_the_catalog_does_not_know_matches_by_number_alone() -> None:
    unknown = BoughtItem("X-1")
    assert is_meant(ProductFilter.model_validate({"sku": ["x-1"]}), unknown)
    assert not is_meant(ProductFilter.model_validate({"department": ["Bikes"]}), unknown)
