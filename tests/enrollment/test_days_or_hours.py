"""`check` tells `14d` from `336h` where the two differ, and says nothing where they do not."""

from datetime import date

import pytest

from aftercart.campaigns.fault import Severity
from aftercart.enrollment.days_or_hours import days_in_hours
from tests.enrollment.test_foresight import read

TODAY = date(2026, 3, 2)


def said(step: dict[str, str], zone: str = "Europe/Paris", today: date = TODAY) -> list[str]:
    campaign, brand = read(step, time_zone=zone)
    found = list(days_in_hours(campaign, brand, today))
    assert all((finding.severity, finding.loc[-1]) == (Severity.NOTE, "after") for finding in found)
    return [f"{finding.message} — {finding.fix}" for finding in found]


def test_hours_are_set_beside_days_with_an_order_before_the_clocks_change() -> None:
    assert said({"after": "336h"}) == [
        "336h is exact: the mail for an order of 2026-03-28 15:00 is due 2026-04-11 16:00, and after 14d it would be "
        "due 2026-04-11 15:00; clocks in Europe/Paris change on 2026-03-29 — write 14d for days of the calendar"
    ]
    assert "order of 2026-10-24 15:00 is due 2026-11-07 14:00" in said({"after": "336h"}, today=date(2026, 6, 1))[0]


def test_where_no_clock_changes_the_time_of_day_may_still_differ() -> None:
    [found] = said({"after": "72h", "at": "10:00"}, zone="Asia/Tokyo")
    assert "order of 2026-03-01 15:00 is due 2026-03-05 10:00, and after 3d it would be due 2026-03-04 10:00" in found


@pytest.mark.parametrize(
    ("step", "zone"),
    [({"after": "336h"}, "Asia/Tokyo"), ({"after": "14d"}, "Europe/Paris"), ({"after": "36h"}, "Europe/Paris")],
)
def test_where_it_does_not_matter_nothing_is_said(step: dict[str, str], zone: str) -> None:
    assert said(step, zone) == []
