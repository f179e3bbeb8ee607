"""One of a list of values, as a condition with a single parameter.

`column.in_(values)` writes a parameter for each value: SQLAlchemy takes longer to write those of a batch than the
database to look all of them up, and no database takes more than some ten thousand.
"""

from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import to_json
from sqlalchemy import ARRAY, BinaryExpression, BindParameter, Boolean, ColumnElement, Dialect, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import TypeDecorator, TypeEngine


def among(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether a column holds one of these values; NULL is none of them."""
    return _among(column, bindparam(None, list(values), _List(column.type), unique=True))


def among_given(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The same for a statement that is written once: the list of values is its parameter of this name."""
    return _among(column, bindparam(name, type_=_List(column.type), required=True))


def _among(column: ColumnElement[Any], values: BindParameter[Any]) -> ColumnElement[bool]:
    return _Among(column, values, custom_op("AMONG", precedence=5, is_comparison=True), Boolean())


class _Among(BinaryExpression[bool]):
    inherit_cache = True


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(part, **kw) for part in (element.left, element.right))
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(part, **kw) for part in (element.left, element.right))
    return f"{column} = ANY ({values})"


class _List(TypeDecorator[list[Any]]):
    """An array; SQLite has none and is given JSON."""

    impl = ARRAY
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__(item)
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(self.item))

    def bind_processor(self, dialect: Dialect) -> Callable[[list[Any] | None], Any] | None:
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)
        convert = self.item.dialect_impl(dialect).bind_processor(dialect)

        def as_json(values: list[Any] | None) -> str:
            return to_json([convert(value) for value in values or ()] if convert else values).decode()

        return as_json
