"""The experiments of a campaign as they are kept: what each was when it began, and what its people did since."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import ColumnElement, CompoundSelect, Connection, Table, func, select

from aftercart.campaigns.experiment import Experiment
from aftercart.db.tables import campaign_versions, clicks, decisions, exposures, pauses, recipients, sends
from aftercart.exchange.rates import Rates
from aftercart.experiments.key import ExperimentKey, read_key
from aftercart.ledger.states import SendState
from aftercart.money import Money
from aftercart.policy.guard import PauseScope
from aftercart.reports.earned.funnel import LEFT
from aftercart.reports.earned.spending import BEFORE, PERSON, spending, spending_where


@dataclass(frozen=True)
class Trial:
    """One version of an experiment. `shares`: of each arm it ever had, as the newest file has it (0: it is gone);
    `until`: as far as is looked."""

    key: ExperimentKey
    as_it_began: Experiment
    shares: Mapping[str, float]
    shares_by_version: Mapping[str, Mapping[str, float]]
    """By version of the campaign."""
    until: datetime
    replaced: bool


@dataclass(slots=True)
class Outcome:
    """What one person did within the window. `since`: when they began to count; `spent` and `before` in minor units."""

    arm: str
    config_hash: str
    since: datetime
    over_at: datetime
    ordered: bool = False
    spent: float = 0.0
    before: float = 0.0
    mails: int = 0
    clicked: bool = False
    left: bool = False
    complained: bool = False

    def value(self, metric: str) -> float:
        """As a sample takes it."""
        match metric:
            case "conversion":
                return float(self.ordered)
            case "revenue":
                return self.spent
            case _:
                return float(getattr(self, metric))


def trials(connection: Connection, campaign: str, until: datetime) -> list[Trial]:
    """Every experiment of the campaign in which somebody counted by then, by step and name, newest version first."""
    began = _began(connection, campaign, until)
    said = _said(connection, campaign)
    found = []
    for key in sorted(began, key=lambda key: (key.step, key.name, -key.version)):
        later = [at for other, at in began.items() if other[:3] == key[:3] and other.version > key.version]
        if files := said.get(key):
            first, last = next(iter(files.values())), next(reversed(files.values()))
            by_version = {version: one.shares for version, one in files.items()}
            shares = {arm: last.shares.get(arm, 0.0) for one in files.values() for arm in one.shares}
            found.append(Trial(key, first, shares, by_version, min([until, *later]), bool(later)))
    return found


def _began(connection: Connection, campaign: str, until: datetime) -> dict[ExperimentKey, datetime]:
    """When the first person counted."""
    first = func.min(exposures.c.counted_at)
    mine = (exposures.c.experiment.startswith(f"step:{campaign}/", autoescape=True), exposures.c.counted_at <= until)
    rows = connection.execute(select(exposures.c.experiment, first).where(*mine).group_by(exposures.c.experiment))
    return {key: at for name, at in rows if (key := read_key(name))}


def _said(connection: Connection, campaign: str) -> dict[ExperimentKey, dict[str, Experiment]]:
    """By experiment: version of the campaign → what its file said, the oldest first."""
    found: defaultdict[ExperimentKey, dict[str, Experiment]] = defaultdict(dict)
    mine = select(campaign_versions).where(campaign_versions.c.campaign == campaign)
    order = (campaign_versions.c.first_seen_at, campaign_versions.c.version)
    for row in connection.execute(mine.order_by(*order)):
        for step_id, experiment in _experiments_in(row.definition):
            found[experiment.key(campaign, step_id)][row.version] = experiment
    return found


def _experiments_in(definition: Mapping[str, object]) -> Iterator[tuple[str, Experiment]]:
    """Those that this program can still read."""
    steps = definition["steps"]
    assert isinstance(steps, list)
    for step in steps:
        if step.get("experiment"):
            try:
                yield step["id"], Experiment.model_validate(step["experiment"])
            except ValidationError:
                continue


def outcomes(
    connection: Connection,
    trial: Trial,
    currency: str,
    rates: Rates | None = None,
    among: CompoundSelect[Any] | None = None,
) -> list[Outcome]:
    """Everybody who counted by then; what they did after their window was over is left out. `among`: only these."""
    whose = () if among is None else (PERSON.in_(among),)
    people = _people(connection, trial, whose)
    until = trial.until
    told = spending_where(connection, *whose, until, rates) if whose else spending(connection, people, until, rates)
    _add_orders(people, told, currency)
    _add_mails(connection, people, trial, whose)
    return list(people.values())


def conversions(
    connection: Connection, key: ExperimentKey, window: timedelta, until: datetime, newest: int
) -> dict[str, tuple[int, int]]:
    """Arm → people whose window was over by then, and how many of them ordered within it; of the newest of them."""
    people: dict[int, Outcome] = {}
    query = select(PERSON.label("person"), exposures.c.arm, exposures.c.counted_at)
    query = query.join(recipients, recipients.c.id == exposures.c.recipient_id)
    mine = (exposures.c.experiment == str(key), exposures.c.counted_at <= until - window)
    query = query.where(*mine).order_by(exposures.c.counted_at.desc(), exposures.c.id.desc()).limit(newest)
    for row in reversed(connection.execute(query).all()):
        people.setdefault(row.person, Outcome(row.arm, "", row.counted_at, row.counted_at + window))
    _add_orders(people, spending(connection, people, until), "")
    arms = {one.arm for one in people.values()}
    of = {arm: [one for one in people.values() if one.arm == arm] for arm in arms}
    return {arm: (len(theirs), sum(one.ordered for one in theirs)) for arm, theirs in of.items()}


def _people(connection: Connection, trial: Trial, whose: Sequence[ColumnElement[bool]]) -> dict[int, Outcome]:
    """By the id that stands for the person; of several addresses the first that counted decides."""
    people: dict[int, Outcome] = {}
    query = select(PERSON.label("person"), exposures.c.arm, exposures.c.config_hash, exposures.c.counted_at)
    query = query.join(recipients, recipients.c.id == exposures.c.recipient_id)
    mine = (exposures.c.experiment == str(trial.key), exposures.c.counted_at <= trial.until)
    window = trial.as_it_began.window.about
    for row in connection.execute(query.where(*mine, *whose).order_by(exposures.c.counted_at, exposures.c.id)):
        if row.person not in people:
            people[row.person] = Outcome(row.arm, row.config_hash, row.counted_at, row.counted_at + window)
    return people


def _add_orders(people: Mapping[int, Outcome], told: Iterable[tuple[Any, Money]], currency: str) -> None:
    """Of others than these nothing is taken."""
    for row, money in told:
        if (person := people.get(row.person)) is None:
            continue
        if person.since < row.placed_at <= person.over_at:
            person.ordered |= money.minor > 0
            person.spent += money.minor if money.currency == currency else 0
        elif person.since - BEFORE < row.placed_at <= person.since:
            person.before += money.minor if money.currency == currency else 0


def _add_mails(
    connection: Connection, people: Mapping[int, Outcome], trial: Trial, whose: Sequence[ColumnElement[bool]]
) -> None:
    """Mails of the experiment and what readers did with them, as far as that is kept."""
    mine = select(PERSON.label("person"), sends.c.id, sends.c.state, sends.c.sent_at)
    mine = mine.join(recipients, recipients.c.id == sends.c.recipient_id)
    mine = mine.where(sends.c.experiment == str(trial.key), *whose)
    clicked = _times(connection, clicks, clicks.c.verdict == "human", trial, whose)
    left = _times(connection, decisions, decisions.c.stage == "leave", trial, whose)
    for row in connection.execute(mine):
        person = people.get(row.person)
        if person is None or row.sent_at is None or row.sent_at > person.over_at:
            continue
        person.mails += row.state in LEFT
        person.complained |= row.state == SendState.COMPLAINED
        person.clicked |= any(at <= person.over_at for at in clicked[row.id])
        person.left |= any(at <= person.over_at for at in left[row.id])


def _times(
    connection: Connection,
    table: Table,
    condition: ColumnElement[bool],
    trial: Trial,
    whose: Sequence[ColumnElement[bool]],
) -> defaultdict[UUID, list[datetime]]:
    """When something happened to each mail of the experiment."""
    found: defaultdict[UUID, list[datetime]] = defaultdict(list)
    query = select(table.c.send_id, table.c.at).join(sends, sends.c.id == table.c.send_id)
    query = query.join(recipients, recipients.c.id == sends.c.recipient_id).where(*whose)
    for send_id, at in connection.execute(query.where(condition, sends.c.experiment == str(trial.key))):
        found[send_id].append(at)
    return found


def pauses_of(connection: Connection, key: ExperimentKey) -> tuple[str, ...]:
    """Why arms of it are paused."""
    mine = (pauses.c.scope == PauseScope.VARIANT, pauses.c.lifted_at.is_(None))
    rows = connection.execute(select(pauses.c.name, pauses.c.because).where(*mine).order_by(pauses.c.id))
    return tuple(f"{name.rpartition('/')[2]}: {because}" for name, because in rows if name.startswith(f"{key.shown}/"))
