"""What came of mails, week by week, counted once and kept: reports read these rows, not millions of mails.

A week is named by its Monday (UTC), and counted anew as a whole while something may still come of its mails. No row
holds a person.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class CountedWeek(Row, table=True):
    """A week whose mails were counted, and when last."""

    __tablename__ = "counted_weeks"

    week: date = Field(primary_key=True)
    counted_at: datetime


class CountedCohorts(Row, table=True):
    """A week whose days were counted for all cohorts that live in it, and when last."""

    __tablename__ = "counted_cohorts"

    week: date = Field(primary_key=True)
    counted_at: datetime


class WeeklyPair(Row, table=True):
    """A product that mails of a week showed because of another one. In how many `mails`, and of these: in which a
    person opened the link to it (`clicked`), after which it was bought in an order that they are credited with
    (`bought`), of which a reader said "less like this" of it (`refused`), from which one left (`left_after`).
    """

    __tablename__ = "weekly_pairs"

    week: date = Field(primary_key=True)
    campaign: str = Field(primary_key=True)
    because: str = Field(primary_key=True)
    sku: str = Field(primary_key=True)
    mails: int
    clicked: int = 0
    bought: int = 0
    refused: int = 0
    left_after: int = 0


class WeeklySource(Row, table=True):
    """What a part of the recommender chose in the mails of a week, beside how it did on orders that the version had not
    seen (`ndcg10`, `hr10`; empty where it was not tested). `model`: the version that served, or `fallback`.
    """

    __tablename__ = "weekly_sources"

    week: date = Field(primary_key=True)
    model: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    mails: int
    picks: int
    clicked: int = 0
    bought: int = 0
    ndcg10: float | None = None
    hr10: float | None = None


class WeeklyDomain(Row, table=True):
    """What became of the mails of a week to a domain; small ones are together in one that has no name, so that none
    names a person. `sent`: a mail server took them; `refused`: none did, in the end. `deferred`: had to be tried again.
    `hard_bounced`: there is no such address, said at the door (then it is `refused`, too) or later (then `bounced`).
    """

    __tablename__ = "weekly_domains"

    week: date = Field(primary_key=True)
    domain: str = Field(primary_key=True)
    sent: int
    refused: int = 0
    deferred: int = 0
    delivered: int = 0
    bounced: int = 0
    hard_bounced: int = 0
    soft_bounced: int = 0
    complained: int = 0


class CohortDay(Row, table=True):
    """What people did on a day (UTC) who were first mailed, or ordered first (`basis`), in one `week`: `people` who
    came in on that day, their `mails`, those that a person `clicked` in, and `leavers`: people who left by one.

    `currency`: of `orders` and what they are worth, refunds off; the row without one holds all the rest.
    """

    __tablename__ = "cohort_days"

    basis: str = Field(primary_key=True)
    week: date = Field(primary_key=True)
    day: date = Field(primary_key=True)
    currency: str = Field(primary_key=True)
    people: int = 0
    mails: int = 0
    clicked: int = 0
    leavers: int = 0
    orders: int = 0
    revenue_minor: int = Field(default=0, sa_type=BigInteger)


counted_weeks = core(CountedWeek)
counted_cohorts = core(CountedCohorts)
weekly_pairs = core(WeeklyPair)
weekly_sources = core(WeeklySource)
weekly_domains = core(WeeklyDomain)
cohort_days = core(CohortDay)
