"""A variant that annoys people stops before it is known what it sells.

Two limits, either of which is enough: its own share of complaints or unsubscribes is surely above the limit of the
experiment, or it is surely above that of the control arm. The second is asked again every few minutes, so it rests on
an interval that holds at all times; with several variants each is asked more of, so that together they err no oftener.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.experiment import Experiment, ExperimentGuard
from aftercart.experiments.intervals import share
from aftercart.experiments.key import CONTROL, ExperimentKey
from aftercart.policy import store as policy
from aftercart.policy.guard import Breach, PauseScope, Toll

Target = tuple[PauseScope, str]

FEWEST_EVENTS = 10
"""With fewer complaints or unsubscribes in all, two shares cannot be told apart by their means."""
_ONE_SIDED = 0.9
"""The confidence of an interval whose lower end alone errs in 5 of 100 cases."""
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


def breaches_of_arms(connection: Connection, app: App) -> dict[Target, Breach]:
    """The arms of running experiments of marketing mail that annoy too many people."""
    lifted = policy.lifted_since(connection, _EVER)
    found: dict[Target, Breach] = {}
    for campaign in app.campaigns.by_name.values():
        if campaign.mail_class == "transactional" or campaign.status == "draft":
            continue
        for step in campaign.steps:
            if step.experiment:
                key = step.experiment.key(campaign.campaign, step.id)
                found |= _of_experiment(connection, step.experiment, key, lifted)
    return found


def _of_experiment(
    connection: Connection, experiment: Experiment, key: ExperimentKey, lifted: Mapping[Target, datetime]
) -> dict[Target, Breach]:
    tolls = policy.tolls_of_arms(connection, str(key), _EVER)
    found: dict[Target, Breach] = {}
    for variant in experiment.variants:
        target = (PauseScope.VARIANT, key.arm(variant.id))
        mine, control = tolls.get(variant.id, Toll()), tolls.get(CONTROL, Toll())
        if target in lifted:  # what counts since a person let it go on counts for it alone
            fresh = policy.tolls_of_arms(connection, str(key), lifted[target])
            mine, control = fresh.get(variant.id, Toll()), fresh.get(CONTROL, Toll())
        limits = experiment.guard
        if one := above(limits, mine) or worse(limits, mine, control, len(experiment.variants)):
            found[target] = one
    return found


def above(limits: ExperimentGuard, mine: Toll) -> Breach | None:
    """The first limit that an arm is surely above: with 95 % certainty, by Wilson's interval; complaints come first."""
    if mine.mails < limits.at_least:
        return None
    counts = (
        ("complaints", mine.complaints, limits.complaints),
        ("unsubscribes", mine.unsubscribes, limits.unsubscribes),
    )
    over = ((what, count, limit) for what, count, limit in counts if share(count, mine.mails, _ONE_SIDED).low > limit)
    return next((Breach(what, count, mine.mails, limit) for what, count, limit in over), None)


def worse(limits: ExperimentGuard, mine: Toll, control: Toll, variants: int) -> Breach | None:
    """Whether an arm surely annoys more people than the control arm, whenever it is asked; `limit`: the control's."""
    if min(mine.mails, control.mails) < limits.at_least:
        return None
    return next(_worse(mine, control, variants), None)


def _worse(mine: Toll, control: Toll, variants: int) -> Iterator[Breach]:
    from aftercart.experiments.comparison import ALPHA, always_valid_interval, difference
    from aftercart.experiments.sample import Sample

    pairs = {
        "complaints": (mine.complaints, control.complaints),
        "unsubscribes": (mine.unsubscribes, control.unsubscribes),
    }
    for what, (here, there) in pairs.items():
        if here + there < FEWEST_EVENTS:
            continue
        apart = difference(Sample.of_rate(control.mails, there), Sample.of_rate(mine.mails, here))
        if always_valid_interval(apart, ALPHA / variants / len(pairs)).low > 0:
            yield Breach(what, here, mine.mails, round(there / control.mails, 4), "that of the control arm")
