"""A table of figures, read from the database as it is written to a file: no more than a batch lies in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Connection, Date, DateTime, Float, Integer, Select
from sqlalchemy.types import TypeEngine

from aftercart.db.session import Database
from aftercart.db.views import views
from aftercart.exchange.rates import Rates

BATCH = 5_000


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    YES_NO = "yes or no"
    INSTANT = "instant"
    """With its zone, which is UTC."""
    DAY = "day"


_KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (Boolean, Kind.YES_NO),
    (Integer, Kind.WHOLE),
    (Float, Kind.NUMBER),
    (DateTime, Kind.INSTANT),
    (Date, Kind.DAY),
)


@dataclass(frozen=True)
class Table:
    """Its rows can be read once, within the `with` block that gave the table."""

    name: str
    columns: dict[str, Kind]
    batches: Iterator[Sequence[tuple[Any, ...]]]


Batch = Sequence[tuple[Any, ...]]


class _Money(NamedTuple):
    """Where amounts stand in a table, and the day that decides what they were worth."""

    amounts: tuple[str, ...]
    on: str


_MONEY = {
    "credits": _Money(("amount_minor", "reversed_minor", "net_minor"), "ordered_at"),
    "orders": _Money(("total_minor",), "ordered_at"),
    "order_lines": _Money(("unit_price_minor",), "ordered_at"),
    "cohorts": _Money(("revenue_minor",), "day"),
}


@contextmanager
def tables(database: Database, rates: Rates | None = None) -> Iterator[Iterator[Table]]:
    """All tables, each to be read before the next is asked for, as they were at one instant.

    `rates`: to convert amounts by, each by its day; what they do not know stays in its own currency.
    """
    with database.read() as connection:
        yield (_table(connection, name, rates) for name in views(connection.dialect.name))


def _table(connection: Connection, name: str, rates: Rates | None) -> Table:
    query = views(connection.dialect.name)[name]
    columns = {column.name: _kind(column.type) for column in query.selected_columns}
    batches = _batches(connection, query)
    if rates and (money := _MONEY.get(name)):
        return Table(name, columns, _converted(batches, list(columns), money, rates))
    return Table(name, columns, batches)


def _converted(batches: Iterator[Batch], columns: list[str], money: _Money, rates: Rates) -> Iterator[Batch]:
    places = [columns.index(name) for name in money.amounts]
    currency, on = columns.index("currency"), columns.index(money.on)
    for batch in batches:
        rows = [list(row) for row in batch]
        for row in rows:
            day = row[on].date() if isinstance(row[on], datetime) else row[on]
            amounts = [rates.converted(row[place], row[currency], day) for place in places]
            for place, amount in zip(places, amounts, strict=True):
                row[place], row[currency] = amount.minor, amount.currency
        yield [tuple(row) for row in rows]


def _batches(connection: Connection, query: Select[Any]) -> Iterator[Batch]:
    with connection.execution_options(yield_per=BATCH).execute(query) as rows:
        for batch in rows.partitions():
            yield [tuple(row) for row in batch]


def _kind(type_: TypeEngine[Any]) -> Kind:
    actual = getattr(type_, "impl_instance", type_)
    return next((kind for class_, kind in _KINDS if isinstance(actual, class_)), Kind.TEXT)


def as_utc(value: datetime) -> str:
    """An instant as RFC 3339 writes it, in UTC, to the microsecond."""
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
