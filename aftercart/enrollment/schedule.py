"""When the mails of a campaign are due for an order, and how long they are worth sending.

Decided by the recipient's wall clock, never by an offset taken today and applied to the future: a mail for 10:00
stays at 10:00 across a change of the clocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from aftercart.campaigns.delay import Delay
from aftercart.campaigns.schema import DEFAULT_VALID_FOR, Step
from aftercart.policy.quiet_hours import QuietHours
from aftercart.policy.wall_clock import first_instant

_DEFAULT_VALID_FOR = Delay.parse(DEFAULT_VALID_FOR)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One mail to plan. It is worth sending from `due_at` on and before `valid_until`."""

    step: str
    due_at: datetime
    valid_until: datetime


def plan(
    steps: Sequence[Step], ordered_at: datetime, zone: tzinfo, quiet_hours: QuietHours | None, person_hash: int
) -> tuple[PlannedStep, ...]:
    """Every step of a campaign for an order of `ordered_at`: due outside quiet hours, valid until the next is due."""
    due = [due_at(step, ordered_at, zone) for step in steps]
    if quiet_hours:
        due = [quiet_hours.allowed_from(instant, zone, person_hash) for instant in due]
    following = [*due[1:], None]
    return tuple(
        PlannedStep(step.id, instant, valid_until(step, instant, zone, then))
        for step, instant, then in zip(steps, due, following, strict=True)
    )


def due_at(step: Step, ordered_at: datetime, zone: tzinfo) -> datetime:
    """When a step is due, quiet hours aside.

    Days are calendar days at the same time on the wall, hours are exact. `at` puts a delay of days to that time on
    its day (or on the next, where it would lie before the order), an exact one to the first such time from then on.
    """
    moment = step.after.after(ordered_at, zone)
    if step.at is None:
        return moment
    day = moment.astimezone(zone).date()
    earliest = ordered_at if step.after.calendar_days else moment
    on_the_day = first_instant(day, step.at, zone)
    return on_the_day if on_the_day >= earliest else first_instant(day + timedelta(days=1), step.at, zone)


def valid_until(step: Step, due: datetime, zone: tzinfo, next_due: datetime | None) -> datetime:
    """When a mail that was due at `due` is no longer worth sending: after `valid_for`, or when the next step is due."""
    end = (step.valid_for or _DEFAULT_VALID_FOR).after(due, zone)
    return end if next_due is None else min(end, next_due)
