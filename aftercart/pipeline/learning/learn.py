"""Bandits learn: once a day the arms that sell best get more of the new people.

Only people whose window is over teach anything, the newest of them, so that a pass takes seconds however large a shop
is. Nobody who has an arm changes it.
"""

from datetime import timedelta

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.experiment import Experiment
from aftercart.experiments import store as experiments
from aftercart.experiments.key import ExperimentKey
from aftercart.reports.earned.trial import conversions

log = structlog.get_logger()

EVERY = timedelta(hours=23)
"""Looked at every hour: so once a day, at a time that does not wander far."""
NEWEST = 20_000
"""People who are learned from."""


def learn(app: App) -> int:
    """Give the arms of each running bandit new shares, if it is a day since; how many bandits learned."""
    now, learned = app.clock(), 0
    with app.db.read() as connection:
        last = experiments.last_learned(connection)
    for key, bandit in _bandits(app):
        if str(key) not in last or now - last[str(key)] >= EVERY:
            learned += _learn(app, key, bandit)
    return learned


def _bandits(app: App) -> list[tuple[ExperimentKey, Experiment]]:
    return [
        (step.experiment.key(campaign.campaign, step.id), step.experiment)
        for campaign in app.campaigns.by_name.values()
        if campaign.status == "active"
        for step in campaign.steps
        if step.experiment and step.experiment.mode == "bandit"
    ]


def _learn(app: App, key: ExperimentKey, bandit: Experiment) -> bool:
    now = app.clock()
    with app.db.read() as connection:
        results = _results(connection, key, bandit, app)
    if not any(people for people, _ in results.values()):
        return False
    from aftercart.experiments.bandit import shares  # arrays, which no other task of this worker needs

    new = shares(results, seed=int(now.timestamp()))
    with app.db.write() as connection:
        experiments.keep_shares(connection, str(key), new, results, now)
    log.info("bandit_learned", experiment=str(key), shares={arm: round(share, 3) for arm, share in new.items()})
    return True


def _results(connection: Connection, key: ExperimentKey, bandit: Experiment, app: App) -> dict[str, tuple[int, int]]:
    """Arm → people, and how many of them ordered."""
    found = conversions(connection, key, bandit.window.about, app.clock(), NEWEST)
    return {arm: found.get(arm, (0, 0)) for arm in bandit.shares}
