"""What campaigns ask of products is held against the products that there are."""

from collections.abc import Mapping, Set
from typing import Any

import pytest

from aftercart.campaigns.assortment import Assortment, not_priced, not_sold
from aftercart.campaigns.brand import Brand
from aftercart.campaigns.fault import key_path
from aftercart.campaigns.schema import Campaign
from tests.campaigns.test_brand import WHOLE


def assortment(by_key: Mapping[str, Set[str]], currencies: Set[str]) -> Assortment:
    return Assortment(by_key, currencies, hosts={}, size=1)


SHOP = assortment(
    {"department": {"Bikes", "Clothing"}, "category": {"Helmets"}, "sku": {"HL-U509"}, "brand": set()}, {"EUR", "CHF"}
)


def said(audience: dict[str, Any], recommend: dict[str, Any] | None = None, shop: Assortment = SHOP) -> list[str]:
    step = {"id": "a", "after": "3d", "template": "accessories", **({"recommend": recommend} if recommend else {})}
    written = {"campaign": "one", "status": "active", "trigger": "order.completed", "audience": audience}
    found = not_sold(Campaign.model_validate({**written, "steps": [step]}), shop)
    return [f"{one.severity} {key_path(one.loc)}: {one.message} — {one.fix}" for one in found]


@pytest.mark.parametrize(
    ("audience", "recommend", "expected"),
    [
        (
            {"bought": {"department": ["Bikez"]}},
            None,
            "warning audience.bought.department: no product has department Bikez — did you mean Bikes?",
        ),
        (
            {"not_bought": {"department": ["Shoes"]}},
            None,
            "warning audience.not_bought.department: no product has department Shoes — there are Bikes, Clothing",
        ),
        (
            {},
            {"only": {"category": ["Helmet"]}},
            "warning steps[0].recommend.only.category: no product has category Helmet — did you mean Helmets?",
        ),
        (
            {},
            {"without": {"sku": ["HL-509"]}},
            "warning steps[0].recommend.without.sku: no product has sku HL-509 — did you mean HL-U509?",
        ),
        (
            {},
            {"pinned": ["hl-u509"]},
            "warning steps[0].recommend.pinned: no product has sku hl-u509 — did you mean HL-U509?",
        ),
        (
            {},
            {"boosted": {"category": ["Helmet"], "times": 3}},
            "warning steps[0].recommend.boosted.category: no product has category Helmet — did you mean Helmets?",
        ),
        (
            {"bought": {"brand": ["Contoso"]}},
            None,
            "warning audience.bought.brand: no product has brand Contoso — products have no brand",
        ),
        (
            {"order_total": {"at_least": "50 USD"}},
            None,
            "warning audience.order_total.at_least: no product is priced in USD, and orders in another currency "
            "do not match — write it in CHF or EUR",
        ),
    ],
)
def test_what_no_product_has_is_told(audience: dict[str, Any], recommend: dict[str, Any], expected: str) -> None:
    assert said(audience, recommend) == [expected]


def test_what_products_have_is_no_fault_in_upper_or_lower_case() -> None:
    assert said({"bought": {"department": ["bikes ", "CLOTHING"]}, "order_total": {"at_least": "50 EUR"}}) == []
    assert said({}, {"only": {"category": ["helmets"]}}) == []


def test_products_without_a_price_say_nothing_about_currencies() -> None:
    unpriced = assortment(SHOP.by_key, set())
    assert said({"order_total": {"at_least": "50 USD"}}, shop=unpriced) == []
    assert list(not_priced(Brand.model_validate(WHOLE), unpriced)) == []


def test_a_brand_in_whose_currency_nothing_is_sold_is_told() -> None:
    assert list(not_priced(Brand.model_validate(WHOLE | {"currency": "EUR"}), SHOP)) == []
    [found] = not_priced(Brand.model_validate(WHOLE | {"currency": "USD"}), SHOP)
    assert (found.severity, found.loc) == ("warning", ("currency",))
    assert found.message == "no product is priced in USD; they are in CHF, EUR"
