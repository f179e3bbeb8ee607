"""Bringing a database up to date (Alembic).

SQLite, one process: done at every start. PostgreSQL, a fleet: only by `aftercart db upgrade`, and a worker that meets
another version refuses to start, because old code on a new schema (or the other way round) must not send mail.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from aftercart.db.session import Database
from aftercart.errors import ConfigError, NewerSchemaError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x61667465  # "afte": two upgrades at once wait for each other


def upgrade(database: Database) -> None:
    """Bring the schema to the newest version. Does nothing when it is there already. Raises UnreachableError."""
    database.knock()
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        found = _found(connection)
        if found == _known()[-1]:
            return
        _require_known(found)
        from alembic import command  # a tenth of the time that a process takes to start, and few need it

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def make_usable(database: Database) -> None:
    """Before the first use: SQLite is brought up to date, PostgreSQL must be so already (ConfigError).

    Raises UnreachableError when the database does not answer.
    """
    if database.is_sqlite:
        upgrade(database)
    else:
        require_current(database)


def require_current(database: Database) -> None:
    """Raises ConfigError that says what to run when the schema is not the one this code knows (NewerSchemaError)."""
    database.knock()
    with database.read() as connection:
        found = _found(connection)
    _require_known(found)
    newest = _known()[-1]
    if found != newest:
        raise ConfigError(
            f"the database is at schema {found or '(empty)'}, this version of Aftercart needs {newest}: "
            "run `aftercart db upgrade` (with the version that you deploy)"
        )


def _require_known(found: str | None) -> None:
    if found not in (None, *_known()):
        raise NewerSchemaError(f"the database is at schema {found}, made by a newer Aftercart: deploy that one")


def _found(connection: Connection) -> str | None:
    """The revision of the schema. Alembic keeps it in a table of its own."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


@cache
def _known() -> tuple[str, ...]:
    """The revisions of this code, the oldest first: a file's name begins with its own."""
    return tuple(sorted(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py")))


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
