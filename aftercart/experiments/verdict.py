"""What may be said of a variant by now, looked at once a day.

With a planned size: group-sequential bounds (`sequential.py`), so that it can end sooner and is sharp at its end.
Without one: an interval that holds at all times (`comparison.py`), so that it can go on for ever. Of several variants
each is asked more of (Bonferroni), so that all together err in no more than `ALPHA` of experiments in which nothing
differs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aftercart.experiments.comparison import (
    ALPHA,
    Difference,
    always_valid_interval,
    belief,
    difference,
)
from aftercart.experiments.intervals import Interval
from aftercart.experiments.planning import more_people
from aftercart.experiments.sample import Sample
from aftercart.experiments.sequential import Standing, decided

FEWEST = 100
"""With fewer people in an arm, what somebody spends is too uneven for any bound to hold."""
DOUBT = 0.2
"""For the summary that is only shown: effects of more than a fifth of what the control arm does are rare."""

Look = Mapping[str, Sample]
"""Arm → all its people whose window was over by then."""


class Rule(StrEnum):
    """By which rule it was judged."""

    GROUP_SEQUENTIAL = "group_sequential"
    ALWAYS_VALID = "always_valid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A variant beside the control arm, by the metric that decides, per person.

    The interval holds at all looks (95 % for all variants together). `more_people`: about how many more it takes, in
    all arms; None where nothing shows yet, 0 where it is decided. `chance_to_win` and `expected_loss`, per person:
    what somebody may believe who doubted large effects; to be shown, and never decided on.
    """

    arm: str
    rule: Rule
    standing: Standing
    interval: Interval
    people: int
    looks: int
    more_people: int | None
    chance_to_win: float | None
    expected_loss: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """`planned`: people of all arms together; None: without end. `shares`: arm → its share of people."""

    control: str
    shares: Mapping[str, float]
    planned: int | None = None

    @property
    def alpha(self) -> float:
        """What each variant may err."""
        return ALPHA / max(1, len(self.shares) - 1)

    def of_both(self, arm: str) -> int | None:
        """The planned people of a variant and the control arm. Shares need not add up to 1."""
        if self.planned is None:
            return None
        return max(1, round(self.planned * (self.shares[self.control] + self.shares[arm])))


def judged(looks: Sequence[Look], arm: str, plan: Plan) -> Verdict | None:
    """A variant after these looks, the oldest first. None: too few people, or nobody differs from anybody."""
    found = [apart for look in looks if (apart := apart_at(look, arm, plan.control))]
    if not found:
        return None
    planned, last = plan.of_both(arm), found[-1]
    if planned is None:
        interval = always_valid_interval(last, plan.alpha)
        standing, rule, count = _standing(interval), Rule.ALWAYS_VALID, len(found)
        more = 0 if interval.decides else more_people(last, alpha=plan.alpha)
    else:
        result = decided(found, planned, plan.alpha)
        interval, standing, rule, count = result.interval, result.standing, Rule.GROUP_SEQUENTIAL, result.looks
        more = max(0, planned - last.people) if standing is Standing.RUNNING else 0
    more = None if more is None else round(more * _all_of_both(arm, plan))
    control = looks[-1][plan.control]
    believed = belief(last, DOUBT * control.mean) if control.mean > 0 else None
    return Verdict(
        arm=arm,
        rule=rule,
        standing=standing,
        interval=interval,
        people=last.people,
        looks=count,
        more_people=more,
        chance_to_win=believed.chance_to_win if believed else None,
        expected_loss=believed.expected_loss if believed else None,
    )


def apart_at(look: Look, arm: str, control: str) -> Difference | None:
    """How far a variant and the control arm are apart, what was spent before taken out; None: nothing can be said."""
    there = [look.get(name, Sample()) for name in (control, arm)]
    if min(sample.people for sample in there) < FEWEST:
        return None
    apart = difference(*there, adjusted=True)
    return apart if apart.variance > 0 else None


def _standing(interval: Interval) -> Standing:
    if not interval.decides:
        return Standing.RUNNING
    return Standing.BETTER if interval.low > 0 else Standing.WORSE


def _all_of_both(arm: str, plan: Plan) -> float:
    """How many people come to all arms while one comes to these two."""
    return sum(plan.shares.values()) / (plan.shares[plan.control] + plan.shares[arm])
