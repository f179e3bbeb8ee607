"""Is the database there, at the schema of this version, and with room to grow?"""

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, make_url, text

from aftercart.db import migrate
from aftercart.db.peek import is_there, peek
from aftercart.db.session import Database
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.errors import AftercartError, NarrowDatabaseError, NewerSchemaError, UnreachableError

DATABASE, DISK = "database", "disk"
LEAST_FREE, LITTLE_FREE = 200_000_000, 2_000_000_000
DAMAGED = ("not a database", "malformed")
"""So SQLite says of a file."""
LONG_LOG = 256_000_000
"""Bytes of write-ahead log. SQLite moves it into the file as it goes, unless somebody reads without end."""


def check_database(url: str) -> Iterator[Finding]:
    """The main database. Makes nothing that is not there."""
    if not is_there(url):
        yield warn(DATABASE, "there is none yet", "`aftercart up` makes it, as does `aftercart db upgrade`")
        return
    with closing(Database(url)) as database:
        try:
            migrate.require_current(database)
        except UnreachableError as err:
            is_damaged = any(word in str(err) for word in DAMAGED)
            do = "read a backup back (docs/deployment.md)" if is_damaged else "start it"
            yield fault(DATABASE, str(err), f"{do}, or correct AFTERCART_DATABASE_URL")
            return
        except NewerSchemaError as err:
            yield fault(DATABASE, str(err), "install the version that was deployed elsewhere, or restore a backup")
            return
        except NarrowDatabaseError as err:
            yield fault(DATABASE, str(err), "name the new one in AFTERCART_DATABASE_URL, then `aftercart db upgrade`")
            return
        except AftercartError as err:
            yield fault(DATABASE, str(err), "`aftercart db upgrade`")
            return
        with database.read() as connection:
            yield from _sqlite(connection) if database.is_sqlite else _postgresql(connection)


def time_of(url: str) -> datetime | None:
    """What its server's clock shows; None where it has none of its own, or does not answer."""
    with peek(url) as connection:
        if connection is None or connection.dialect.name != "postgresql":
            return None
        at: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return at.astimezone(UTC)


def check_disk(data_dir: Path, url: str) -> Iterator[Finding]:
    """The disk of the data folder (webhooks on SQLite, models, compiled templates), and SQLite's if it is another."""
    folders = [data_dir]
    if (database := make_url(url)).get_backend_name() == "sqlite" and database.database:
        folders.append(Path(database.database).parent)
    disks = {_nearest(folder).stat().st_dev: folder for folder in reversed(folders)}
    yield from map(_room_for, sorted(disks.values(), key=folders.index))


def _room_for(folder: Path) -> Finding:
    free = shutil.disk_usage(_nearest(folder)).free
    found = f"{free / 1e9:,.1f} GB are free where {folder} lies"
    if free < LEAST_FREE:
        return fault(DISK, found, "make room: a full disk answers webhooks with 503")
    if free < LITTLE_FREE:
        return warn(DISK, found, "make room before it is full: then webhooks are answered with 503")
    return fine(DISK, found)


def _nearest(folder: Path) -> Path:
    """It, or what there is of the way to it."""
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())


def _sqlite(connection: Connection) -> Iterator[Finding]:
    file = Path(connection.engine.url.database or "")
    mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
    if mode != "wal":
        yield fault(DATABASE, f"{file} has no write-ahead log (it is in mode {mode})", "keep it on a local disk")
    log = file.with_name(f"{file.name}-wal")
    length = log.stat().st_size if log.exists() else 0
    if length > LONG_LOG:
        do = "end the process that reads it without end (a backup, a shell), then restart the engine"
        yield warn(DATABASE, f"the write-ahead log has grown to {length / 1e6:,.0f} MB", do)
    yield fine(DATABASE, f"SQLite, {file}, {file.stat().st_size / 1e6:,.1f} MB, at the newest schema")


def _postgresql(connection: Connection) -> Iterator[Finding]:
    version = connection.execute(text("SHOW server_version")).scalar_one()
    if connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one():
        yield fault(DATABASE, f"PostgreSQL {version} is a replica and takes no writes", "name the primary")
        return
    if connection.execute(text("SHOW synchronous_commit")).scalar_one() == "off":
        do = "set synchronous_commit = on: a crash of its machine could make a mail go twice"
        yield fault(DATABASE, f"PostgreSQL {version} confirms before it has written", do)
        return
    size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    yield fine(DATABASE, f"PostgreSQL {version}, {size / 1e6:,.1f} MB, at the newest schema")
