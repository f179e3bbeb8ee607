"""When the mails of a campaign are due for an order, and how long they are worth sending.

Decided by the recipient's wall clock, never by an offset taken today and applied to the future: a mail for 10:00
stays at 10:00 across a change of the clocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from aftercart.campaigns.delay import Delay
from aftercart.campaigns.schema import DEFAULT_VALID_FOR, Step
from aftercart.policy.send_times import ANY_TIME, FARTHEST, SendTimes
from aftercart.policy.wall_clock import first_instant

_DEFAULT_VALID_FOR = Delay.parse(DEFAULT_VALID_FOR)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One mail to plan. It is worth sending from `due_at` on and before `valid_until`."""

    step: str
    due_at: datetime
    valid_until: datetime


def plan(
    steps: Sequence[Step], ordered_at: datetime, zone: tzinfo, times: SendTimes, person_hash: int
) -> tuple[PlannedStep, ...]:
    """Every step of a campaign for an order of `ordered_at`: due when mail may go out, valid until the next is due.

    Where the night holds a step until after the next one is due, it is due with it, to expire: two mails within minutes
    are one too many. So the last one is planned first: none is worth sending once any that follows is due.
    """
    planned: list[PlannedStep] = []
    following: datetime | None = None
    for step in reversed(steps):
        at = times.allowed_from(due_at(step, ordered_at, zone, times), zone, person_hash)
        end = valid_until(step, at, zone, following)
        following = min(at, end)
        planned.append(PlannedStep(step.id, following, end))
    return tuple(reversed(planned))


def due_at(step: Step, ordered_at: datetime, zone: tzinfo, times: SendTimes = ANY_TIME) -> datetime:
    """When a step is due, quiet hours aside.

    Days are calendar days at the same time on the wall, hours are exact. `at` puts a delay of days to that time on
    its day (or on the next, where it would lie before the order), an exact one to the first such time from then on.
    On a day that is off it is due at the same time of the next day that is not.
    """
    moment = step.after.after(ordered_at, zone)
    if step.at is None and not step.after.calendar_days:
        return moment
    ordered = ordered_at.astimezone(zone)
    if step.after.calendar_days:  # not the day of `moment`, which a gap before midnight puts to the next one
        day, earliest = ordered.date() + step.after.calendar_days * _ONE_DAY, ordered_at
    else:
        day, earliest = moment.astimezone(zone).date(), moment
    at = step.at or ordered.time()
    if first_instant(day, at, zone) < earliest:
        day += _ONE_DAY
    return first_instant(_not_off(day, times), at, zone)


def _not_off(day: date, times: SendTimes) -> date:
    """The first day from then on that is not off; the day itself where none is, which the gate then tells."""
    days = (day + n * _ONE_DAY for n in range(FARTHEST.days))
    return next((later for later in days if not times.is_off(later)), day)


def valid_until(step: Step, due: datetime, zone: tzinfo, next_due: datetime | None) -> datetime:
    """When a mail that was due at `due` is no longer worth sending: after `valid_for`, or when the next step is due."""
    end = (step.valid_for or _DEFAULT_VALID_FOR).after(due, zone)
    return end if next_due is None else min(end, next_due)
