"""Mails that are planned follow an edit of campaigns, templates or brand file (see `effects`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.schema import Campaign
from aftercart.db.session import insert_new
from aftercart.db.tables import sends
from aftercart.enrollment import store as enrollment_store
from aftercart.enrollment.change import Change, Effect
from aftercart.errors import ConfigError
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.pipeline.planning.configuration import keep_configuration
from aftercart.pipeline.planning.effects import PAGE, RENEWED, Edit, Effects, Run, edit_now, effects, page_after, runs
from aftercart.pipeline.planning.lots import Lot, Lots, keep
from aftercart.policy.reason import Reason
from aftercart.quantity import counted

log = structlog.get_logger()

_ACTS = (*RENEWED, Effect.CANCELED, Effect.ADDED)


@dataclass(frozen=True)
class _Task:
    """What is to be done about an enrollment: changes, and steps whose mails go under the new versions."""

    run: Run
    campaign: Campaign
    acts: Sequence[Change]
    renewed: Sequence[str]

    def mails(self, *effects: Effect) -> dict[UUID, Mapping[str, Any] | None]:
        """Planned mails that change in one of these ways, and what they become."""
        ids = {mail.step: mail.id for mail in self.run.planned}
        return {ids[change.step]: change.new for change in self.acts if change.effect in effects}

    @property
    def renewed_mails(self) -> list[UUID]:
        return [mail.id for mail in self.run.planned if mail.step in self.renewed]

    @property
    def added(self) -> list[Mapping[str, Any]]:
        return [change.new for change in self.acts if change.effect is Effect.ADDED and change.new]


def carry_out(app: App) -> Effects:
    """Plan the mails that are under way as the files say now. Raises ConfigError where one would be due in the past.

    In pages, each in a transaction of its own: what is claimed meanwhile goes as it was planned, and a run that is
    broken off can simply be started again.
    """
    told = effects(app)
    if told.past:
        raise ConfigError(
            f"{counted(told.past, 'mail')} would be due in the past, and go at once. `aftercart plan` tells which; "
            "lengthen the delay, or give the step a new id to leave those that are planned as they are"
        )
    after = 0
    with app.db.read() as connection:
        edit = edit_now(connection, app)
    while True:
        with app.db.write() as connection:
            page = page_after(connection, after)
            _replan(connection, list(runs(connection, edit, page)), edit)
        if len(page) < PAGE:
            return told
        after = page[-1].id


def _replan(connection: Connection, found: Iterable[Run], edit: Edit) -> None:
    """Change the mails of a page of enrollments, one statement for each kind of change.

    Done one enrollment at a time, a page held the database for seconds, and everybody else who writes had to wait.
    """
    tasks = [task for run in found if (task := _task(run, edit))]
    if not tasks:
        return
    campaigns = {task.campaign.campaign: task.campaign for task in tasks}
    keep_configuration(connection, edit.current, campaigns.values(), edit.now)
    lots = {key: lot for task in tasks for key, lot in _lots(task).items()}
    keep(connection, lots, campaigns.values(), edit.now)
    times = {id_: time for task in tasks for id_, time in _times(task, edit).items()}
    gone = {id_: task.campaign.campaign for task in tasks for id_ in task.mails(Effect.CANCELED)}
    renewed = {id_: task.campaign.campaign for task in tasks for id_ in task.renewed_mails}
    added = [{**row, "configuration": edit.current.version} for task in tasks for row in task.added]
    ledger.lock_sends(connection, [*times, *gone, *renewed])
    ledger.retime(connection, times)
    ledger.reconfigure(connection, {id_: edit.current.of(name) for id_, name in renewed.items()})
    ended = dict.fromkeys(gone, (SendState.CANCELED, Reason.CAMPAIGN_INACTIVE))
    ledger.end(connection, ended, {id_: edit.current.of(name) for id_, name in gone.items()})
    insert_new(connection, sends, added, unique=("enrollment_id", "step"))
    enrollment_store.complete(connection, [task.run.row.id for task in tasks], edit.now)
    ledger.keep_decisions(connection, [_decision(task, edit.now) for task in tasks])
    counts = {"retimed": len(times), "canceled": len(gone), "added": len(added), "renewed": len(renewed)}
    log.info("replanned", enrollments=len(tasks), **counts)


def _task(run: Run, edit: Edit) -> _Task | None:
    """None: there is nothing to do."""
    campaign = edit.campaign(run.row.campaign)
    acts = [change for change in run.changes if change.effect in _ACTS]
    seen = run.new_content.keys() | run.holdout.keys()
    renewed = [change.step for change in run.changes if change.effect is Effect.KEPT and change.step in seen]
    return _Task(run, campaign, acts, renewed) if campaign and (acts or renewed) else None


def _times(task: _Task, edit: Edit) -> dict[UUID, ledger.NewTime]:
    return {
        id_: ledger.NewTime(
            new["due_at"],
            new["valid_until"],
            task.campaign.version,
            edit.current.version,
            new["experiment"],
            new["variant"],
        )
        for id_, new in task.mails(*RENEWED).items()
        if new
    }


def _lots(task: _Task) -> Lots:
    """The arms that the mails of an enrollment are planned in now."""
    new = [change.new for change in task.acts if change.new and change.new["variant"]]
    name, recipient_id = task.campaign.campaign, task.run.row.recipient_id
    return {(name, row["step"], recipient_id): Lot(row["experiment"], row["variant"]) for row in new}


def _decision(task: _Task, now: datetime) -> ledger.Decision:
    run, acts = task.run, task.acts
    times = {c.step: c.new_due.isoformat(timespec="seconds") if c.new_due else None for c in acts}
    kept = dict.fromkeys(task.renewed, Effect.KEPT)
    return ledger.Decision(
        at=now,
        stage="operator",
        campaign=run.row.campaign,
        order_id=run.row.order_id,
        outcome="replan",
        reason=Reason.EDITED,
        inputs={
            "effects": {**kept, **{c.step: c.effect for c in acts}},
            "due_at": times,
            **(
                {"new_content": {step: sorted(why) for step, why in run.new_content.items()}} if run.new_content else {}
            ),
        },
    )
