from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aftercart.campaigns.audience import BoughtItem
from aftercart.campaigns.schema import Campaign
from aftercart.enrollment.eligibility import Enter, OrderFacts, Refuse, may_enter
from aftercart.money import Money
from aftercart.policy.reason import Reason

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
MAX_AGE = timedelta(days=14)

ORDER = OrderFacts(
    state="completed",
    ordered_at=NOW - timedelta(hours=1),
    imported=False,
    email="ada@example.com",
    items=[BoughtItem("BK-1", department="Bikes")],
    country="FR",
    total=Money(100_000, "EUR"),
)


def campaign(**changes: Any) -> Campaign:
    steps = [{"id": "one", "after": "3d", "template": "accessories"}]
    whole = {"campaign": "accessories", "status": "active", "trigger": "order.completed", "steps": steps}
    return Campaign.model_validate(whole | changes)


def test_a_completed_order_of_the_audience_enters() -> None:
    bikes = campaign(audience={"bought": {"department": ["Bikes"]}})
    assert may_enter(bikes, ORDER, NOW, MAX_AGE) == Enter()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"imported": True}, Reason.IMPORTED),
        ({"state": "canceled"}, Reason.ORDER_CANCELED),
        ({"state": "refunded"}, Reason.ORDER_REFUNDED),
        ({"state": "placed"}, Reason.ORDER_NOT_COMPLETED),
        ({"state": "unknown"}, Reason.ORDER_NOT_COMPLETED),
        ({"ordered_at": NOW - MAX_AGE - timedelta(seconds=1)}, Reason.ORDER_TOO_OLD),
        ({"ordered_at": datetime(9999, 12, 31, tzinfo=UTC)}, Reason.ORDER_IN_FUTURE),
        ({"items": []}, Reason.ITEMS_RETURNED),
        ({"email": ""}, Reason.NO_EMAIL),
    ],
)
def test_an_order_that_cannot_be_mailed_about_stays_out(change: dict[str, Any], reason: Reason) -> None:
    assert may_enter(campaign(), replace(ORDER, **change), NOW, MAX_AGE) == Refuse(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "draft"}, Reason.CAMPAIGN_INACTIVE),
        ({"status": "paused"}, Reason.CAMPAIGN_PAUSED),
        ({"audience": {"bought": {"department": ["Boats"]}}}, Reason.NOT_IN_AUDIENCE),
        ({"audience": {"country": ["DE"]}}, Reason.NOT_IN_AUDIENCE),
    ],
)
def test_a_campaign_takes_only_the_orders_that_it_asks_for(change: dict[str, Any], reason: Reason) -> None:
    assert may_enter(campaign(**change), ORDER, NOW, MAX_AGE) == Refuse(reason)


def test_an_order_of_exactly_the_largest_age_enters() -> None:
    assert may_enter(campaign(), replace(ORDER, ordered_at=NOW - MAX_AGE), NOW, MAX_AGE) == Enter()


def test_a_shops_clock_may_run_a_little_ahead() -> None:
    assert may_enter(campaign(), replace(ORDER, ordered_at=NOW + timedelta(hours=2)), NOW, MAX_AGE) == Enter()
