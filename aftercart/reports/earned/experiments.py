"""What came of the experiments in a campaign's steps: by arm, and each variant beside the mail as it stands.

Intent to treat: everybody counts in the arm that they fell into, whether or not a mail reached them, with what they
ordered within the experiment's window. A person is part of the result once their window is over, and the result is
looked at once a day, at midnight in UTC: so its bounds are those that were reckoned with, however often somebody reads
a report. What decides (metric, window, size, mode) is what the file said when the experiment began.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from aftercart.campaigns.experiment import Experiment
from aftercart.exchange.rates import Rates
from aftercart.experiments.comparison import (
    MISMATCH,
    always_valid_interval,
    always_valid_p_value,
    among_several,
    mismatch,
)
from aftercart.experiments.key import CONTROL
from aftercart.experiments.sample import Sample
from aftercart.experiments.verdict import Look, Plan, Verdict, apart_at, judged
from aftercart.reports.earned.spending import MANY
from aftercart.reports.earned.trial import Trial, pauses_of, trials
from aftercart.reports.earned.trial_sums import CONVERSION, DAY, METRICS, REVENUE, Group, Sums, summed_up


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm. `people`: whose window is over; `waiting`: whose is not. The rest is theirs whose window is over.

    `ordered`: people who ordered; `spent`: minor units of all of them. `clicked`, `left` and `complained` are people.
    """

    arm: str
    share: float
    people: int
    waiting: int
    mails: int
    ordered: int
    spent: float
    clicked: int
    left: int
    complained: int

    @property
    def conversion(self) -> float:
        """The share of people who ordered."""
        return self.ordered / self.people if self.people else 0.0

    @property
    def spent_each(self) -> float:
        """Minor units a person."""
        return self.spent / self.people if self.people else 0.0


