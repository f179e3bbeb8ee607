"""A table of figures, read from the database as it is written to a file: no more than a batch lies in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Connection, DateTime, Float, Integer, Select
from sqlalchemy.types import TypeEngine

from aftercart.db.session import Database
from aftercart.db.views import views

BATCH = 5_000


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    YES_NO = "yes or no"
    INSTANT = "instant"
    """With its zone, which is UTC."""


_KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (Boolean, Kind.YES_NO),
    (Integer, Kind.WHOLE),
    (Float, Kind.NUMBER),
    (DateTime, Kind.INSTANT),
)


@dataclass(frozen=True)
class Table:
    """Its rows can be read once, within the `with` block that gave the table."""

    name: str
    columns: dict[str, Kind]
    batches: Iterator[Sequence[tuple[Any, ...]]]


@contextmanager
def tables(database: Database) -> Iterator[Iterator[Table]]:
    """All tables, each to be read before the next is asked for, as they were at one instant."""
    with database.read() as connection:
        yield (_table(connection, name) for name in views(connection.dialect.name))


def _table(connection: Connection, name: str) -> Table:
    query = views(connection.dialect.name)[name]
    columns = {column.name: _kind(column.type) for column in query.selected_columns}
    return Table(name, columns, _batches(connection, query))


def _batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
    with connection.execution_options(yield_per=BATCH).execute(query) as rows:
        for batch in rows.partitions():
            yield [tuple(row) for row in batch]


def _kind(type_: TypeEngine[Any]) -> Kind:
    actual = getattr(type_, "impl_instance", type_)
    return next((kind for class_, kind in _KINDS if isinstance(actual, class_)), Kind.TEXT)


def as_utc(value: datetime) -> str:
    """An instant as RFC 3339 writes it, in UTC, to the microsecond."""
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
