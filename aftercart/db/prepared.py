"""Statements of the hottest paths, compiled once.

SQLAlchemy takes several times as long to look a statement up and to prepare its run as the database to run it. That
does not matter for one statement a batch; it does for those of every single mail.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Insert, Update

Convert = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    places: tuple[str, ...]
    """The names of the values in the order of their places; empty where the driver takes them by name."""
    converters: Mapping[str, Convert]
    constants: Mapping[str, Any]

    def parameters(self, row: Mapping[str, Any]) -> Any:
        values = dict(self.constants)
        for name, convert in self.converters.items():
            values[name] = row[name] if convert is None else convert(row[name])
        return tuple(values[name] for name in self.places) if self.places else values


class Prepared:
    """A statement for the driver. Every parameter has a name and is given anew for each row.

    Values are converted by the types of their columns, as ever. Not for lists of values (`in_`).
    """

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
    binds = {name: (bind, _converter(bind, dialect)) for bind, name in compiled.bind_names.items()}
    return _Compiled(
        sql=str(compiled),
        places=tuple(compiled.positiontup or ()),
        converters={name: convert for name, (bind, convert) in binds.items() if bind.required},
        constants={
            name: convert(bind.value) if convert else bind.value
            for name, (bind, convert) in binds.items()
            if not bind.required
        },
    )


def _converter(bind: Any, dialect: Dialect) -> Convert:
    convert: Convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return convert
