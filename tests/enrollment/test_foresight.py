"""Mistakes that show only when a campaign is planned are found before the first order."""

from typing import Any

import pytest

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.fault import key_path
from aftercart.campaigns.schema import Campaign
from aftercart.enrollment.foresight import foresee

BRAND = {
    "name": "Test Shop",
    "sender": "Test Shop <hello@shop.test>",
    "postal_address": "Test Shop, 1 Main Street, Springfield",
    "time_zone": "Europe/Paris",
    "url": "https://www.shop.test",
}
NIGHT = "21:00-08:00"


def read(*steps: dict[str, str], limits: dict[str, Any] | None = None, **brand: Any) -> tuple[Campaign, Brand]:
    """A campaign with steps named a, b, c."""
    named = [{"id": name, "template": "accessories", **step} for name, step in zip("abc", steps, strict=False)]
    written = {"campaign": "one", "status": "active", "trigger": "order.completed", "steps": named, "limits": limits}
    return Campaign.model_validate(written), Brand.model_validate(BRAND | brand)


def said(
    *steps: dict[str, str], quiet: str | None = None, caps: tuple[str, ...] = (), on: str = "mon-sun", **brand: Any
) -> list[tuple[str, str, str]]:
    """Severity, key and message of what is foreseen."""
    limits = {"frequency_cap": list(caps), "send_on": on, **({"quiet_hours": quiet} if quiet else {})}
    found = foresee(*read(*steps, limits=limits, **brand))
    return [(finding.severity.value, key_path(finding.loc), finding.message) for finding in found]


@pytest.mark.parametrize(
    ("steps", "quiet", "caps"),
    [
        ([{"after": "3d", "at": "22:00", "valid_for": "1h"}], NIGHT, ()),
        ([{"after": "3d", "at": "10:00"}], "08:00-07:59", ()),
        ([{"after": "1d"}, {"after": "3d"}], NIGHT, ("1 per 1d",)),
        ([{"after": "1d", "at": "22:00"}, {"after": "2d", "at": "09:00"}], NIGHT, ()),
        ([{"after": "1d"}, {"after": "2d"}], None, ("2 per 30d",)),
        ([{"after": "1d", "valid_for": "1d"}, {"after": "2d", "valid_for": "1d"}], None, ("1 per week",)),
    ],
)
def test_what_can_go_out_is_not_foreseen_to_fail(
    steps: list[dict[str, str]], quiet: str | None, caps: tuple[str, ...]
) -> None:
    assert said(*steps, quiet=quiet, caps=caps) == []


def test_two_mails_that_the_night_moves_to_one_morning_are_an_error() -> None:
    [found] = said({"after": "1d", "at": "21:30"}, {"after": "1d", "at": "23:00"}, quiet=NIGHT)
    assert found == (
        "error",
        "steps[0].at",
        "can never go out: when it may, the step 'b' is due as well (quiet hours 21:00-08:00)",
    )


def test_the_night_of_the_brand_counts_where_the_campaign_names_none() -> None:
    steps = {"after": "1d", "at": "21:30"}, {"after": "1d", "at": "23:00"}
    assert [severity for severity, _, _ in said(*steps, quiet_hours=NIGHT)] == ["error"]
    assert said(*steps, quiet="23:30-08:00", quiet_hours=NIGHT) == []


def test_orders_that_lose_a_mail_are_named_by_their_time() -> None:
    """Until 04:30, as an order of 04:15 has a second mail at 08:15, when not everybody has had the first."""
    [found] = said({"after": "1h"}, {"after": "4h"}, quiet=NIGHT)
    assert found == (
        "warning",
        "steps[0].after",
        "orders of 20:00-04:30 cannot get it: when it may go out, the step 'b' is due as well "
        "(quiet hours 21:00-08:00)",
    )


def test_a_mail_that_comes_too_late_for_those_who_are_mailed_last_is_a_warning() -> None:
    """Held mails leave spread over 20 minutes, so that some would leave when the next one is due."""
    [found] = said({"after": "1d", "at": "22:00"}, {"after": "2d", "at": "08:10"}, quiet=NIGHT)
    assert (found[0], found[1]) == ("warning", "steps[0].at")
    assert found[2].startswith("some people cannot get it")


def test_two_hours_in_a_row_that_cross_are_told_without_quiet_hours_too() -> None:
    [found] = said({"after": "1d", "at": "20:00"}, {"after": "30h"})
    assert found[2] == "orders of 00:00-14:15 cannot get it: when it may go out, the step 'b' is due as well"


@pytest.mark.parametrize(
    ("after", "valid_for", "caps", "cap"),
    [
        ("2d", "3d", ("1 per 30d",), "1 per 30d"),
        ("2d", "3d", ("5 per 1d", "1 per 30d per campaign"), "1 per 30d per campaign"),
        ("2d", "4h", ("1 per 2d",), "1 per 2d"),
    ],
)
def test_a_cap_that_frees_no_slot_in_time_is_a_warning(
    after: str, valid_for: str, caps: tuple[str, ...], cap: str
) -> None:
    [found] = said({"after": "1d", "valid_for": valid_for}, {"after": after, "valid_for": valid_for}, caps=caps)
    assert found == (
        "warning",
        "steps[1].after",
        f"goes to nobody who got the mails before it: {cap} frees no slot while it is worth sending",
    )


def test_a_slot_that_frees_in_the_night_is_free_in_the_morning() -> None:
    step = {"valid_for": "12h"}
    steps = {"after": "1d", "at": "20:00", **step}, {"after": "2d", "at": "19:00", **step}
    assert said(*steps, caps=("1 per 1d",), quiet="19:30-08:00") != []
    assert said(steps[0], steps[1] | {"valid_for": "14h"}, caps=("1 per 1d",), quiet="19:30-08:00") == []


def test_two_mails_that_one_monday_has_to_take_are_told() -> None:
    steps = {"after": "1d", "at": "10:00"}, {"after": "2d", "at": "10:00"}
    [found] = said(*steps, on="mon")
    assert found == (
        "warning",
        "steps[0].at",
        "orders of mon, tue, wed, thu, fri, sat cannot get it: when it may go out, the step 'b' is due as well "
        "(only on mon)",
    )
    assert said(*steps) == []


def test_a_date_on_which_nothing_goes_out_is_no_fault_of_a_campaign() -> None:
    steps = {"after": "1d", "at": "10:00"}, {"after": "2d", "at": "10:00"}
    assert said(*steps, not_on=["2026-01-01 to 2026-02-01"]) == []
