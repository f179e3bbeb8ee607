"""Opening the database of this installation for a command that looks at it."""

from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.settings import read_settings


def read_database() -> Database:
    """The main database, at the schema of this version. Raises ConfigError otherwise."""
    database = Database(read_settings().database)
    try:
        migrate.make_usable(database)
    except BaseException:
        database.close()
        raise
    return database
