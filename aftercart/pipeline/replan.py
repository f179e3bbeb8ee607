"""An edit of a campaign meets the mails that are planned already: told first (`effects`), then done (`carry_out`).

Without it an edit holds for what is decided from then on: content, caps, hours, audience. The times of planned mails
stay, and so they do for new steps and longer delays, until somebody has seen what the edit does to them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, select

from aftercart.bootstrap import App
from aftercart.campaigns.loader import Campaigns
from aftercart.campaigns.schema import Campaign
from aftercart.db.session import insert_new
from aftercart.db.tables import campaign_versions, enrollments, sends
from aftercart.enrollment import store as enrollment_store
from aftercart.enrollment.change import Change, Effect, Standing, changes
from aftercart.enrollment.states import EnrollmentState
from aftercart.errors import ConfigError
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.pipeline.enroll import Candidate, candidates_of, keep_versions, send_rows
from aftercart.policy.reason import Reason

log = structlog.get_logger()

PAGE = 500


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
    those that are kept, re-timed or put off. `waiting_for_file`: mails of campaigns of which there is no file.
    """

    mails: Counter[tuple[str, str, Effect]] = field(default_factory=Counter)
    new_content: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting_for_file: Counter[str] = field(default_factory=Counter)
    people: set[int] = field(default_factory=set)
    """Of mails that are not simply kept."""
    examples: dict[tuple[str, str, Effect], tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    """When one of them was due, and when it would be."""

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
        versions = _definitions(connection)
        for page in _pages(connection):
            for run in _runs(connection, app, page, campaigns, now):
                _note(told, run, campaigns, versions)
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
    known = {row.id for row in edited}
    for row in page:
        planned = [mail for mail in mails[row.id] if mail.state == SendState.SCHEDULED]
        if row.id not in known:
            yield _Run(row, planned, [_kept(mail) for mail in planned])
        elif (campaign := campaigns.by_name.get(row.campaign)) and _has_begun(orders[row.order_id], campaign):
            plan = _plan(app, orders[row.order_id], campaign, row.id, now)
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
    app: App, candidate: Candidate, campaign: Campaign, enrollment_id: int, now: datetime
) -> list[dict[str, Any]]:
    return [] if campaign.status == "draft" else list(send_rows(app, candidate, campaign, enrollment_id, now))


def _mails(connection: Connection, ids: Sequence[int]) -> Mapping[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    query = select(sends).where(sends.c.enrollment_id.in_(ids)).order_by(sends.c.due_at, sends.c.id)
    for row in connection.execute(query):
        found[row.enrollment_id].append(row)
    return found


def _standing(mail: Any) -> Standing:
    waits = mail.reason is not None or mail.lease_until is not None
    return Standing(mail.step, mail.due_at, mail.valid_until, waits)


def _note(told: Effects, run: _Run, campaigns: Campaigns, versions: Mapping[tuple[str, str], Any]) -> None:
    campaign = campaigns.by_name.get(run.row.campaign)
    if campaign is None:
        told.waiting_for_file[run.row.campaign] += len(run.planned)
        return
    for change in run.changes:
        told.note(run.row.campaign, run.row.recipient_id, change)
    for mail in run.planned:
        if _says_something_else(campaign, mail, versions):
            told.new_content[mail.campaign, mail.step] += 1


def _says_something_else(campaign: Campaign, mail: Any, versions: Mapping[tuple[str, str], Any]) -> bool:
    """Whether the step was edited where it decides what the mail says. What the template says, its folder decides."""
    then = versions.get((mail.campaign, mail.config_version), {})
    was = next((step for step in then.get("steps", ()) if step["id"] == mail.step), None)
    step = next((step for step in campaign.steps if step.id == mail.step), None)
    if was is None or step is None:
        return False
    is_ = step.model_dump(mode="json", by_alias=True)
    return any(was.get(key) != is_.get(key) for key in ("template", "recommend"))


def _definitions(connection: Connection) -> dict[tuple[str, str], Any]:
    rows = connection.execute(select(campaign_versions))
    return {(row.campaign, row.version): row.definition for row in rows}


# ---------------------------------------------------------------- doing


def _do(connection: Connection, run: _Run, campaigns: Campaigns, now: datetime) -> None:
    campaign = campaigns.by_name.get(run.row.campaign)
    by_step = {mail.step: mail for mail in run.planned}
    acts = [c for c in run.changes if c.effect in (Effect.RETIMED, Effect.CANCELED, Effect.ADDED)]
    if campaign is None or not acts:
        return
    keep_versions(connection, {campaign}, now)
    times = {
        by_step[c.step].id: ledger.NewTime(c.new["due_at"], c.new["valid_until"], campaign.version)
        for c in acts
        if c.effect is Effect.RETIMED and c.new
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
