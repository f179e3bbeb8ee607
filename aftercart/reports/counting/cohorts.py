"""What people did in the weeks after they were first mailed, or ordered first.

A cohort is everybody of whom that was in one week (UTC). Under all addresses of theirs they are one person. Their days
are counted up to nine weeks on, the first one included.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, RowMapping, Select, func, select

from aftercart.attribution.reversal import WORTHLESS
from aftercart.db.calendar import WEEK, day_of, week_of
from aftercart.db.tables import clicks, decisions, order_reversals, orders, recipients, sends
from aftercart.reports.counting.kept import COHORT_WEEKS, NO_MONEY, Basis
from aftercart.reports.counting.shown import HAS_LEFT
from aftercart.reports.earned.spending import PERSON, taken_back

Place = tuple[date, date, str]
"""Week of the cohort, day, currency."""


@dataclass(frozen=True, slots=True)
class _Cohorts:
    """What is counted of them from `since` on. `first`: person, week, and the instant (`at`) that put them in."""

    first: CTE
    basis: Basis
    since: datetime
    dialect: str

    def on(self, instant: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        return self.first.c.week, day_of(instant, self.dialect).label("day")

    def after(self, instant: ColumnElement[Any]) -> ColumnElement[bool]:
        """An order that made somebody a part of the cohort counts; one that brought them their first mail does not."""
        return instant >= self.first.c.at if self.basis is Basis.ORDERED else instant > self.first.c.at


def cohorts(connection: Connection, basis: Basis, since: datetime, earliest: datetime) -> list[dict[str, Any]]:
    """Rows of `cohort_days` from the midnight `since` on, of cohorts that began on the Monday `earliest` or later."""
    found = _Cohorts(_first(connection.dialect.name, basis, earliest), basis, since, connection.dialect.name)
    days: defaultdict[Place, dict[str, int]] = defaultdict(dict)
    for query in (_people(found), _mails(found), _clicked(found), _left(found), _orders(found)):
        _add(days, connection.execute(query).mappings())
    for row in _reversed(connection, found):
        days[row["week"], row["day"], row["currency"]]["revenue_minor"] -= row["minor"]
    counts = ("people", "mails", "clicked", "leavers", "orders", "revenue_minor")
    return [
        {"basis": basis, "week": week, "day": day, "currency": currency}
        | {name: counted.get(name, 0) for name in counts}
        for (week, day, currency), counted in sorted(days.items())
        if day < week + COHORT_WEEKS * WEEK
    ]


def _add(days: defaultdict[Place, dict[str, int]], rows: Iterable[RowMapping]) -> None:
    for row in rows:
        place = (row["week"], row["day"], row.get("currency", NO_MONEY))
        days[place] |= {name: int(value) for name, value in row.items() if name not in ("week", "day", "currency")}


def _first(dialect: str, basis: Basis, earliest: datetime) -> CTE:
    """Of everybody whose cohort is looked at."""
    table, instant, is_one = (
        (sends, sends.c.sent_at, sends.c.sent_at.is_not(None))
        if basis is Basis.MAILED
        else (orders, orders.c.placed_at, orders.c.state.not_in(["placed", "test"]))
    )
    began = func.min(instant, type_=instant.type)
    each = select(PERSON.label("person"), began.label("at"))
    each = each.join_from(table, recipients, recipients.c.id == table.c.recipient_id).where(is_one)
    person = each.group_by(PERSON).having(began >= earliest).subquery()
    return select(person.c.person, person.c.at, week_of(person.c.at, dialect).label("week")).cte("first")


def _of_them(found: _Cohorts, query: Select[Any], recipient_id: ColumnElement[Any]) -> Select[Any]:
    them = query.join(recipients, recipients.c.id == recipient_id)
    return them.join(found.first, found.first.c.person == PERSON)


def _people(found: _Cohorts) -> Select[Any]:
    when = found.on(found.first.c.at)
    return select(*when, func.count().label("people")).where(found.first.c.at >= found.since).group_by(*when)


def _mails(found: _Cohorts) -> Select[Any]:
    when = found.on(sends.c.sent_at)
    mails = _of_them(found, select(*when, func.count().label("mails")).select_from(sends), sends.c.recipient_id)
    return mails.where(sends.c.sent_at >= found.since).group_by(*when)


def _clicked(found: _Cohorts) -> Select[Any]:
    """Mails, on the day of the first click by a person."""
    first_at = func.min(clicks.c.at, type_=clicks.c.at.type).label("at")
    each = select(clicks.c.recipient_id, first_at).where(clicks.c.verdict == "human")
    mail = each.group_by(clicks.c.send_id, clicks.c.recipient_id).subquery()
    when = found.on(mail.c.at)
    them = _of_them(found, select(*when, func.count().label("clicked")).select_from(mail), mail.c.recipient_id)
    return them.where(mail.c.at >= found.since).group_by(*when)


def _left(found: _Cohorts) -> Select[Any]:
    """People, by a link of a mail."""
    when, people = found.on(decisions.c.at), func.count(PERSON.distinct()).label("leavers")
    query = select(*when, people).select_from(decisions).join(sends, sends.c.id == decisions.c.send_id)
    them = _of_them(found, query, sends.c.recipient_id)
    return them.where(HAS_LEFT, decisions.c.at >= found.since).group_by(*when)


def _orders(found: _Cohorts) -> Select[Any]:
    when = (*found.on(orders.c.placed_at), orders.c.currency)
    total = func.sum(orders.c.total_minor).label("revenue_minor")
    query = _of_them(
        found, select(*when, func.count().label("orders"), total).select_from(orders), orders.c.recipient_id
    )
    return query.where(*_counted(found)).group_by(*when)


def _counted(found: _Cohorts) -> tuple[ColumnElement[bool], ...]:
    placed_at = orders.c.placed_at
    is_worth_something = orders.c.state.not_in(["placed", *sorted(WORTHLESS)])
    return placed_at >= found.since, found.after(placed_at), is_worth_something


def _reversed(connection: Connection, found: _Cohorts) -> list[dict[str, Any]]:
    """What was taken back of orders, one by one: there are not many."""
    theirs = (order_reversals.c.shop == orders.c.shop) & (order_reversals.c.shop_order_id == orders.c.shop_order_id)
    week, day = found.on(orders.c.placed_at)
    query = _of_them(found, select(orders, week.label("week"), day).select_from(orders), orders.c.recipient_id)
    rows = connection.execute(query.where(*_counted(found), select(order_reversals.c.id).where(theirs).exists())).all()
    minor: dict[int, int] = {}
    for start in range(0, len(rows), 500):
        minor |= taken_back(connection, rows[start : start + 500])
    return [{"week": row.week, "day": row.day, "currency": row.currency, "minor": minor.get(row.id, 0)} for row in rows]