@dataclass(frozen=True, slots=True)
class Beside:
    """A variant beside the control arm by a metric that does not decide. `p`: raised, because there are several
    (Benjamini and Hochberg); it holds at every look, as the interval does."""

    arm: str
    metric: str
    estimate: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class ExperimentReport:
    """`verdicts`: none for a bandit, and for variants about which nothing can be said yet. `sorted_by_something`: the
    arms are of sizes that chance does not make; then nothing is tested, as no result could be trusted. `replaced`: a
    later version has drawn new lots, and this one has ended. `paused`: why arms have paused themselves."""

    step: str
    name: str
    version: int
    mode: str
    metric: str
    currency: str
    window_days: float
    planned: int | None
    since: datetime
    looked_at: datetime | None
    replaced: bool
    sorted_by_something: bool
    arms: tuple[ArmResult, ...]
    verdicts: tuple[Verdict, ...]
    beside: tuple[Beside, ...]
    paused: tuple[str, ...]
    people_a_day: float
    """Who came into it, from its first day on, all arms together."""

    @property
    def key(self) -> str:
        """Step, name and version."""
        return f"{self.step}/{self.name}@{self.version}"

    @property
    def is_testable(self) -> bool:
        """Whether the arms were of lasting shares."""
        return self.mode == "test"

    def verdict(self, arm: str) -> Verdict | None:
        """What may be said of a variant."""
        return next((one for one in self.verdicts if one.arm == arm), None)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values, but for instants."""
        arms = [{**asdict(one), CONVERSION: one.conversion, "spent_each": one.spent_each} for one in self.arms]
        verdicts = [{**asdict(one), "interval": one.interval._asdict()} for one in self.verdicts]
        return {**asdict(self), "arms": arms, "verdicts": verdicts, "is_testable": self.is_testable}


def experiments_of(
    connection: Connection,
    campaign: str,
    currency: str,
    until: datetime,
    rates: Rates | None = None,
    many: int = MANY,
) -> tuple[ExperimentReport, ...]:
    """Every experiment in which somebody counts, by step, the newest version first. `many`: people from whom on the
    database adds up."""
    asked = (
        (trial, summed_up(connection, trial, currency, rates, many)) for trial in trials(connection, campaign, until)
    )
    return tuple(_report(connection, trial, found, currency) for trial, found in asked if found)


def _report(connection: Connection, trial: Trial, found: Mapping[Group, Sums], currency: str) -> ExperimentReport:
    first = trial.as_it_began
    looks = _looks(found, trial.until)
    everybody = _by_day(found, looks)
    since = min(one.since for one in found.values())
    plan = Plan(CONTROL, trial.shares, first.people)
    variants = [arm for arm in trial.shares if arm != CONTROL]
    is_odd = first.mode == "test" and _is_odd(found, trial)
    tested = first.mode == "test" and bool(looks) and not is_odd
    verdicts = [judged(everybody[first.metric], arm, plan) for arm in variants] if tested else []
    return ExperimentReport(
        step=trial.key.step,
        name=trial.key.name,
        version=trial.key.version,
        mode=first.mode,
        metric=first.metric,
        currency=currency,
        window_days=first.window.about / DAY,
        planned=first.people,
        since=since,
        looked_at=looks[-1] if looks else None,
        replaced=trial.replaced,
        sorted_by_something=is_odd,
        arms=tuple(_arm(arm, share, found, looks) for arm, share in trial.shares.items()),
        verdicts=tuple(one for one in verdicts if one),
        beside=tuple(_beside(everybody, variants, first)) if tested else (),
        paused=pauses_of(connection, trial.key),
        people_a_day=sum(one.people for one in found.values()) / max(1.0, (trial.until - since) / DAY),
    )


def _looks(found: Iterable[Group], until: datetime) -> list[datetime]:
    """Every midnight since the first window was over."""
    first = min(group.over_by for group in found)
    return [first + n * DAY for n in range(max(0, (until - first) // DAY + 1))]


def _by_day(found: Mapping[Group, Sums], looks: Sequence[datetime]) -> dict[str, list[Look]]:
    """By metric: what each arm had come to at each look."""
    arms = sorted({group.arm for group in found})
    come = {metric: defaultdict[tuple[str, datetime], Sample](Sample) for metric in METRICS}
    for group, one in found.items():
        for metric, sample in one.samples.items():
            come[metric][group.arm, group.over_by] += sample
    result: dict[str, list[Look]] = {}
    for metric in METRICS:
        sums, series = dict.fromkeys(arms, Sample()), list[Look]()
        for look in looks:
            sums = {arm: sums[arm] + come[metric][arm, look] for arm in arms}
            series.append(sums)
        result[metric] = series
    return result


def _arm(arm: str, share: float, found: Mapping[Group, Sums], looks: Sequence[datetime]) -> ArmResult:
    mine = [(group, one) for group, one in found.items() if group.arm == arm]
    known = [one for group, one in mine if looks and group.over_by <= looks[-1]]
    people = sum(one.people for one in known)

    def did(metric: str) -> int:
        return int(sum(one.samples[metric].total for one in known))

    return ArmResult(
        arm=arm,
        share=share,
        people=people,
        waiting=sum(one.people for _, one in mine) - people,
        mails=sum(one.mails for one in known),
        ordered=did(CONVERSION),
        spent=float(sum(one.samples[REVENUE].total for one in known)),
        clicked=did("clicked"),
        left=did("left"),
        complained=did("complained"),
    )


def _beside(looks: Mapping[str, Sequence[Look]], variants: Sequence[str], experiment: Experiment) -> list[Beside]:
    pairs = [
        (arm, metric, apart)
        for arm in variants
        for metric in METRICS
        if metric != experiment.metric and (apart := apart_at(looks[metric][-1], arm, CONTROL))
    ]
    raised = among_several([always_valid_p_value(apart) for *_, apart in pairs])
    return [
        Beside(arm, metric, *always_valid_interval(apart), p)
        for (arm, metric, apart), p in zip(pairs, raised, strict=True)
    ]


def _is_odd(found: Mapping[Group, Sums], trial: Trial) -> bool:
    """Whether the arms are of sizes that chance does not make, by the weights that stood when each lot was drawn."""
    sizes, expected = dict.fromkeys(trial.shares, 0), dict.fromkeys(trial.shares, 0.0)
    for group, one in found.items():
        shares = trial.shares_by_version.get(group.config_hash)
        if shares and group.arm in sizes and shares.keys() <= expected.keys():
            sizes[group.arm] += one.people
            for arm, share in shares.items():
                expected[arm] += share * one.people
    known = [arm for arm, number in expected.items() if number > 0]
    return mismatch([sizes[arm] for arm in known], [expected[arm] for arm in known]) < MISMATCH
