"""The browser that an order came from, in the words of each shop."""

from typing import Any

import pytest

from aftercart.intake.changes import OrderSeen
from aftercart.intake.shops import open_shops
from tests.intake.payloads import body, generic_order, shopify_order, woo_order

ELSE = {"name": "gift", "key": "gift", "value": "yes"}
GIVEN = {"name": "analytics_id", "key": "analytics_id", "value": "555.123"}


@pytest.mark.parametrize(
    ("shop", "topic", "content"),
    [
        ("generic", "order.completed", generic_order(analytics_id="555.123")),
        ("shopify", "orders/paid", shopify_order(note_attributes=[ELSE, GIVEN])),
        ("woocommerce", "order.updated", woo_order(meta_data=[ELSE, GIVEN])),
    ],
)
def test_it_is_told_with_the_order(shop: str, topic: str, content: Any) -> None:
    told = content if isinstance(content, bytes) else body(content)
    (seen,) = [change for change in open_shops()[shop].parse(topic, told) if isinstance(change, OrderSeen)]
    assert seen.order.analytics_id == "555.123"
