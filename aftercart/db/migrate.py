"""Bringing a database up to date (Alembic).

SQLite, one process: done at every start. PostgreSQL, a fleet: only by `aftercart db upgrade`, and a worker that meets
another version refuses to start, because old code on a new schema (or the other way round) must not send mail.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from aftercart.db.session import Database
from aftercart.errors import ConfigError

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x61667465  # "afte": two upgrades at once wait for each other


def upgrade(database: Database) -> None:
    """Bring the schema to the newest version. Does nothing when it is there already. Raises UnreachableError."""
    database.knock()
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        config = _config()
        _refuse_unknown(connection, config)
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
    """Raises ConfigError that says what to run when the schema is not the one this code knows."""
    database.knock()
    with database.read() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if found != newest:
        raise ConfigError(
            f"the database is at schema {found or '(empty)'}, this version of Aftercart needs {newest}: "
            "run `aftercart db upgrade` (with the version that you deploy)"
        )


def _refuse_unknown(connection: Connection, config: Config) -> None:
    """An old program must not touch what a newer one made."""
    found = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise ConfigError(f"the database is at schema {found}, made by a newer Aftercart: deploy that one")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
