"""Looking into a database that may not be there, without leaving a trace: no folder, no file, no lock, no log."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

PATIENCE_S = 3
"""A look is not worth waiting longer for a server."""


def is_there(url: str) -> bool:
    """Whether a SQLite file exists; a server is taken to be there."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # said where the database is opened
        return True
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()


@contextmanager
def peek(url: str) -> Iterator[Connection | None]:
    """The database as it stands, to be read; None where there is none, or it does not answer."""
    engine = _engine(url)
    connection = _connection(engine) if engine else None
    try:
        yield connection
    finally:
        if connection:
            connection.close()
        if engine:
            engine.dispose()


def _connection(engine: Engine) -> Connection | None:
    try:
        return engine.connect()
    except DBAPIError:
        return None


def _engine(url: str) -> Engine | None:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            read_only = {
                "connect_timeout": PATIENCE_S,
                "client_encoding": "utf8",
                "options": "-c default_transaction_read_only=on",
            }
            return create_engine(parsed.set(drivername="postgresql+psycopg"), connect_args=read_only)
    except (ArgumentError, ValueError, ModuleNotFoundError):  # said where the database is needed
        return None
    file = Path(parsed.database or "")
    return create_engine("sqlite://", creator=lambda: _opened(file)) if file.is_file() else None


def _opened(file: Path) -> sqlite3.Connection:
    """Read-only alone would still make the files of a write-ahead log; where there is none, nobody has it open."""
    how = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "mode=ro&immutable=1"
    return sqlite3.connect(f"file:{quote(str(file.resolve()))}?{how}", uri=True)
