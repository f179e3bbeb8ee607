"""What came of mails, week by week: counted here, so that whoever reads a report does not look at every mail.

Once an hour for this week, and once a day for the three before, in which orders, clicks and complaints still come in.
Those of the last quarter that nobody has counted yet are counted once, and none later than that: a shop may let go of
what hangs on its mails after a month. A week is counted as a whole, so doing it twice or late changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from aftercart.bootstrap import App
from aftercart.db.calendar import WEEK, monday_of
from aftercart.db.session import insert_new
from aftercart.db.tables import cohort_days, counted_weeks, weekly_domains, weekly_pairs, weekly_sources
from aftercart.reports.counting.cohorts import cohorts
from aftercart.reports.counting.domains import domains
from aftercart.reports.counting.kept import COHORT_WEEKS, Basis
from aftercart.reports.counting.shown import shown

COUNTED_AGAIN, LOOKED_BACK, KEPT = 3, 13, 53
"""Weeks before this one."""


def count_weeks(app: App) -> None:
    """Count what may have changed, and forget the weeks of long ago.

    Each week is committed by itself, the newest first: what is left when the time is over is counted in an hour.
    Cohorts take longest, and are counted once a day.
    """
    now = app.clock().astimezone(UTC)
    this = monday_of(now.date())
    with app.db.read() as connection:
        known = {row.week: row.counted_at for row in connection.execute(select(counted_weeks))}
    for week in _due(known, this, now.date()):
        _count(app, week, now)
    if this not in known or known[this].date() < now.date():
        _count_cohorts(app, this)
    with app.db.write() as connection:
        for table in (weekly_pairs, weekly_sources, weekly_domains, cohort_days, counted_weeks):
            connection.execute(delete(table).where(table.c.week < this - KEPT * WEEK))


def _due(known: Mapping[date, datetime], this: date, today: date) -> Iterator[date]:
    yield this
    for back in range(1, LOOKED_BACK + 1):
        week = this - back * WEEK
        counted_at = known.get(week)
        if counted_at is None or (back <= COUNTED_AGAIN and counted_at.date() < today):
            yield week


def _count(app: App, week: date, now: datetime) -> None:
    with app.db.read() as connection:
        pairs, sources = shown(connection, _midnight(week))
        by_domain = domains(connection, _midnight(week))
    with app.db.write() as connection:
        for table, rows in ((weekly_pairs, pairs), (weekly_sources, sources), (weekly_domains, by_domain)):
            connection.execute(delete(table).where(table.c.week == week))
            _insert(connection, table, ({"week": week, **row} for row in rows))
        row = {"week": week, "counted_at": now}
        insert_new(connection, counted_weeks, [row], unique=("week",), update=("counted_at",))


def _count_cohorts(app: App, this: date) -> None:
    """The days of the last weeks anew; of all that are looked back at where none was counted yet."""
    with app.db.read() as connection:
        is_new = connection.execute(select(func.count()).select_from(cohort_days)).scalar_one() == 0
        since = this - (2 * LOOKED_BACK if is_new else COUNTED_AGAIN) * WEEK
        earliest = since if is_new else this - (COUNTED_AGAIN + COHORT_WEEKS) * WEEK
        rows = [row for one in Basis for row in cohorts(connection, one, _midnight(since), _midnight(earliest))]
    with app.db.write() as connection:
        connection.execute(delete(cohort_days).where(cohort_days.c.day >= since))
        _insert(connection, cohort_days, rows)


def _insert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    if found := list(rows):
        connection.execute(insert(table), found)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
