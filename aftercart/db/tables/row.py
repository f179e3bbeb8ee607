"""Bases of the tables, and how their constraints are named."""

from typing import cast

from sqlalchemy import MetaData, Table
from sqlmodel import SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """Base of the tables in the main database."""

    metadata = MetaData(naming_convention=NAMING)


class InboxRow(SQLModel):
    """Base of the one table in the inbox: a file of its own on SQLite, so that a flood of webhooks never
    holds up a send."""

    metadata = MetaData(naming_convention=NAMING)


def core(model: type[SQLModel]) -> Table:
    """The form of a table that statements are built from."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]
