"""Transactions, alike on SQLite and PostgreSQL.

A `write` transaction on SQLite is BEGIN IMMEDIATE: it waits for its turn at the start instead of failing in the
middle. `read` sees one consistent snapshot and never blocks a writer.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import URL, Connection, DateTime, Dialect, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    TimeoutError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from aftercart.errors import ConfigError, MissingExtraError, NarrowDatabaseError, UnreachableError
from aftercart.machine import boot_id

BUSY_TIMEOUT_S = 30
_PLACES_ON_POSTGRESQL = (
    "SELECT 'cluster ' || system_identifier || ' database ' || oid "
    "FROM pg_control_system(), pg_database WHERE datname = current_database()",
    # Where that function may not be called: still another one in each database that a dump is read into.
    "SELECT 'database ' || oid FROM pg_database WHERE datname = current_database()",
)
CONNECT_TIMEOUT_S = 10


class Database:
    """One database by its URL (`sqlite:///path`, `postgresql://...`). Opens no connection before the first use."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.boot_id = boot_id() if self.is_sqlite else None
        """Names the boot whose end may cost what `write_series` has committed. None: nothing is ever lost."""

    def knock(self) -> None:
        """Connect once, to see whether the database can be used.

        Raises UnreachableError, which names the database and says why in one line, or NarrowDatabaseError where
        PostgreSQL keeps its text in an encoding that cannot hold every name.
        """
        try:
            with self.engine.connect() as connection:
                if not self.is_sqlite:
                    _require_utf8(connection)
        except DatabaseError as err:  # OperationalError; or, on SQLite, a file that is none of its own
            url = self.engine.url
            name = url.database if self.is_sqlite else f"{url.host or 'localhost'}:{url.port or 5432}/{url.database}"
            why = str(err.orig).strip().splitlines()[0]
            raise UnreachableError(f"cannot open the database {name} (AFTERCART_DATABASE_URL): {why}") from err

    def place(self) -> str:
        """Where the database lies, as its server or the disk says. No dump holds that: a copy, or a database that a
        backup was read into, lies elsewhere."""
        if not self.is_sqlite:
            return _place_on_postgresql(self.engine)
        file = self.engine.url.database
        return f"file {Path(file).stat().st_ino}" if file and file != ":memory:" else "memory"

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; commits at the end, rolls back on any exception."""
        with self.engine.connect() as connection:
            connection.info["begin"] = "BEGIN IMMEDIATE"
            with connection.begin():
                yield connection

    @contextmanager
    def write_series(self) -> Iterator[Callable[[], AbstractContextManager[Connection]]]:
        """One connection for many short transactions; what it yields begins each of them.

        On SQLite their commits are not flushed one by one, which makes them several times faster: they survive the
        death of the process, but not of the machine. Where the machine's death cannot be told (no `boot_id`), and on
        PostgreSQL, where connections flush together, every one is.
        """
        with self.engine.connect() as connection:
            connection.info["begin"] = "BEGIN IMMEDIATE"
            if self.boot_id is None:
                yield lambda: _begun(connection)
                return
            _synchronous(connection, "NORMAL")
            try:
                yield lambda: _begun(connection)
            finally:
                _synchronous(connection, "FULL")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self.engine.connect() as connection:
            connection.info["begin"] = "BEGIN"
            if not self.is_sqlite:  # READ COMMITTED, the default, would show every statement another state
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def forget_log(self) -> bool:
        """Make what was deleted leave SQLite's log of changes, too; False where somebody reads from it this moment.

        On PostgreSQL the server sees to it in its own time (VACUUM).
        """
        if not self.is_sqlite:
            return True
        with self.engine.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 500")  # nobody else may write while it waits for readers
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            is_busy, *_ = cursor.fetchone() or (1,)
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
            cursor.close()
        return not is_busy

    def close(self) -> None:
        """Close all connections. The database may be used again afterwards."""
        self.engine.dispose()


def _require_utf8(connection: Connection) -> None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise NarrowDatabaseError(
            f"the database (AFTERCART_DATABASE_URL) keeps its text in {encoding}, and not every name can be written so",
            fix="make another one: `createdb --encoding UTF8 --template template0 NAME`",
        )


def _place_on_postgresql(engine: Engine) -> str:
    most, least = _PLACES_ON_POSTGRESQL
    with engine.connect() as connection:
        try:
            return str(connection.exec_driver_sql(most).scalar_one())
        except ProgrammingError:
            connection.rollback()
            return str(connection.exec_driver_sql(least).scalar_one())


@contextmanager
def _begun(connection: Connection) -> Iterator[Connection]:
    with connection.begin():
        yield connection


def _synchronous(connection: Connection, mode: str) -> None:
    """SQLite hears it only between transactions."""
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA synchronous = {mode}")
    cursor.close()


PROGRAM_LIMIT_EXCEEDED = "54"
"""Class of SQLSTATE (PostgreSQL, appendix A): a value is too long for an index, a statement too large."""


def is_passing(err: Exception) -> bool:
    """Whether a fault of the database has nothing to do with what was asked: it is busy, full or away.

    The same may work later. OperationalError alone does not tell: a value that is too large is one, too.
    """
    if isinstance(err, OperationalError):
        too_large = str(getattr(err.orig, "sqlstate", None) or "").startswith(PROGRAM_LIMIT_EXCEEDED)
        return not too_large and getattr(err.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_TOOBIG
    return isinstance(err, InterfaceError | TimeoutError)


def insert_new(
    connection: Connection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    unique: Sequence[str],
    update: Sequence[str] = (),
) -> None:
    """Insert rows in one statement each batch; where `unique` exists already, keep the old row or `update` it."""
    batch = list(rows)
    if not batch:
        return
    connection.execute(_insert(connection.dialect.name, table, tuple(unique), tuple(update)), batch)


@cache
def _insert(dialect_name: str, table: Table, unique: tuple[str, ...], update: tuple[str, ...]) -> Any:
    """Built once for each table and use: a dozen in all."""
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    statement = dialect.insert(table)
    if not update:
        return statement.on_conflict_do_nothing(index_elements=list(unique))
    new = {name: statement.excluded[name] for name in update}
    return statement.on_conflict_do_update(index_elements=list(unique), set_=new)


def _engine(url: str) -> Engine:
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        try:
            return create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=10,
                max_overflow=20,
                pool_pre_ping=True,
                connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "client_encoding": "utf8"},
                hide_parameters=True,
                json_serializer=_as_json,
            )
        except ModuleNotFoundError as err:
            raise MissingExtraError("fleet", "PostgreSQL") from err
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(f"{parsed.get_backend_name()}: Aftercart keeps its data in sqlite or postgresql")
    if parsed.database and parsed.database != ":memory:":
        _make_folder(Path(parsed.database).parent)
    options = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
    # No bound but the number of threads: who waits for the turn to write holds a connection, and readers need one too.
    pool = {"max_overflow": -1} if parsed.database not in (None, "", ":memory:") else {}
    # Errors go to the log, and parameters are addresses and payloads.
    engine = create_engine(parsed, connect_args=options, hide_parameters=True, json_serializer=_as_json, **pool)
    engine.dialect.colspecs = {**engine.dialect.colspecs, DateTime: _Instant}
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


class _Instant(sqlite.DATETIME):
    """Writes what SQLAlchemy's own type writes, in a fifth of its time; a mail has a dozen of them."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:
        del dialect
        return _as_written


def _as_written(instant: datetime | None) -> str | None:
    return None if instant is None else instant.replace(tzinfo=None).isoformat(" ", "microseconds")


def _as_json(value: Any) -> str:
    """In a quarter of the time of the standard library; a mail has half a dozen of them."""
    try:
        return to_json(value).decode()
    except PydanticSerializationError:  # a lone surrogate, which only an escape can write
        return json.dumps(value)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise ConfigError(f"the folder {folder} of the database cannot be made: {err.strerror}") from err


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as err:  # ValueError: a port that is no number
        raise ConfigError("this is no database URL; write it as sqlite:///FILE or postgresql://USER@HOST/NAME") from err


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten; some builds leave it in the file
    cursor.close()


def _use_wal(cursor: DBAPICursor) -> None:
    """Whoever opens a new file first changes its mode. SQLite refuses all others meanwhile, without regard to its busy
    timeout, so we wait ourselves."""
    deadline = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as err:
            if err.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))
