"""Which rows of `recipients` are addresses of one person, as a condition."""

from sqlalchemy import ColumnElement, FromClause, func, or_


def same_person(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Whether two rows, each of `recipients` under a name of its own, stand for one person; a row and itself do."""
    person = func.coalesce(one.c.merged_into, one.c.id)
    return or_(other.c.id == person, other.c.merged_into == person)
