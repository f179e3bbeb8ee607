"""Which mails of a campaign could never go out, found out before the first order: the engine's own plan, asked ahead.

A campaign is planned for orders of a whole week, once for people whose mails leave first after the quiet hours and once
for those whose leave last. What no plan lets go out is a mistake; what some do not is worth a warning.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.fault import Severity
from aftercart.campaigns.finding import Finding
from aftercart.campaigns.schema import Campaign
from aftercart.campaigns.times import send_times
from aftercart.enrollment.schedule import PlannedStep, plan
from aftercart.policy.days import WEEKDAYS, Days
from aftercart.policy.frequency_cap import Counted, FrequencyCap, next_free
from aftercart.policy.send_times import ANY_TIME, LARGEST_JITTER, SendTimes

_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_QUARTER = timedelta(minutes=15)
_QUARTERS_A_DAY = 24 * 4
_QUARTERS = [_MONDAY + n * _QUARTER for n in range(7 * _QUARTERS_A_DAY)]
_A_WEEK = [_MONDAY + timedelta(hours=n) for n in range(24 * 7)]
_FIRST, _LAST = 0, int(LARGEST_JITTER.total_seconds()) - 1
"""The hashes of two people: one whose mails leave as soon as the quiet hours end, and one whose leave last."""


def foresee(campaign: Campaign, brand: Brand) -> Iterator[Finding]:
    """The steps that can never be sent, or not for some orders, or to nobody who got the mails before them."""
    times = _week_after_week(send_times(campaign.limits, brand))
    ahead = _Ahead(campaign, times, campaign.caps_beside(brand.frequency_cap))
    yield from _overtaken(ahead)
    yield from _always_capped(ahead)


def _week_after_week(times: SendTimes) -> SendTimes:
    """Without dates and holidays, which keep mails back once."""
    weekly = tuple(window for window in times.quiet_hours if window.on.weekdays)
    return SendTimes(weekly, Days(times.send_on.weekdays), Days(times.not_on.weekdays))


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A campaign with what limits it, planned in UTC, where no clock changes."""

    campaign: Campaign
    times: SendTimes
    caps: tuple[FrequencyCap, ...]

    @property
    def by_weekday(self) -> bool:
        """Whether the day of the week makes a difference."""
        return len(set(self.times.open_minutes())) > 1

    def plan(self, ordered_at: datetime, person: int) -> tuple[PlannedStep, ...]:
        return plan(self.campaign.steps, ordered_at, UTC, self.times, person)

    def opening(self, step: PlannedStep, counted: Sequence[Counted]) -> datetime | None:
        """The first instant at which a slot is free and mail may go out, if the step is worth sending then."""
        moment = step.due_at
        while moment < step.valid_until:
            free = next_free(self.caps, counted, moment, UTC, self.campaign.campaign, self.campaign.topic)
            if free and self.campaign.limits.on_cap == "drop":
                return None
            later = self.times.allowed_from(free or moment, UTC, _FIRST)
            if later == moment:
                return moment
            moment = later
        return None

    def finding(self, index: int, message: str, fix: str, severity: Severity) -> Finding:
        key = "at" if self.campaign.steps[index].at else "after"
        return Finding(("steps", index, key), message, fix, severity)


def _overtaken(ahead: _Ahead) -> Iterator[Finding]:
    """Steps of which the next one is due before they may go out themselves: a mail never waits beyond the next one."""
    if len(ahead.campaign.steps) < 2:
        return
    orders = _QUARTERS if ahead.by_weekday else _QUARTERS[:_QUARTERS_A_DAY]
    first, last = ([ahead.plan(ordered_at, person) for ordered_at in orders] for person in (_FIRST, _LAST))
    held = f" ({ahead.times})" if ahead.times != ANY_TIME else ""
    fix = (
        f"put the steps further apart{', or their times outside of the quiet hours' if ahead.times.quiet_hours else ''}"
    )
    for index, (_, following) in enumerate(pairwise(ahead.campaign.steps)):
        lost = [not (_can_go(a[index]) and _can_go(b[index])) for a, b in zip(first, last, strict=True)]
        if not any(_can_go(plans[index]) for plans in (*first, *last)):
            message = f"can never go out: when it may, the step {following.id!r} is due as well{held}"
            yield ahead.finding(index, message, fix, Severity.ERROR)
        elif any(lost):
            message = f"{_whom(lost)} cannot get it: when it may go out, the step {following.id!r} is due as well{held}"
            yield ahead.finding(index, message, fix, Severity.WARNING)


def _can_go(planned: PlannedStep) -> bool:
    return planned.due_at < planned.valid_until


def _always_capped(ahead: _Ahead) -> Iterator[Finding]:
    """Steps for which no slot can be free, whenever the order came, for people who got the mails before them."""
    plans = [ahead.plan(ordered_at, _FIRST) for ordered_at in _A_WEEK] if ahead.caps else []
    for index in _never_sent(ahead, plans):
        alone = (cap for cap in ahead.caps if index in _never_sent(replace(ahead, caps=(cap,)), plans))
        cap = next(map(str, alone), "the caps together")
        message = f"goes to nobody who got the mails before it: {cap} frees no slot while it is worth sending"
        fix = "raise the cap, make valid_for longer, or put the steps further apart"
        yield ahead.finding(index, message, fix, Severity.WARNING)


def _never_sent(ahead: _Ahead, plans: Sequence[Sequence[PlannedStep]]) -> list[int]:
    """The steps that could go by the clock and never do by the caps."""
    if not plans:
        return []
    sent = [_sent(ahead, steps) for steps in plans]
    could_go = [any(map(_can_go, planned)) for planned in zip(*plans, strict=True)]
    return [index for index, could in enumerate(could_go) if could and not any(which[index] for which in sent)]


def _sent(ahead: _Ahead, steps: Sequence[PlannedStep]) -> list[bool]:
    """Which steps go out to somebody who gets no other mail, each as soon as it may."""
    counted: list[Counted] = []
    sent: list[bool] = []
    for step in steps:
        moment = ahead.opening(step, counted)
        counted += [Counted(moment, ahead.campaign.campaign, ahead.campaign.topic)] if moment else []
        sent.append(moment is not None)
    return sent


def _whom(lost: Sequence[bool]) -> str:
    """The quarters of a week in which orders lose a mail, in words: `orders of 18:00-23:00`, `orders of thu, fri`."""
    if all(lost):
        return "some people"
    days = [lost[start : start + _QUARTERS_A_DAY] for start in range(0, len(lost), _QUARTERS_A_DAY)]
    if all(day == days[0] for day in days):
        return f"orders of {_hours(days[0])}"
    names = ", ".join(name for name, day in zip(WEEKDAYS, days, strict=True) if any(day))
    return f"{'orders' if all(all(day) for day in days if any(day)) else 'some orders'} of {names}"


def _hours(lost: Sequence[bool]) -> str:
    starts = [n for n, this in enumerate(lost) if this and not lost[n - 1]]
    ends = [next(m for m in range(n + 1, n + 1 + len(lost)) if not lost[m % len(lost)]) for n in starts]
    spans = [f"{_clock(start)}-{_clock(end)}" for start, end in zip(starts, ends, strict=True)]
    return " and ".join(spans)


def _clock(quarter: int) -> str:
    return f"{_MONDAY + quarter * _QUARTER:%H:%M}"
