"""Statements of the hottest paths, compiled once.

SQLAlchemy takes several times as long to look a statement up and to prepare its run as the database to run it. That
does not matter for one statement a batch; it does for those of every single mail.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, CursorResult, DateTime, Dialect, Insert, Table, Update, bindparam

Convert = Callable[[Any], Any] | None


class _Value(NamedTuple):
    """A value of the statement: `given` is its name in a row; None where it is always the `constant`."""

    name: str
    given: str | None
    convert: Convert
    constant: Any


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    values: tuple[_Value, ...]
    """In the order of their places, where the driver takes them by place."""
    by_name: bool

    def parameters(self, row: Mapping[str, Any]) -> Any:
        values = tuple(
            [
                constant if given is None else row[given] if convert is None else convert(row[given])
                for _, given, convert, constant in self.values
            ]
        )
        return dict(zip((name for name, *_ in self.values), values, strict=True)) if self.by_name else values


class Prepared:
    """A statement for the driver. Every parameter has a name and is given anew for each row.

    Values are converted by the types of their columns, as ever. Not for lists of values (`in_`).
    """

    @classmethod
    def insert(cls, table: Table) -> Self:
        """Inserts whole rows of a table, but for an id that the database counts."""
        names = [column.name for column in table.columns if column is not table.autoincrement_column]
        return cls(lambda _: table.insert().values({name: bindparam(name, required=True) for name in names}))

    def __init__(self, build: Callable[[Dialect], Insert | Update]) -> None:
        """`build` makes the statement for one kind of database."""
        self._build = build
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> CursorResult[Any]:
        """Run it once for every row; there must be one at least."""
        compiled = self._compiled.get(connection.dialect.name)
        if compiled is None:
            compiled = _compile(self._build(connection.dialect), connection.dialect)
            self._compiled[connection.dialect.name] = compiled
        parameters = [compiled.parameters(row) for row in rows]
        return connection.exec_driver_sql(compiled.sql, parameters[0] if len(parameters) == 1 else parameters)


def _compile(statement: Insert | Update, dialect: Dialect) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect)
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    values = tuple(_value(name, binds[name], dialect) for name in compiled.positiontup or binds)
    return _Compiled(str(compiled), values, by_name=not compiled.positiontup)


def _value(name: str, bind: Any, dialect: Dialect) -> _Value:
    convert = _converter(bind, dialect)
    if bind.required:
        return _Value(name, name, convert, None)
    return _Value(name, None, None, convert(bind.value) if convert else bind.value)


def _converter(bind: Any, dialect: Dialect) -> Convert:
    convert: Convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if convert and isinstance(getattr(bind.type, "impl", bind.type), DateTime):
        return lru_cache(maxsize=64)(convert)  # the rows of a batch name the same few instants, over and over
    return convert
