"""What came of mails, as it was last counted week by week (`pipeline/learning/weeks.py`): a look at a few rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from aftercart.db.calendar import WEEK, monday_of
from aftercart.db.tables import (
    cohort_days,
    counted_weeks,
    products,
    weekly_domains,
    weekly_pairs,
    weekly_sources,
)
from aftercart.exchange.rates import Rates
from aftercart.money import Money
from aftercart.reports.counting.kept import COHORT_WEEKS, NO_MONEY, OTHERS, Basis
from aftercart.reports.words import SOURCES

LATELY = 13 * WEEK
"""How far back, where nobody says it."""
FEWEST = 30
"""Mails of a pair, or nobody is told that it annoys: one reader in a bad mood is not a fault of a pair."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A product that was shown because of another one, in how many mails, and what people did with it (see
    `WeeklyPair`)."""

    anchor: str
    pick: str
    because: str
    sku: str
    mails: int
    clicked: int
    bought: int
    refused: int
    left_after: int

    @property
    def annoyed(self) -> float:
        """Of a hundred mails, after how many its reader refused it, or left."""
        return 100 * (self.refused + self.left_after) / self.mails


@dataclass(frozen=True, slots=True)
class Domain:
    """What became of mails to a domain; `domain` is empty for all small ones together (see `WeeklyDomain`)."""

    domain: str
    sent: int
    refused: int
    deferred: int
    delivered: int
    bounced: int
    hard_bounced: int
    soft_bounced: int
    complained: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the recommender did in mails, under one version of the model, beside its test before.

    `ndcg10`, `hr10`: on orders that the version had not seen; None where it was not tested.
    """

    model: str
    source: str
    since: date
    mails: int
    picks: int
    clicked: int
    bought: int
    ndcg10: float | None
    hr10: float | None

    @property
    def in_words(self) -> str:
        """Who that is."""
        return SOURCES.get(self.source, self.source)

    @property
    def click_rate(self) -> float:
        """Of a hundred products shown, of how many the link was opened."""
        return 100 * self.clicked / self.picks

    @property
    def purchase_rate(self) -> float:
        """Of a hundred products shown, how many were bought after a click in their mail."""
        return 100 * self.bought / self.picks


@dataclass(slots=True)
class CohortWeek:
    """What a cohort did in one week of its life; `revenue` in minor units by currency, refunds off."""

    mails: int = 0
    clicked: int = 0
    leavers: int = 0
    orders: int = 0
    revenue: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Cohort:
    """Everybody who was first mailed, or ordered first, in the week of that Monday. `weeks`: 0 is that week itself."""

    basis: Basis
    week: date
    people: int
    weeks: list[CohortWeek]


def counted_at(connection: Connection) -> datetime | None:
    """When this was last counted; None: never."""
    found: datetime | None = connection.execute(
        select(func.max(counted_weeks.c.counted_at, type_=counted_weeks.c.counted_at.type))
    ).scalar_one()
    return found


def pairs(connection: Connection, campaign: str | None, since: date) -> list[Pair]:
    """Those of mails since the week of that day, the most shown first."""
    anchor, pick, row = products.alias(), products.alias(), weekly_pairs.c
    counts = _sums(row, "mails", "clicked", "bought", "refused", "left_after")
    named = (
        func.coalesce(anchor.c.title, row.because).label("anchor"),
        func.coalesce(pick.c.title, row.sku).label("pick"),
    )
    query = (
        select(*named, row.because, row.sku, *counts)
        .outerjoin(anchor, anchor.c.sku == row.because)
        .outerjoin(pick, pick.c.sku == row.sku)
        .where(row.week >= monday_of(since), row.because != "", *((row.campaign == campaign,) if campaign else ()))
        .group_by(row.because, row.sku, anchor.c.title, pick.c.title)
        .order_by(counts[0].desc(), row.because, row.sku)
    )
    return [Pair(**found) for found in connection.execute(query).mappings()]


def annoying(found: Sequence[Pair]) -> list[Pair]:
    """Of these pairs those that somebody refused or left after, the worst first; none that few were shown."""
    told = [pair for pair in found if pair.annoyed and pair.mails >= FEWEST]
    return sorted(told, key=lambda pair: (-pair.annoyed, -pair.mails))


def domains(connection: Connection, since: date) -> list[Domain]:
    """Of mails since the week of that day; the one with the most mails first, small ones together at the end."""
    row = weekly_domains.c
    names = ("sent", "refused", "deferred", "delivered", "bounced", "hard_bounced", "soft_bounced", "complained")
    query = select(row.domain, *_sums(row, *names)).where(row.week >= monday_of(since)).group_by(row.domain)
    found = [Domain(**told) for told in connection.execute(query).mappings()]
    return sorted(found, key=lambda one: (one.domain == OTHERS, -one.sent - one.refused, one.domain))


def parts(connection: Connection, since: date) -> list[Part]:
    """Of mails since the week of that day; the version that was used last first, and of it who chose most."""
    row = weekly_sources.c
    counts = _sums(row, "mails", "picks", "clicked", "bought")
    tested = (func.max(row.ndcg10).label("ndcg10"), func.max(row.hr10).label("hr10"))
    query = select(row.model, row.source, func.min(row.week).label("since"), *counts, *tested)
    query = query.where(row.week >= monday_of(since)).group_by(row.model, row.source)
    last = func.max(row.week)
    return [
        Part(**told)
        for told in connection.execute(query.order_by(last.desc(), row.model.desc(), counts[1].desc())).mappings()
    ]


def cohorts(connection: Connection, basis: Basis, since: date, rates: Rates | None = None) -> list[Cohort]:
    """Those of the week of that day and later, the newest first; of weeks that are not over, what there is so far."""
    row = cohort_days.c
    query = select(cohort_days).where(row.basis == basis, row.week >= monday_of(since)).order_by(row.week.desc())
    found: dict[date, Cohort] = {}
    for told in connection.execute(query):
        cohort = found.setdefault(told.week, Cohort(basis, told.week, 0, [CohortWeek() for _ in range(COHORT_WEEKS)]))
        cohort.people += told.people
        week = cohort.weeks[(told.day - told.week) // timedelta(weeks=1)]
        week.mails += told.mails
        week.clicked += told.clicked
        week.leavers += told.leavers
        week.orders += told.orders
        if told.currency != NO_MONEY:
            money = Money(told.revenue_minor, told.currency)
            if rates:
                money = rates.converted(told.revenue_minor, told.currency, told.day)
            week.revenue[money.currency] = week.revenue.get(money.currency, 0) + money.minor
    return list(found.values())


def _sums(columns: Any, *names: str) -> list[ColumnElement[Any]]:
    return [func.sum(columns[name]).label(name) for name in names]
