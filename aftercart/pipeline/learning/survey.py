"""How recommendations fare, day by day: who chose what was mailed, and whether the model still knows what is bought.

Counted once an hour from the mails of today and yesterday, and of days of the last week that nobody has counted yet. A
day is counted anew as a whole, so doing it twice or late changes nothing. The numbers hold no person; `/metrics` and
`aftercart models list` read them (`aftercart/reports/recommending.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select

from aftercart.bootstrap import App
from aftercart.db.session import insert_new
from aftercart.db.tables import mailed_days, mailed_products, order_lines, picks, sends
from aftercart.pipeline.learning.weeks import count_weeks
from aftercart.recommendation.asking.request import Source

DAY = timedelta(days=1)
LOOKED_BACK = 7
KEPT_DAYS = 90


def survey(app: App) -> None:
    """Count the days that may have changed, and forget those of long ago; then what came of the mails of weeks."""
    today = app.clock().astimezone(UTC).date()
    with app.db.read() as connection:
        counted = {day: _of_day(connection, app, day) for day in _days(connection, today)}
    with app.db.write() as connection:
        for day, rows in counted.items():
            _replace(connection, day, *rows)
        for table in (mailed_days, mailed_products):
            connection.execute(delete(table).where(table.c.day < today - KEPT_DAYS * DAY))
    count_weeks(app)


def _days(connection: Connection, today: date) -> Iterator[date]:
    """The days to count: today, yesterday (whose last hour was not counted yet), and those that nobody has counted."""
    known = set(connection.execute(select(mailed_days.c.day).distinct()).scalars())
    for back in range(LOOKED_BACK + 1):
        day = today - back * DAY
        if back < 2 or day not in known:
            yield day


def _of_day(connection: Connection, app: App, day: date) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    start = datetime.combine(day, time(), UTC)
    sent = (sends.c.sent_at >= start, sends.c.sent_at < start + DAY)
    return _models(connection, app, day, sent), _products(connection, day, sent)


def _products(connection: Connection, day: date, sent: Sequence[ColumnElement[bool]]) -> list[dict[str, Any]]:
    query = select(picks.c.source, picks.c.sku, func.count().label("picks")).join(sends, sends.c.id == picks.c.send_id)
    rows = connection.execute(query.where(*sent).group_by(picks.c.source, picks.c.sku))
    return [{"day": day, "source": row.source, "sku": row.sku, "picks": row.picks} for row in rows]


def _models(connection: Connection, app: App, day: date, sent: Sequence[ColumnElement[bool]]) -> list[dict[str, Any]]:
    """A row for each version that chose for mails of the day."""
    model = sends.c.model_version
    mails = select(model, func.count().label("mails")).where(*sent, model.is_not(None)).group_by(model)
    anchors, unknown = _anchors(connection, app, sent)
    first = _first_scores(connection, sent)
    return [
        {
            "day": day,
            "model": row.model_version,
            "mails": row.mails,
            "anchors": anchors[row.model_version],
            "unknown_anchors": unknown[row.model_version],
            "first_picks": first.get(row.model_version, (0, 0.0))[0],
            "first_score": first.get(row.model_version, (0, 0.0))[1],
        }
        for row in connection.execute(mails)
    ]


def _anchors(
    connection: Connection, app: App, sent: Sequence[ColumnElement[bool]]
) -> tuple[Counter[str], Counter[str]]:
    """By version: the lines that mails were about, and those of products that the model serving now has not seen."""
    model, lines = sends.c.model_version, func.count().label("lines")
    query = select(model, order_lines.c.sku, lines).join(order_lines, order_lines.c.order_id == sends.c.order_id)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in connection.execute(query.where(*sent, model.is_not(None)).group_by(model, order_lines.c.sku)):
        found[row.model_version][row.sku] += row.lines
    known = app.recommender.known(connection, {sku for skus in found.values() for sku in skus})
    return (
        Counter({version: skus.total() for version, skus in found.items()}),
        Counter({version: sum(n for sku, n in skus.items() if sku not in known) for version, skus in found.items()}),
    )


def _first_scores(connection: Connection, sent: Sequence[ColumnElement[bool]]) -> Mapping[str, tuple[int, float]]:
    """By version: how many first slots the model filled, and the sum of their scores."""
    model = sends.c.model_version
    query = select(model, func.count(), func.sum(picks.c.score)).join(picks, picks.c.send_id == sends.c.id)
    by_model = query.where(*sent, picks.c.slot == 1, picks.c.source == Source.LIGHTFM).group_by(model)
    return {version: (count, float(total)) for version, count, total in connection.execute(by_model)}


def _replace(
    connection: Connection, day: date, models: Sequence[Mapping[str, Any]], products: Sequence[Mapping[str, Any]]
) -> None:
    """Somebody may count the same at this moment: rows that are there by now are written over, in one order."""
    for table, rows in ((mailed_days, models), (mailed_products, products)):
        connection.execute(delete(table).where(table.c.day == day))
        unique = [column.name for column in table.primary_key]
        update = [column.name for column in table.columns if not column.primary_key]
        insert_new(connection, table, sorted(rows, key=_place), unique=unique, update=update)


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return row.get("model") or row["source"], row.get("sku", "")
