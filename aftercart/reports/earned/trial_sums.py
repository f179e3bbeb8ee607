"""What the people of an experiment did, summed up: by arm, by what they were drawn under, and by the midnight by which
their windows are over. Nothing that is told of an experiment needs to know them one by one.

Of many people the database adds up, except for those whose sums it cannot take: whoever has several addresses, has had
something refunded, or has paid in a currency that is converted. They are gone through one by one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, case, func, select

from aftercart.attribution.reversal import WORTHLESS
from aftercart.db.calendar import day_of, days_after, days_before, is_midnight
from aftercart.db.tables import clicks, decisions, exposures, orders, sends
from aftercart.exchange.rates import Rates
from aftercart.experiments.sample import Sample
from aftercart.ledger.states import SendState
from aftercart.reports.earned.exact_sums import products_of, sum_of, whole
from aftercart.reports.earned.funnel import LEFT
from aftercart.reports.earned.odd_people import odd_people
from aftercart.reports.earned.spending import BEFORE, MANY, counted
from aftercart.reports.earned.trial import Outcome, Trial, outcomes

CONVERSION, REVENUE = "conversion", "revenue"
METRICS = (CONVERSION, REVENUE, "clicked", "left", "complained")
DAY = timedelta(days=1)
_DID = ("ordered", "clicked", "was_left", "complained")


class Group(NamedTuple):
    """People of one arm, drawn under one version of the campaign. `over_by`: the midnight by which they are known."""

    arm: str
    config_hash: str
    over_by: datetime


@dataclass(slots=True)
class Sums:
    """Of a group. `since`: when the first of them began to count; `samples`: by metric."""

    since: datetime
    people: int = 0
    mails: int = 0
    samples: dict[str, Sample] = field(default_factory=lambda: dict.fromkeys(METRICS, Sample()))

    def add(self, other: "Sums") -> None:
        """Those of other people."""
        self.since = min(self.since, other.since)
        self.people += other.people
        self.mails += other.mails
        self.samples = {metric: self.samples[metric] + other.samples[metric] for metric in METRICS}


def summed_up(
    connection: Connection, trial: Trial, currency: str, rates: Rates | None = None, many: int = MANY
) -> dict[Group, Sums]:
    """Of everybody who counted by then. `many`: people from whom on the database adds up."""
    window = trial.as_it_began.window.about
    mine = (exposures.c.experiment == str(trial.key), exposures.c.counted_at <= trial.until)
    people = connection.execute(select(func.count()).select_from(exposures).where(*mine)).scalar_one()
    if people <= many or window % DAY:
        return _grouped(outcomes(connection, trial, currency, rates))
    found = _grouped(outcomes(connection, trial, currency, rates, odd_people(rates)))
    odd = odd_people(rates).subquery("odd")
    query = _added_up(mine, odd, trial, window.days, currency, connection.dialect.name)
    for row in connection.execute(query):
        group, sums = _read(row, window)
        if group in found:
            found[group].add(sums)
        else:
            found[group] = sums
    return found


def next_midnight(instant: datetime) -> datetime:
    """In UTC; the instant itself, where it is one."""
    day = instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if day == instant else day + DAY


# ---------------------------------------------------------------- one by one


def _grouped(found: Iterable[Outcome]) -> dict[Group, Sums]:
    groups: defaultdict[Group, list[Outcome]] = defaultdict(list)
    for one in found:
        groups[Group(one.arm, one.config_hash, next_midnight(one.over_at))].append(one)
    return {group: _summed(people) for group, people in groups.items()}


def _summed(people: Sequence[Outcome]) -> Sums:
    samples = {metric: _sample(people, metric) for metric in METRICS}
    return Sums(min(one.since for one in people), len(people), sum(one.mails for one in people), samples)


def _sample(people: Sequence[Outcome], metric: str) -> Sample:
    values = [(one.value(metric), one.before) for one in people]
    return Sample(
        people=len(values),
        total=sum(y for y, _ in values),
        squares=sum(y * y for y, _ in values),
        before=sum(x for _, x in values),
        before_squares=sum(x * x for _, x in values),
        products=sum(x * y for y, x in values),
    )


# ---------------------------------------------------------------- by the database


def _added_up(
    mine: Sequence[ColumnElement[bool]], odd: Subquery, trial: Trial, days: int, currency: str, dialect: str
) -> Select[Any]:
    """A row for each group, of all people but the odd ones: each has one address."""
    over = days_after(exposures.c.counted_at, days, dialect)
    spent = _spent(mine, trial.until, over, currency, dialect)
    mailed = _mailed(mine, str(trial.key), over)
    day, at_midnight = day_of(exposures.c.counted_at, dialect), is_midnight(exposures.c.counted_at, dialect)
    did = {"ordered": spent.c.ordered, **{name: mailed.c[name] for name in _DID[1:]}}
    each = (
        select(
            *(exposures.c.arm, exposures.c.config_hash, exposures.c.counted_at),
            *(day.label("day"), case((at_midnight, 1), else_=0).label("at_midnight")),
            *(func.coalesce(value, 0).label(name) for name, value in did.items()),
            *(func.coalesce(value, 0).label(value.name) for value in (spent.c.y, spent.c.x, mailed.c.mails)),
        )
        .join_from(exposures, odd, odd.c.person == exposures.c.recipient_id, isouter=True)
        .outerjoin(spent, spent.c.person == exposures.c.recipient_id)
        .outerjoin(mailed, mailed.c.person == exposures.c.recipient_id)
        .where(*mine, odd.c.person.is_(None))
        .subquery("each")
    )
    y, x, since = each.c.y, each.c.x, func.min(each.c.counted_at, type_=exposures.c.counted_at.type)
    group = (each.c.arm, each.c.config_hash, each.c.day, each.c.at_midnight)
    return select(
        *(*group, func.count().label("people"), since.label("since"), sum_of(each.c.mails).label("mails")),
        *(sum_of(y).label("y"), sum_of(x).label("x")),
        *(*products_of("yy", y, y), *products_of("xx", x, x), *products_of("xy", x, y)),
        *(sum_of(each.c[name]).label(name) for name in _DID),
        *(sum_of(each.c[name] * x).label(f"{name}_x") for name in _DID),
    ).group_by(*group)


def _spent(
    mine: Sequence[ColumnElement[bool]],
    until: datetime,
    over: ColumnElement[object],
    currency: str,
    dialect: str,
) -> Subquery:
    """By person: `y` within the window, `x` in the year before."""
    at, placed = exposures.c.counted_at, orders.c.placed_at
    within, before = (
        and_(placed > at, placed <= over),
        and_(placed > days_before(at, BEFORE.days, dialect), placed <= at),
    )
    worth = case((orders.c.state.in_(sorted(WORTHLESS)), 0), else_=orders.c.total_minor)
    shown = case((orders.c.currency == currency, worth), else_=0)
    return (
        select(
            exposures.c.recipient_id.label("person"),
            sum_of(case((within, shown), else_=0)).label("y"),
            sum_of(case((before, shown), else_=0)).label("x"),
            func.max(case((and_(within, worth > 0), 1), else_=0)).label("ordered"),
        )
        .join_from(exposures, orders, orders.c.recipient_id == exposures.c.recipient_id)
        .where(*mine, *counted(until))
        .group_by(exposures.c.recipient_id)
        .subquery("spent")
    )


def _mailed(mine: Sequence[ColumnElement[bool]], key: str, over: ColumnElement[object]) -> Subquery:
    """By person: mails of the experiment within the window, and what came of them within it."""

    def has(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return select(1).where(*conditions).correlate(sends, exposures).exists()

    clicked = has(clicks.c.send_id == sends.c.id, clicks.c.verdict == "human", clicks.c.at <= over)
    was_left = has(decisions.c.send_id == sends.c.id, decisions.c.stage == "leave", decisions.c.at <= over)
    is_complaint = sends.c.state == SendState.COMPLAINED
    return (
        select(
            exposures.c.recipient_id.label("person"),
            func.sum(case((sends.c.state.in_(LEFT), 1), else_=0)).label("mails"),
            func.max(case((clicked, 1), else_=0)).label("clicked"),
            func.max(case((was_left, 1), else_=0)).label("was_left"),
            func.max(case((is_complaint, 1), else_=0)).label("complained"),
        )
        .join_from(exposures, sends, sends.c.recipient_id == exposures.c.recipient_id)
        .where(*mine, sends.c.experiment == key, sends.c.sent_at <= over)
        .group_by(exposures.c.recipient_id)
        .subquery("mailed")
    )


def _read(row: Any, window: timedelta) -> tuple[Group, Sums]:
    over_by = (
        datetime(row.day.year, row.day.month, row.day.day, tzinfo=UTC) + window + (0 if row.at_midnight else 1) * DAY
    )
    xx = whole(row, "xx")

    def did(name: str) -> Sample:
        number = getattr(row, name)
        return Sample(row.people, number, number, row.x, xx, getattr(row, f"{name}_x"))

    samples = {
        CONVERSION: did("ordered"),
        REVENUE: Sample(row.people, row.y, whole(row, "yy"), row.x, xx, whole(row, "xy")),
        "clicked": did("clicked"),
        "left": did("was_left"),
        "complained": did("complained"),
    }
    return Group(row.arm, row.config_hash, over_by), Sums(row.since, row.people, row.mails, samples)
