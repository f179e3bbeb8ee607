"""An edit of a campaign meets the mails that are planned already: told first (`effects`), then done (`carry_out`).

Without it an edit holds for what is decided from then on: content, caps, hours, audience. The times of planned mails
stay, and so they do for new steps and longer delays, until somebody has seen what the edit does to them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import Connection, select

from aftercart.bootstrap import App
from aftercart.campaigns.experiment import Experiment
from aftercart.campaigns.loader import Campaigns
from aftercart.campaigns.schema import Campaign, Step
from aftercart.db.session import insert_new
from aftercart.db.tables import campaign_versions, enrollments, sends
from aftercart.enrollment import store as enrollment_store
from aftercart.enrollment.change import Change, Effect, Standing, changes
from aftercart.enrollment.states import EnrollmentState
from aftercart.enrollment.trial_change import experiment_notes
from aftercart.errors import ConfigError
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.pipeline.planning.enroll import Candidate, candidates_of, keep_versions, send_rows
from aftercart.pipeline.planning.lots import Lot, Lots, keep, lots_of
from aftercart.policy.reason import Reason

log = structlog.get_logger()

PAGE = 500
_VERSIONS = select(campaign_versions).order_by(campaign_versions.c.first_seen_at, campaign_versions.c.version)
"""The oldest first."""
_ACTS = (Effect.RETIMED, Effect.VARIED, Effect.CANCELED, Effect.ADDED)


@dataclass(frozen=True)
class _Run:
    """An enrollment that is under way, with its mails."""

    row: Any
    planned: Sequence[Any]
    changes: Sequence[Change]


@dataclass
class Effects:
    """What an edit does: how many mails of each campaign and step, and to how many people.

    `new_content`: mails of steps whose template or recommendations were edited since they were planned; they are among
    those that are kept, re-timed, varied or put off. `waiting_for_file`: mails of campaigns of which there is no file.
    """

    mails: Counter[tuple[str, str, Effect]] = field(default_factory=Counter)
    new_content: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting_for_file: Counter[str] = field(default_factory=Counter)
    people: set[int] = field(default_factory=set)
    """Of mails that are not simply kept."""
    examples: dict[tuple[str, str, Effect], tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    """When one of them was due, and when it would be."""
    experiments: list[tuple[str, str, str]] = field(default_factory=list)
    """Campaign, step, and what becomes of its experiment."""

    @property
    def past(self) -> int:
        """Mails that the edit puts to a time that is over."""
        return sum(count for (_, _, effect), count in self.mails.items() if effect is Effect.PAST)

    @property
    def changes_something(self) -> bool:
        return any(effect not in (Effect.KEPT, Effect.MISSED) for _, _, effect in self.mails)

    def note(self, campaign: str, recipient_id: int, change: Change) -> None:
        """Count one mail."""
        key = (campaign, change.step, change.effect)
        self.mails[key] += 1
        self.examples.setdefault(key, (change.due_at, change.new_due))
        if change.effect not in (Effect.KEPT, Effect.MISSED):
            self.people.add(recipient_id)


def effects(app: App, campaigns: Campaigns | None = None) -> Effects:
    """What `campaigns` (the files of this deployment, if none are given) do to what is planned. Changes nothing."""
    told, campaigns, now = Effects(), campaigns or app.campaigns, app.clock()
    with app.db.read() as connection:
        steps = _steps(connection)
        told.experiments = list(_experiments(connection, campaigns))
        for page in _pages(connection):
            for run in _runs(connection, app, page, campaigns, now):
                _note(told, run, campaigns, steps)
    return told


def carry_out(app: App) -> Effects:
    """Plan the mails that are under way as the files say now. Raises ConfigError where one would be due in the past.

    In pages, each in a transaction of its own: what is claimed meanwhile goes as it was planned, and a run that is
    broken off can simply be started again.
    """
    told = effects(app)
    if told.past:
        raise ConfigError(
            f"{told.past:,} mails would be due in the past: they would all go at once. `aftercart plan` shows them; "
            "lengthen the delay, or give the step a new id to leave those that are planned as they are"
        )
    after, now = 0, app.clock()
    while True:
        with app.db.write() as connection:
            page = _page(connection, after)
            for run in _runs(connection, app, page, app.campaigns, now):
                _do(connection, run, app.campaigns, now)
        if len(page) < PAGE:
            return told
        after = page[-1].id


# ---------------------------------------------------------------- looking


def _pages(connection: Connection) -> Iterator[Sequence[Any]]:
    after = 0
    while page := _page(connection, after):
        yield page
        after = page[-1].id


def _page(connection: Connection, after: int) -> Sequence[Any]:
    active = (enrollments.c.state == EnrollmentState.ACTIVE, enrollments.c.id > after)
    return connection.execute(select(enrollments).where(*active).order_by(enrollments.c.id).limit(PAGE)).all()


def _runs(connection: Connection, app: App, page: Sequence[Any], campaigns: Campaigns, now: datetime) -> Iterator[_Run]:
    """Only those whose campaign says something else than when a mail of theirs was planned."""
    mails = _mails(connection, [row.id for row in page])
    edited = [row for row in page if _is_edited(campaigns.by_name.get(row.campaign), mails[row.id])]
    orders = {c.row.id: c for c in candidates_of(connection, {row.order_id for row in edited})} if edited else {}
    asked = [(c, row.recipient_id) for row in edited if (c := campaigns.by_name.get(row.campaign))]
    lots = lots_of(connection, app, asked)
    known = {row.id for row in edited}
    for row in page:
        planned = [mail for mail in mails[row.id] if mail.state == SendState.SCHEDULED]
        if row.id not in known:
            yield _Run(row, planned, [_kept(mail) for mail in planned])
        elif (campaign := campaigns.by_name.get(row.campaign)) and _has_begun(orders[row.order_id], campaign):
            plan = _plan(app, orders[row.order_id], campaign, row.id, now, lots)
            ended = frozenset(mail.step for mail in mails[row.id] if mail.state != SendState.SCHEDULED)
            yield _Run(row, planned, list(changes([_standing(mail) for mail in planned], ended, plan, now)))
        else:
            yield _Run(row, planned, [_kept(mail) for mail in planned])


def _kept(mail: Any) -> Change:
    return Change(mail.step, Effect.KEPT, mail.due_at, {"due_at": mail.due_at})


def _has_begun(candidate: Candidate, campaign: Campaign) -> bool:
    """Whether what starts the campaign has happened. It need not, where its trigger was edited."""
    return candidate.facts.began(campaign) is not None


def _is_edited(campaign: Campaign | None, mails: Sequence[Any]) -> bool:
    if campaign is None or campaign.status == "draft":
        return True
    return any(mail.config_version != campaign.version for mail in mails)


def _plan(
    app: App, candidate: Candidate, campaign: Campaign, enrollment_id: int, now: datetime, lots: Lots
) -> list[dict[str, Any]]:
    return [] if campaign.status == "draft" else list(send_rows(app, candidate, campaign, enrollment_id, now, lots))


def _mails(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    query = select(sends).where(sends.c.enrollment_id.in_(ids)).order_by(sends.c.due_at, sends.c.id)
    for row in connection.execute(query):
        found[row.enrollment_id].append(row)
    return found


def _standing(mail: Any) -> Standing:
    waits = mail.reason is not None or mail.lease_until is not None
    return Standing(mail.step, mail.due_at, mail.valid_until, waits, (mail.experiment, mail.variant))


def _note(told: Effects, run: _Run, campaigns: Campaigns, steps: Mapping[tuple[str, str, str], Step]) -> None:
    campaign = campaigns.by_name.get(run.row.campaign)
    if campaign is None:
        told.waiting_for_file[run.row.campaign] += len(run.planned)
        return
    for change in run.changes:
        told.note(run.row.campaign, run.row.recipient_id, change)
    for mail in run.planned:
        if _says_something_else(campaign, mail, steps):
            told.new_content[mail.campaign, mail.step] += 1


def _experiments(connection: Connection, campaigns: Campaigns) -> Iterator[tuple[str, str, str]]:
    newest = {row.campaign: row.definition for row in connection.execute(_VERSIONS)}
    for name, campaign in sorted(campaigns.by_name.items()):
        before = {step["id"]: step.get("experiment") for step in newest.get(name, {}).get("steps", ())}
        now = {step.id: step.experiment for step in campaign.steps}
        for step in [*now, *(gone for gone in before if gone not in now)] if name in newest else ():
            with suppress(ValidationError):
                was = Experiment.model_validate(before[step]) if before.get(step) else None
                yield from ((name, step, note) for note in experiment_notes(was, now.get(step)))


def _says_something_else(campaign: Campaign, mail: Any, steps: Mapping[tuple[str, str, str], Step]) -> bool:
    """Whether the step was edited where it decides what the mail says. What the template says, its folder decides."""
    was = steps.get((mail.campaign, mail.config_version, mail.step))
    step = next((step for step in campaign.steps if step.id == mail.step), None)
    if was is None or step is None:
        return False
    return _content(was, mail) != _content(step, mail)


def _content(step: Step, mail: Any) -> tuple[object, ...]:
    """What decides what a mail says, as its arm has it."""
    is_tried = step.experiment is not None and mail.experiment == str(step.experiment.key(mail.campaign, step.id))
    varied = step.varied(mail.variant) if is_tried else step
    return varied.template, varied.subject, varied.recommend, varied.coupon


def _steps(connection: Connection) -> dict[tuple[str, str, str], Step]:
    """By campaign, version and id, as they were; without those that this program cannot read any more."""
    found: dict[tuple[str, str, str], Step] = {}
    for row in connection.execute(_VERSIONS):
        for step in row.definition["steps"]:
            with suppress(ValidationError):
                found[row.campaign, row.version, step["id"]] = Step.model_validate(step)
    return found


# ---------------------------------------------------------------- doing


def _do(connection: Connection, run: _Run, campaigns: Campaigns, now: datetime) -> None:
    campaign = campaigns.by_name.get(run.row.campaign)
    by_step = {mail.step: mail for mail in run.planned}
    acts = [c for c in run.changes if c.effect in _ACTS]
    if campaign is None or not acts:
        return
    keep_versions(connection, {campaign}, now)
    keep(connection, _lots(acts, campaign, run.row.recipient_id), [campaign], now)
    times = {
        by_step[c.step].id: ledger.NewTime(
            c.new["due_at"], c.new["valid_until"], campaign.version, c.new["experiment"], c.new["variant"]
        )
        for c in acts
        if c.effect in (Effect.RETIMED, Effect.VARIED) and c.new
    }
    ledger.retime(connection, times)
    gone = [by_step[c.step].id for c in acts if c.effect is Effect.CANCELED]
    if gone:
        ledger.lock_sends(connection, gone)
        ledger.end(connection, dict.fromkeys(gone, (SendState.CANCELED, Reason.CAMPAIGN_INACTIVE)))
    added = [dict(c.new) for c in acts if c.effect is Effect.ADDED and c.new]
    insert_new(connection, sends, added, unique=("enrollment_id", "step"))
    enrollment_store.complete(connection, [run.row.id], now)
    ledger.keep_decisions(connection, [_record(run.row, acts, now)])
    log.info("replanned", enrollment=run.row.id, retimed=len(times), canceled=len(gone), added=len(added))


def _lots(acts: Sequence[Change], campaign: Campaign, recipient_id: int) -> Lots:
    """The arms in which mails are planned now."""
    new = [c.new for c in acts if c.new and c.new["variant"]]
    return {(campaign.campaign, row["step"], recipient_id): Lot(row["experiment"], row["variant"]) for row in new}


def _record(row: Any, acts: Sequence[Change], now: datetime) -> dict[str, Any]:
    times = {c.step: c.new_due.isoformat(timespec="seconds") if c.new_due else None for c in acts}
    return {
        "at": now,
        "stage": "operator",
        "campaign": row.campaign,
        "order_id": row.order_id,
        "outcome": "replan",
        "reason": Reason.EDITED,
        "inputs": {"effects": {c.step: c.effect for c in acts}, "due_at": times},
    }
