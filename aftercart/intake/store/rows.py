"""Reading and locking rows by lists of keys, alike on SQLite and PostgreSQL."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, func, select

from aftercart.db.chunks import chunks
from aftercart.db.session import insert_new


@dataclass
class Tally:
    """What a batch came to, in rows of the file or things in the batch. `passed_over`: what was left out on
    purpose."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    passed_over: int = 0

    def add(self, other: "Tally") -> None:
        """Count in what another batch came to."""
        self.added += other.added
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.passed_over += other.passed_over


def fetch(
    connection: Connection, statement: Select[Any], column: ColumnElement[Any], values: Iterable[Any]
) -> Iterator[Mapping[str, Any]]:
    """The rows whose `column` is one of `values`, in chunks; the values' order decides the chunks."""
    for chunk in chunks(values):
        rows = connection.execute(statement.where(column.in_(chunk))).mappings()
        yield from cast("Iterable[Mapping[str, Any]]", rows)


def find_or_make(
    connection: Connection,
    table: Table,
    key: Column[Any],
    fresh: Mapping[str, Mapping[str, Any]],
    *,
    shop: str | None = None,
    find: Iterable[str] = (),
) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """The rows by key, locked until the transaction ends, and which of them were made from `fresh` just now.

    1. Look which keys exist, those of `find` as well. 2. Insert the fresh ones that do not. 3. Lock all in the order
    of their ids, so that two workers never wait for each other in a circle.
    """
    of_shop = [table.c.shop == shop] if shop is not None else []
    look = select(table.c.id, key).where(*of_shop)
    ids = {row[key.name]: row["id"] for row in fetch(connection, look, key, sorted({*fresh, *find}))}
    missing = sorted(fresh.keys() - ids.keys())
    if missing:
        unique = ["shop", key.name] if shop is not None else [key.name]
        insert_new(connection, table, [fresh[name] for name in missing], unique=unique)
        ids |= {row[key.name]: row["id"] for row in fetch(connection, look, key, missing)}
    # NO KEY UPDATE: a row elsewhere that refers to one of these (a decision about an order) need not wait.
    lock = select(table).order_by(table.c.id).with_for_update(key_share=True)
    rows = fetch(connection, lock, table.c.id, sorted(ids.values()))
    return {row[key.name]: dict(row) for row in rows}, set(missing)


def take_turns(connection: Connection, shop: str) -> None:
    """Until the transaction ends, nobody else applies changes of this shop.

    Row locks do not suffice: an order and its refund that arrive at the same instant in two workers would not see
    each other, because neither row is there yet. On SQLite the write transaction is such a lock already.
    """
    if connection.dialect.name == "postgresql":
        lock = int.from_bytes(sha256(f"intake {shop}".encode()).digest()[:8], signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(lock)))


def changed_values(row: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether `new` differs from the row in any of its columns."""
    return any(row[name] != value for name, value in new.items())


def grouped(rows: Iterable[Mapping[str, Any]], by: str) -> dict[Any, list[Mapping[str, Any]]]:
    """Rows by the value of one column, each group in the order in which they came."""
    groups: dict[Any, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[by], []).append(row)
    return groups
