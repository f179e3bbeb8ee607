"""Opening the database of this installation for a command that looks at it."""

from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.settings import read_settings


def read_database() -> Database:
    """The main database, at the schema of this version. Raises ConfigError otherwise."""
    database = Database(read_settings().database)
    if database.is_sqlite:
        migrate.upgrade(database)
    else:
        migrate.require_current(database)
    return database
