from datetime import time, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from aftercart.campaigns.contents import Recommend
from aftercart.campaigns.delay import Delay
from aftercart.campaigns.schema import Campaign
from aftercart.money import Money
from aftercart.policy.frequency_cap import FrequencyCap
from aftercart.policy.quiet_hours import QuietHours
from aftercart.recommendation.asking.request import MarginFloor, PriceCap

WHOLE: dict[str, Any] = {
    "campaign": "accessories",
    "status": "active",
    "trigger": "order.completed",
    "audience": {
        "bought": {"department": ["Bikes"]},
        "not_bought": {"sku": ["HL-U509"]},
        "country": ["fr", "DE", "FR"],
        "order_total": {"at_least": "50 EUR"},
    },
    "steps": [
        {
            "id": "complements",
            "after": "3d",
            "at": "10:00",
            "valid_for": "36h",
            "template": "accessories",
            "recommend": {
                "slots": 4,
                "at_least": 2,
                "only": {"department": ["Clothing", "Accessories"]},
                "without": {"brand": ["Contoso"]},
                "price": {"at_most": "7%"},
                "fallback": ["best_sellers"],
            },
        }
    ],
    "limits": {"frequency_cap": ["1 per 1d", "3 per 30d"], "quiet_hours": "21:00-08:00", "priority": 70},
    "holdout": "12.5%",
    "attribution": {"window": "5d"},
}


def campaign(**changes: Any) -> Campaign:
    return Campaign.model_validate(WHOLE | changes)


def test_every_word_becomes_a_value() -> None:
    read = campaign()
    step = read.steps[0]
    assert read.audience.country == ("DE", "FR")
    assert read.audience.order_total is not None
    assert read.audience.order_total.at_least == Money(5000, "EUR")
    assert (step.after, step.at, step.valid_for) == (Delay(3), time(10), Delay(exact=timedelta(hours=36)))
    assert read.limits.frequency_cap == (FrequencyCap.parse("1 per 1d"), FrequencyCap.parse("3 per 30d"))
    assert read.limits.quiet_hours == (QuietHours(time(21), time(8)),)
    assert read.holdout == 0.125
    assert read.attribution.window.about == timedelta(days=5)


def test_recommendation_gets_the_rules_as_written() -> None:
    recommend = campaign().steps[0].recommend
    assert recommend is not None
    rules = recommend.rules()
    assert rules.needs_url
    assert (rules.slots, rules.at_least, rules.fallback) == (4, 2, ("best_sellers",))
    assert rules.only == {"department": ("Accessories", "Clothing")}
    assert rules.without == {"brand": ("Contoso",)}
    assert rules.price_at_most == PriceCap(percent=7.0)


@pytest.mark.parametrize(
    ("written", "floor"),
    [
        ({"at_least": "33.3%"}, MarginFloor(33.3, keeps_unknown=True)),
        ({"at_least": "20%", "if_unknown": "leave_out"}, MarginFloor(20.0, keeps_unknown=False)),
    ],
)
def test_a_margin_is_asked_for_as_written(written: dict[str, str], floor: MarginFloor) -> None:
    assert Recommend.model_validate({"margin": written}).rules().margin == floor


def test_a_margin_that_nothing_can_leave_is_refused() -> None:
    with pytest.raises(ValidationError, match="a share below 100%"):
        Recommend.model_validate({"margin": {"at_least": "100%"}})


def test_what_may_be_left_out_has_a_harmless_default() -> None:
    step = {"id": "one", "after": "3d", "template": "accessories"}
    read = Campaign.model_validate(
        {"campaign": "a", "status": "draft", "trigger": "order.completed", "audience": None, "steps": [step]}
    )
    assert (read.holdout, read.limits.priority, read.limits.frequency_cap) == (0.0, 50, ())
    assert read.attribution.window == Delay(5)
    assert read.audience.bought is None


def test_a_campaign_survives_being_stored() -> None:
    assert Campaign.model_validate(campaign().definition()) == campaign()


def test_another_way_to_write_the_same_keeps_the_version() -> None:
    """T45: an edit that changes nothing keeps schedule and counters."""
    steps = [WHOLE["steps"][0] | {"valid_for": "2160m"}]
    reordered = dict(reversed(WHOLE.items())) | {
        "steps": steps,
        "audience": WHOLE["audience"] | {"country": ["DE", "FR"]},
    }
    assert Campaign.model_validate(reordered).version == campaign().version


def test_a_pause_starts_no_new_version() -> None:
    """T45: what was measured before a pause is not thrown away by it."""
    assert campaign(status="paused").version == campaign().version


@pytest.mark.parametrize(
    "change",
    [
        {"holdout": "10%"},
        {"limits": {}},
        {"steps": [WHOLE["steps"][0] | {"after": "4d"}]},
        {"attribution": {"window": "6d"}},
    ],
)
def test_a_change_of_what_it_does_is_a_new_version(change: dict[str, Any]) -> None:
    assert campaign(**change).version != campaign().version


def test_a_version_is_12_hexadecimal_digits() -> None:
    assert len(campaign().version) == 12
    int(campaign().version, 16)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"holdout": 0.1},
        {"holdout": "100%"},
        {"status": "on"},
        {"campaign": "Accessories!"},
        {"steps": []},
        {"limits": {"frequency_cap": ["0 per 1d"]}},
        {"limits": {"priority": 101}},
        {"audience": {"bought": {}}},
        {"audience": {"bought": {"sku": [1001]}}},
        {"audience": {"country": ["XX"]}},
        {"attribution": {"window": "0d"}},
        {"audience": {"order_total": {"at_least": "50"}}},
    ],
)
def test_what_means_nothing_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        campaign(**change)


def test_a_campaign_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValidationError):
        campaign().status = "paused"
