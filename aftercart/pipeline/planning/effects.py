"""What an edit of campaigns, templates or brand file does to mails that are planned. Looked at, and nothing changed.

Without `replan` an edit holds for what is decided from then on: content, caps, hours, audience. The times of planned
mails stay, and new steps and longer delays are for new orders, until somebody has seen what the edit does to mails that
are under way.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import Connection, select

from aftercart.bootstrap import App
from aftercart.campaigns.experiment import Experiment
from aftercart.campaigns.loader import Campaigns
from aftercart.campaigns.schema import Campaign
from aftercart.db.tables import enrollments, sends
from aftercart.enrollment.change import Change, Effect, Standing, changes
from aftercart.enrollment.states import EnrollmentState
from aftercart.enrollment.trial_change import experiment_notes
from aftercart.ledger.states import SendState
from aftercart.pipeline.planning.configuration import Configuration, configuration_of
from aftercart.pipeline.planning.enroll import Candidate, candidates_of, send_rows
from aftercart.pipeline.planning.lots import Lots, lots_of, people_of
from aftercart.pipeline.planning.new_content import VERSIONS, Before, Cause, Tried, before, locales_of
from aftercart.pipeline.planning.waiting import Held, Waiting, what_holds
from aftercart.pipeline.planning.withheld import Holds, Shares, held_out
from aftercart.policy.store import persons_of
from aftercart.rendering.renderer import Renderer

log = structlog.get_logger()

PAGE = 500
"""Enrollments that are looked at, or worked on, at once."""
RENEWED = (Effect.RETIMED, Effect.VARIED)
"""These take their experiment and arm from what would be planned today."""


@dataclass(frozen=True)
class Run:
    """An enrollment that is under way, with its mails."""

    row: Any
    planned: Sequence[Any]
    changes: Sequence[Change]
    new_content: Mapping[str, frozenset[Cause]]
    """By step, where it is not empty."""
    holdout: Mapping[str, Holds]
    """By step, where an edited holdout matters."""


@dataclass(frozen=True)
class Edit:
    """The engine on the edited files, and what was in force before."""

    app: App
    current: Configuration
    before: Before
    now: datetime

    def campaign(self, name: str) -> Campaign | None:
        """As it stands now."""
        return self.current.campaigns.by_name.get(name)


@dataclass
class Effects:
    """What an edit does: how many mails of each campaign and step, and to how many people.

    `new_content`: mails that will say something else than when they were planned, as their step, their template or the
    brand file was edited (`causes`); they are among those that are kept, re-timed, varied or put off.
    `waiting`: by campaign, mails that a pause holds, or that have no file any more. `holdout`: by campaign, mails that
    an edited holdout keeps back or lets go.
    """

    mails: Counter[tuple[str, str, Effect]] = field(default_factory=Counter)
    new_content: Counter[tuple[str, str, Effect]] = field(default_factory=Counter)
    causes: defaultdict[tuple[str, str, Effect], set[Cause]] = field(default_factory=lambda: defaultdict(set))
    waiting: dict[tuple[str, Held], Waiting] = field(default_factory=dict)
    holdout: Counter[tuple[str, Holds]] = field(default_factory=Counter)
    people: set[int] = field(default_factory=set)
    """Of mails that are not simply kept, that will say something else, or of which the holdout decides otherwise; once
    all are known, a person of several addresses is in it once."""
    touched: int = 0
    """Mails of which that holds."""
    examples: dict[tuple[str, str, Effect], tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    """When one of them was due, and when it would be."""
    experiments: list[tuple[str, str, str]] = field(default_factory=list)
    """Campaign, step, and what becomes of its experiment."""

    @property
    def waiting_for_file(self) -> dict[str, int]:
        """How many mails of which campaigns."""
        return {name: found.mails for (name, why), found in self.waiting.items() if why is Held.NO_FILE}

    @property
    def past(self) -> int:
        """Mails that the edit puts to a time that is over."""
        return sum(count for (_, _, effect), count in self.mails.items() if effect is Effect.PAST)

    @property
    def changes_something(self) -> bool:
        return self.touched > 0

    def note(
        self, campaign: str, recipient_id: int, change: Change, causes: frozenset[Cause], holds: Holds | None
    ) -> None:
        """Count one mail."""
        key = (campaign, change.step, change.effect)
        self.mails[key] += 1
        self.examples.setdefault(key, (change.due_at, change.new_due))
        if causes:
            self.new_content[key] += 1
            self.causes[key] |= causes
        if holds:
            self.holdout[campaign, holds] += 1
        if causes or holds or change.effect not in (Effect.KEPT, Effect.MISSED):
            self.people.add(recipient_id)
            self.touched += 1


def effects(app: App, campaigns: Campaigns | None = None, templates_dir: Path | None = None) -> Effects:
    """What campaigns, templates and brand file do to what is planned: those of this deployment, or edited copies.
    Changes nothing.
    """
    if campaigns:
        app = replace(app, live_campaigns=lambda: campaigns)
    if templates_dir:
        app = replace(app, renderer=Renderer(templates_dir, app.settings.cache_dir / "templates"))
    told = Effects()
    with app.db.read() as connection:
        edit = edit_now(connection, app)
        told.experiments = list(_experiments(connection, edit.current.campaigns))
        for page in _pages(connection):
            for run in runs(connection, edit, page):
                _note(told, run, edit)
        waiting = told.waiting.values()
        person = persons_of(connection, told.people.union(*(found.people for found in waiting)))
    told.people = {person[recipient_id] for recipient_id in told.people}
    for found in waiting:
        found.people = {person[recipient_id] for recipient_id in found.people}
    return told


def edit_now(connection: Connection, app: App) -> Edit:
    """The files as they stand now, beside what mails were planned under."""
    return Edit(app, configuration_of(app), before(connection), app.clock())


def _pages(connection: Connection) -> Iterator[Sequence[Any]]:
    after = 0
    while page := page_after(connection, after):
        yield page
        after = page[-1].id


def page_after(connection: Connection, after: int) -> Sequence[Any]:
    """The next `PAGE` active enrollments whose id is greater than `after`."""
    active = (enrollments.c.state == EnrollmentState.ACTIVE, enrollments.c.id > after)
    return connection.execute(select(enrollments).where(*active).order_by(enrollments.c.id).limit(PAGE)).all()


def runs(connection: Connection, edit: Edit, page: Sequence[Any]) -> Iterator[Run]:
    """What the edit does to each of these enrollments.

    Where neither its campaign nor the brand file was edited since its mails were planned, they keep their times.
    """
    mails = _mails(connection, [row.id for row in page])
    edited = [row for row in page if _is_edited(edit, row.campaign, mails[row.id])]
    orders = {c.row.id: c for c in candidates_of(connection, {row.order_id for row in edited})} if edited else {}
    asked = [(c, row.recipient_id) for row in edited if (c := edit.campaign(row.campaign))]
    lots = lots_of(connection, edit.app, asked)
    locales = locales_of(connection, {row.recipient_id for row in page})
    known = {row.id for row in edited}
    held = _holdouts(connection, edit, page, mails)
    for row in page:
        planned = [mail for mail in mails[row.id] if mail.state == SendState.SCHEDULED]
        campaign = edit.campaign(row.campaign)
        found = _changes(edit, row, planned, mails[row.id], orders, lots) if row.id in known else None
        become = found or [_kept(mail) for mail in planned]
        causes = _causes(edit, campaign, planned, become, locales.get(row.recipient_id, "")) if campaign else {}
        holds = {mail.step: how for mail in planned if (how := held.get(mail.id))}
        yield Run(row, planned, become, causes, holds)


def _causes(
    edit: Edit, campaign: Campaign, planned: Sequence[Any], found: Sequence[Change], locale: str
) -> dict[str, frozenset[Cause]]:
    """Why mails will say something else, by step. A mail may say so, too, because it goes as another variant."""
    drawn = {c.step: Tried(c.new["experiment"], c.new["variant"]) for c in found if c.new and c.effect in RENEWED}
    of_mail = {
        mail.step: edit.before.causes(mail, campaign, edit.current, locale, drawn.get(mail.step, Tried.of(mail)))
        for mail in planned
    }
    return {step: why for step, why in of_mail.items() if why}


def _holdouts(
    connection: Connection, edit: Edit, page: Sequence[Any], mails: Mapping[int, Sequence[Any]]
) -> dict[UUID, Holds]:
    """Of planned mails, those of which an edited holdout decides otherwise."""
    asked: defaultdict[tuple[str, Shares, Shares], list[Any]] = defaultdict(list)
    for row in page:
        campaign = edit.campaign(row.campaign)
        if campaign is None or campaign.mail_class == "transactional":
            continue
        now = Shares(edit.app.brand.holdout, campaign.holdout)
        for mail in mails[row.id]:
            if mail.state == SendState.SCHEDULED and (was := edit.before.shares(mail)) and was != now:
                asked[row.campaign, was, now].append(mail)
    found: dict[UUID, Holds] = {}
    for (name, was, now), theirs in asked.items():
        people = people_of(connection, {mail.recipient_id for mail in theirs})
        secret = edit.app.settings.secret_key[-1]
        before_, after = (held_out(connection, secret, name, shares, people) for shares in (was, now))
        ways = {**dict.fromkeys(after - before_, Holds.BACK), **dict.fromkeys(before_ - after, Holds.NO_MORE)}
        found |= {mail.id: ways[mail.recipient_id] for mail in theirs if mail.recipient_id in ways}
    return found


def _changes(
    edit: Edit, row: Any, planned: Sequence[Any], mails: Sequence[Any], orders: Mapping[int, Candidate], lots: Lots
) -> list[Change] | None:
    """None: they stay as they are."""
    campaign, order = edit.campaign(row.campaign), orders[row.order_id]
    if campaign is None or not _has_begun(order, campaign):
        return None
    plan = _plan(edit.app, order, campaign, row.id, edit.now, lots)
    ended = frozenset(mail.step for mail in mails if mail.state != SendState.SCHEDULED)
    return list(changes([_standing(mail) for mail in planned], ended, plan, edit.now))


def _kept(mail: Any) -> Change:
    return Change(mail.step, Effect.KEPT, mail.due_at, {"due_at": mail.due_at})


def _has_begun(candidate: Candidate, campaign: Campaign) -> bool:
    """Whether what starts the campaign has happened. It need not, where its trigger was edited."""
    return candidate.facts.began(campaign) is not None


def _is_edited(edit: Edit, name: str, mails: Sequence[Any]) -> bool:
    campaign = edit.campaign(name)
    if campaign is None or campaign.status == "draft":
        return True
    return any(
        mail.config_version != campaign.version or edit.before.brand_differs(mail, edit.current) for mail in mails
    )


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


def _note(told: Effects, run: Run, edit: Edit) -> None:
    campaign = edit.campaign(run.row.campaign)
    gone = {change.step for change in run.changes if change.effect is Effect.CANCELED}
    if why := what_holds(edit.app.brand, campaign):
        for mail in run.planned:
            if mail.step not in gone:
                new = Waiting(mail.valid_until, mail.valid_until)
                told.waiting.setdefault((run.row.campaign, why), new).note(mail, edit.now)
    if campaign is None:
        return
    for change in run.changes:
        stays = change.step not in gone
        causes = run.new_content.get(change.step, frozenset()) if stays else frozenset[Cause]()
        holds = run.holdout.get(change.step) if stays else None
        told.note(run.row.campaign, run.row.recipient_id, change, causes, holds)


def _experiments(connection: Connection, campaigns: Campaigns) -> Iterator[tuple[str, str, str]]:
    newest = {row.campaign: row.definition for row in connection.execute(VERSIONS)}
    for name, campaign in sorted(campaigns.by_name.items()):
        before = {step["id"]: step.get("experiment") for step in newest.get(name, {}).get("steps", ())}
        now = {step.id: step.experiment for step in campaign.steps}
        for step in [*now, *(gone for gone in before if gone not in now)] if name in newest else ():
            with suppress(ValidationError):
                was = Experiment.model_validate(before[step]) if before.get(step) else None
                yield from ((name, step, note) for note in experiment_notes(was, now.get(step)))
