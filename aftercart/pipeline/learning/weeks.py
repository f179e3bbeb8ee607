"""What came of mails, week by week: counted here, so that whoever reads a report does not look at every mail.

Once an hour for this week, and once a day for the three before, in which orders, clicks and complaints still come in.
What nobody has counted yet, or not since its three weeks were over, because the engine stood still or is new, is
counted once it runs: of mails as far back as nothing that hangs on them is in the archive. A week is counted as a
whole, so doing it twice or late changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select

from aftercart.bootstrap import App
from aftercart.db.calendar import WEEK, monday_of
from aftercart.db.session import insert_new
from aftercart.db.tables import (
    cohort_days,
    counted_cohorts,
    counted_weeks,
    weekly_domains,
    weekly_pairs,
    weekly_sources,
)
from aftercart.reports.counting.cohorts import cohorts
from aftercart.reports.counting.domains import domains
from aftercart.reports.counting.kept import COHORT_WEEKS, Basis
from aftercart.reports.counting.shown import shown

COUNTED_AGAIN, LOOKED_BACK, KEPT = 3, 13, 53
"""Weeks before this one."""

Known = Mapping[date, datetime]
"""Week → when it was last counted."""


def count_weeks(app: App) -> None:
    """Count what may have changed, and forget the weeks of long ago.

    Each week is committed by itself, the newest first: what is left when the time is over is counted in an hour.
    Cohorts take longest, and are counted once a day.
    """
    now = app.clock().astimezone(UTC)
    this = monday_of(now.date())
    with app.db.read() as connection:
        mails, cohorts_of = (_known(connection, table) for table in (counted_weeks, counted_cohorts))
    for week in _due(mails, this, now.date(), LOOKED_BACK):
        _count(app, week, now)
    if this not in cohorts_of or cohorts_of[this].date() < now.date():
        # Orders and mails are never packed: of weeks that nobody has counted, those of half a year can be.
        _count_cohorts(app, set(_due(cohorts_of, this, now.date(), 2 * LOOKED_BACK)), cohorts_of, now)
    with app.db.write() as connection:
        for table in (weekly_pairs, weekly_sources, weekly_domains, cohort_days, counted_weeks, counted_cohorts):
            connection.execute(delete(table).where(table.c.week < this - KEPT * WEEK))


def _known(connection: Connection, table: Table) -> Known:
    return {row.week: row.counted_at for row in connection.execute(select(table))}


def _due(known: Known, this: date, today: date, back_to: int) -> Iterator[date]:
    """This week; those that nobody has counted; and those in which more may have come since they were."""
    yield this
    for back in range(1, back_to + 1):
        week = this - back * WEEK
        counted_at = known.get(week)
        if counted_at is None or (back <= LOOKED_BACK and counted_at.date() < min(today, _settled(week))):
            yield week


def _settled(week: date) -> date:
    """From when on nothing of a week is counted again."""
    return week + (1 + COUNTED_AGAIN) * WEEK


def _count(app: App, week: date, now: datetime) -> None:
    with app.db.read() as connection:
        pairs, sources = shown(connection, _midnight(week))
        by_domain = domains(connection, _midnight(week))
    with app.db.write() as connection:
        _mark(connection, counted_weeks, week, now)
        for table, rows in ((weekly_pairs, pairs), (weekly_sources, sources), (weekly_domains, by_domain)):
            connection.execute(delete(table).where(table.c.week == week))
            _insert(connection, table, ({"week": week, **row} for row in rows))


def _count_cohorts(app: App, weeks: Set[date], known: Known, now: datetime) -> None:
    """The days of these weeks, of all cohorts that live in them and were counted from their beginning on."""
    since = earliest = min(weeks)
    while earliest - WEEK in known and earliest > since - COHORT_WEEKS * WEEK:
        earliest -= WEEK
    with app.db.read() as connection:
        found = [row for one in Basis for row in cohorts(connection, one, _midnight(since), _midnight(earliest))]
    with app.db.write() as connection:
        for week in sorted(weeks):
            _mark(connection, counted_cohorts, week, now)
            its_days = (cohort_days.c.day >= week, cohort_days.c.day < week + WEEK)
            connection.execute(delete(cohort_days).where(*its_days))
        _insert(connection, cohort_days, (row for row in found if monday_of(row["day"]) in weeks))


def _mark(connection: Connection, table: Table, week: date, now: datetime) -> None:
    """As counted. Whoever counts the same just now waits until this is committed, and then does it anew."""
    insert_new(connection, table, [{"week": week, "counted_at": now}], unique=("week",), update=("counted_at",))


def _insert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    if found := list(rows):
        connection.execute(insert(table), found)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
