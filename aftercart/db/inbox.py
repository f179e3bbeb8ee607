"""The inbox: one table that takes webhooks before anything else happens to them.

On SQLite it is a file of its own, so that a flood of webhooks never holds up a send (measured: 1,104 mails a second
beside a flood with two files, 314 with one). Moving a row to `events` is therefore not one transaction; unique keys
make it idempotent.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from aftercart.db.session import Database, insert_new
from aftercart.db.tables import InboxRow, inbox


def prepare(database: Database) -> None:
    """Create the table where it is missing, on SQLite. On PostgreSQL it is part of the schema (see `migrate.py`)."""
    if database.is_sqlite:
        InboxRow.metadata.create_all(database.engine)


def store(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep webhooks; one that is there already (same shop and delivery key) changes nothing."""
    insert_new(connection, inbox, rows, unique=("shop", "delivery_key"))


def oldest(connection: Connection, limit: int, max_bytes: float = inf) -> list[dict[str, Any]]:
    """The webhooks that have waited longest: `limit` of them, or fewer where their bodies are more than `max_bytes`."""
    return first(connection, inbox, limit, max_bytes)


@contextmanager
def held(database: Database, limit: int, max_bytes: float = inf) -> Iterator[list[dict[str, Any]]]:
    """The webhooks that have waited longest; forgotten at the end of the block, unless it fails.

    On PostgreSQL nobody else gets them meanwhile, so that several workers take different ones. On SQLite somebody may:
    to hold them would be to hold the whole file, and shops need it.
    """
    if database.is_sqlite:
        with database.read() as connection:
            rows = oldest(connection, limit, max_bytes)
        yield rows
        if rows:
            with database.write() as connection:
                remove(connection, [row["id"] for row in rows])
        return
    with database.write() as connection:
        rows = first(connection, inbox, limit, max_bytes, hold=True)
        yield rows
        remove(connection, [row["id"] for row in rows])


def first(
    connection: Connection,
    table: Table,
    limit: int,
    max_bytes: float,
    *conditions: ColumnElement[bool],
    hold: bool = False,
) -> list[dict[str, Any]]:
    """The first rows of a table of webhooks (the inbox, or `events`) that fit; always one, if there is any.

    `hold`: until the transaction ends, and none that somebody else holds.
    """
    sizes = select(table.c.id, func.length(table.c.body)).where(*conditions).order_by(table.c.id).limit(limit)
    if hold:
        sizes = sizes.with_for_update(skip_locked=True)
    ids: list[int] = []
    total = 0
    for id_, size in connection.execute(sizes):
        total += size
        if ids and total > max_bytes:
            break
        ids.append(id_)
    rows = connection.execute(select(table).where(table.c.id.in_(ids)).order_by(table.c.id))
    return [dict(row) for row in rows.mappings()]


def remove(connection: Connection, ids: Sequence[int]) -> None:
    """Forget webhooks that now stand in `events`."""
    connection.execute(delete(inbox).where(inbox.c.id.in_(ids)))


def waiting(connection: Connection) -> int:
    """How many webhooks wait."""
    return connection.execute(select(func.count()).select_from(inbox)).scalar_one()
