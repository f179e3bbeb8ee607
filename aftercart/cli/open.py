"""Opening the database of this installation for a command that looks at it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Connection

from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.settings import read_settings


@contextmanager
def open_database() -> Iterator[Database]:
    """The main database, at the schema of this version. Raises ConfigError and UnreachableError."""
    with closing(Database(read_settings().database)) as database:
        migrate.make_usable(database)
        yield database


@contextmanager
def reading() -> Iterator[Connection]:
    """One consistent snapshot of the main database."""
    with open_database() as database, database.read() as connection:
        yield connection
