"""Rows of several tables as one small piece of bytes, and back again: what the archive is made of.

JSON, so that a later version can read what an earlier one packed: a column added since is empty, one that is gone is
left out. Compressed, because decisions and webhooks repeat themselves: measured, an order takes half of its room, and
one row in place of eight.
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, LargeBinary, Uuid, inspect, select
from sqlmodel.sql.sqltypes import UTCDateTime

from aftercart.db.session import insert_new
from aftercart.db.tables import Row, archives

BYTES = "latin-1"
"""Each byte a character: a webhook's body stays the text that it is, and packs as well as one."""
AT_ONCE = 500
"""Archives put back in one go. There may be millions of them, and their rows are in memory together."""
Rows = dict[str, list[dict[str, Any]]]
"""Table → rows."""


def packed(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """Rows, by table, as bytes."""
    plain = {table: [dict(row) for row in of_table] for table, of_table in rows.items() if of_table}
    text = json.dumps(plain, default=_plain, separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(text.encode(), level=9)


def unpacked(content: bytes) -> Rows:
    """The rows, with the columns that their tables have now."""
    kept: Rows = json.loads(zlib.decompress(content))
    return {
        name: [{column.name: _rich(column, row.get(column.name)) for column in table.columns} for row in kept[name]]
        for name, table in Row.metadata.tables.items()
        if name in kept
    }


def put_back(connection: Connection) -> None:
    """Everything that was archived returns to where it came from, some archives at a time. Nothing is doubled."""
    there = set(inspect(connection).get_table_names())
    last_id = 0
    while batch := _next_archives(connection, last_id):
        last_id = batch[-1].id
        rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for archive in batch:
            for name, of_table in unpacked(archive.content).items():
                rows[name] += of_table
        for name, table in Row.metadata.tables.items():  # a row after those that it refers to
            if name in there:  # else it is younger than the schema
                insert_new(connection, table, rows[name], unique=[column.name for column in table.primary_key])


def _next_archives(connection: Connection, last_id: int) -> Sequence[Any]:
    page = select(archives.c.id, archives.c.content).where(archives.c.id > last_id).order_by(archives.c.id)
    return connection.execute(page.limit(AT_ONCE)).all()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.decode(BYTES) if isinstance(value, bytes) else str(value)


def _rich(column: "Column[Any]", value: Any) -> Any:
    for kind, convert in _CONVERTERS:
        if value is not None and isinstance(column.type, kind):
            return convert(value)
    return value


_CONVERTERS: tuple[tuple[type[Any], Callable[[str], Any]], ...] = (
    (UTCDateTime, datetime.fromisoformat),
    (Uuid, UUID),
    (LargeBinary, lambda text: text.encode(BYTES)),
)
