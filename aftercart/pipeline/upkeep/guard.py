"""A campaign that annoys too many people pauses itself, and so do the brand and the arms of experiments (see
`guard_arms.py`); a person lets it go on.

Looked at every few minutes by housekeeping, in a handful of queries however many mails there are. The gate asks
for pauses at every claim, so that one holds for all workers at once; what was claimed before is taken back.
"""

from collections.abc import Mapping
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.ledger import store as ledger
from aftercart.pipeline.upkeep.guard_arms import breaches_of_arms
from aftercart.policy import store as policy
from aftercart.policy.guard import Breach, Guard, PauseScope, Toll, breach
from aftercart.policy.store import Pause

log = structlog.get_logger()

Target = tuple[PauseScope, str]
BRAND: Target = (PauseScope.BRAND, "")


def guard(app: App) -> None:
    """Pause what has to be paused, and say again what is. At most every few minutes."""
    now = app.clock()
    if not app.witness.looks_at_the_guard(now):
        return
    with app.db.read() as connection:
        paused = policy.pauses(connection)
        found = dict(_breaches(connection, app.brand.guard.limits(), app)) if app.brand.guard.enabled else {}
        found |= breaches_of_arms(connection, app)
    new = {target: one for target, one in found.items() if target not in {pause.target for pause in paused}}
    for pause in (*paused, *_pause(app, new)):
        log.error("paused_itself", scope=pause.scope, campaign=pause.name, because=pause.because, what=pause.way_out)


def _breaches(connection: Connection, limits: Guard, app: App) -> Mapping[Target, Breach]:
    """Transactional campaigns count for the brand; they do not pause themselves, as no pause holds their mails."""
    owed = {(PauseScope.CAMPAIGN, name) for name in app.campaigns.owed}
    tolls = _tolls(connection, limits.over, app)
    return {target: found for target, toll in tolls.items() if target not in owed and (found := breach(limits, toll))}


def _tolls(connection: Connection, over: timedelta, app: App) -> dict[Target, Toll]:
    """By target. Where a person let something go on, only what has happened since counts."""
    since = app.clock() - over
    by_campaign = policy.tolls(connection, since)
    tolls = {BRAND: sum(by_campaign.values(), Toll())}
    tolls |= {(PauseScope.CAMPAIGN, name): toll for name, toll in by_campaign.items()}
    for target, lifted_at in policy.lifted_since(connection, since).items():
        fresh = policy.tolls(connection, lifted_at)
        scope, name = target
        tolls[target] = sum(fresh.values(), Toll()) if scope is PauseScope.BRAND else fresh.get(name, Toll())
    return tolls


def _pause(app: App, breaches: Mapping[Target, Breach]) -> list[Pause]:
    if not breaches:
        return []
    with app.db.write() as connection:
        ledger.standing(connection, hold=True)  # one at a time: two engines may have looked
        there = {pause.target for pause in policy.pauses(connection)}
        now = app.clock()
        new = [
            Pause(scope, name, str(found), now, found.figures())
            for (scope, name), found in breaches.items()
            if (scope, name) not in there
        ]
        policy.keep_pauses(connection, new)
        for pause in new:
            ledger.take_back(connection, _mails_of(pause.target))
    return new


def _mails_of(target: Target) -> ledger.Portion:
    scope, name = target
    match scope:
        case PauseScope.BRAND:
            return ledger.Portion()
        case PauseScope.CAMPAIGN:
            return ledger.Portion(campaign=name)
        case PauseScope.VARIANT:
            experiment, _, arm = name.rpartition("/")
            return ledger.Portion(experiment=f"step:{experiment}", variant=arm)


def _target(name: str | None) -> Target:
    """What a person means by a name; only that of an arm has a slash."""
    if name is None:
        return BRAND
    return (PauseScope.VARIANT if "/" in name else PauseScope.CAMPAIGN), name


def resume(app: App, name: str | None, by: str) -> list[Pause]:
    """Let a campaign, or an arm of an experiment (None: the brand), go on, on somebody's word; what was lifted.

    Waiting mails are asked at once.
    """
    target = _target(name)
    with app.db.write() as connection:
        lifted = [pause for pause in policy.pauses(connection) if pause.target == target]
        if lifted:
            policy.lift_pause(connection, *target, by=by, now=app.clock())
            ledger.wake_up(connection, _mails_of(target), "guard", app.clock())
    for pause in lifted:
        log.info("pause_lifted", scope=pause.scope, campaign=pause.name, by=by)
    return lifted
