"""Who gets which variant of a mail: drawn when the mail is planned, kept for good, counted where the arms part.

The lot of a person is drawn with the first mail that is planned for them in a step with an experiment. They are part of
its result from where on the arms may differ: from then on where a variant changes the time of the mail; else from the
gate, once nothing but content, hours and caps could still stop it. So people who are not mailed whatever their arm is
(no consent, in a holdout) do not water down what the variants change, and both arms have lost the same ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.schema import Campaign, Step
from aftercart.experiments import store as experiments
from aftercart.experiments.assignment import arm
from aftercart.policy.store import addresses_of, persons_of


@dataclass(frozen=True, slots=True)
class Lot:
    """The arm of a person in an experiment."""

    experiment: str
    variant: str

    @property
    def pause(self) -> str:
        """The name under which the arm may be paused."""
        return f"{self.experiment.removeprefix('step:')}/{self.variant}"


Lots = Mapping[tuple[str, str, int], Lot]
"""By campaign, step and recipient id."""


def running_lot(campaign: Campaign, step: Step, row: Mapping[str, Any]) -> Lot | None:
    """The lot of a planned mail, where the experiment it was drawn in still runs and still has its arm."""
    experiment = step.experiment
    if experiment is None or row["variant"] not in experiment.shares:
        return None
    key = str(experiment.key(campaign.campaign, step.id))
    return Lot(key, row["variant"]) if row["experiment"] == key else None


def lots_of(connection: Connection, app: App, asked: Iterable[tuple[Campaign, int]]) -> dict[tuple[str, str, int], Lot]:
    """The lots for pairs of campaign and recipient id, those that were drawn before among them. Keeps nothing."""
    found: dict[tuple[str, str, int], Lot] = {}
    by_campaign: defaultdict[Campaign, set[int]] = defaultdict(set)
    for campaign, recipient_id in asked:
        if any(step.experiment for step in campaign.steps):
            by_campaign[campaign].add(recipient_id)
    for campaign, ids in by_campaign.items():
        people = people_of(connection, ids)
        for step in campaign.steps:
            found |= _drawn(connection, app, campaign, step, people)
    return found


def people_of(connection: Connection, ids: Iterable[int]) -> dict[int, dict[int, str]]:
    """Recipient id → the addresses of the person by recipient id, the oldest first."""
    wanted = set(ids)
    person = persons_of(connection, wanted)
    addresses = addresses_of(connection, person)
    theirs: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for id_ in sorted(addresses):
        theirs[person[id_]][id_] = addresses[id_]
    return {id_: theirs[person[id_]] for id_ in sorted(wanted & addresses.keys())}


def _drawn(
    connection: Connection, app: App, campaign: Campaign, step: Step, people: Mapping[int, Mapping[int, str]]
) -> dict[tuple[str, str, int], Lot]:
    if step.experiment is None:
        return {}
    key = step.experiment.key(campaign.campaign, step.id)
    shares = step.experiment.shares
    if step.experiment.mode == "bandit" and (learned := experiments.newest_shares(connection, str(key))):
        shares = learned if learned.keys() == shares.keys() else shares
    draw = partial(_arm, app.settings.secret_key[-1], key.salt, str(key.version), shares)
    drawn = experiments.lots(connection, str(key), people, draw)
    return {(campaign.campaign, step.id, id_): Lot(str(key), variant) for id_, variant in drawn.items()}


def _arm(secret: str, experiment: str, version: str, shares: Mapping[str, float], address: str) -> str:
    return arm(secret, experiment, version, address, shares)


def keep(
    connection: Connection, lots: Lots, campaigns: Iterable[Campaign], now: datetime
) -> dict[tuple[str, str, int], Lot]:
    """Keep these lots for good. Returns those that count: another worker may have drawn first for the same people."""
    kept = dict(lots)
    for campaign in campaigns:
        for step in campaign.steps:
            mine = {id_: lot for (name, of, id_), lot in lots.items() if (name, of) == (campaign.campaign, step.id)}
            if step.experiment is None or not mine:
                continue
            key = str(step.experiment.key(campaign.campaign, step.id))
            arms = {id_: lot.variant for id_, lot in mine.items()}
            held = experiments.keep_lots(
                connection, key, arms, campaign.version, now, counted=step.experiment.moves_time
            )
            kept |= {(campaign.campaign, step.id, id_): Lot(key, variant) for id_, variant in held.items()}
    return kept


def count_in(connection: Connection, people: Iterable[tuple[Lot, int]], now: datetime) -> None:
    """Make these people (recipient ids) part of the results from now on: nothing stops them that knows no arm."""
    by_experiment: defaultdict[str, set[int]] = defaultdict(set)
    for lot, recipient_id in people:
        by_experiment[lot.experiment].add(recipient_id)
    for experiment, ids in sorted(by_experiment.items()):
        experiments.count(connection, experiment, ids, now)
