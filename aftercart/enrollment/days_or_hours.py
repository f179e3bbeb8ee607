"""`14d` or `336h`: what a delay in hours does where clocks change, told with an order for which the two differ."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.delay import Delay
from aftercart.campaigns.fault import Severity
from aftercart.campaigns.finding import Finding
from aftercart.campaigns.schema import Campaign, Step
from aftercart.enrollment.schedule import due_at
from aftercart.policy.wall_clock import first_instant
from aftercart.policy.zones import known_zone

_DAY = timedelta(days=1)
_NOON, _AFTERNOON = time(12), time(15)


def days_in_hours(campaign: Campaign, brand: Brand, today: date) -> Iterator[Finding]:
    """Steps after whole days that are written in hours, where the shop's clocks change within a year from `today`."""
    zone = known_zone(brand.time_zone) or UTC
    change = _next_change(zone, today)
    for index, step in enumerate(campaign.steps):
        exact = step.after.exact
        if exact and not exact % _DAY and (said := _difference(step, Delay(exact // _DAY), zone, change or today)):
            why = f"; clocks in {zone} change on {change}" if change else ""
            fix = f"write {exact // _DAY}d for days of the calendar"
            yield Finding(("steps", index, "after"), f"{step.after} is exact: {said}{why}", fix, Severity.NOTE)


def _difference(step: Step, days: Delay, zone: tzinfo, change: date) -> str:
    """What becomes of an order of the afternoon before `change`, after hours and after days; empty if the same."""
    ordered = first_instant(change - _DAY, _AFTERNOON, zone)
    instants = [
        ordered,
        *(due_at(step.model_copy(update={"after": after}), ordered, zone) for after in (step.after, days)),
    ]
    if instants[1] == instants[2]:
        return ""
    shown = [f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" for instant in instants]
    return f"the mail for an order of {shown[0]} is due {shown[1]}, and after {days} it would be due {shown[2]}"


def _next_change(zone: tzinfo, today: date) -> date | None:
    """The next day within a year on which the clocks change."""
    noons = [datetime.combine(today + n * _DAY, _NOON, UTC).astimezone(zone) for n in range(367)]
    changed = (b.date() for a, b in pairwise(noons) if a.utcoffset() != b.utcoffset())
    return next(changed, None)
