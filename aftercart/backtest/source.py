"""A copy of the facts that a backtest replays, in a file of its own: the database is read once, and left alone."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

from sqlalchemy import Connection, String, Table, cast, event, func, insert, literal, select, update

from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.db.tables import (
    address_moves,
    consents,
    coupons,
    customers,
    order_lines,
    order_notes,
    order_reversals,
    orders,
    preferences,
    products,
    recipients,
    refusals,
    suppressions,
)
from aftercart.errors import ConfigError

FACTS: Sequence[Table] = (
    products,
    recipients,
    customers,
    address_moves,
    orders,
    order_lines,
    order_reversals,
    order_notes,
    consents,
    suppressions,
    preferences,
    refusals,
    coupons,
)
"""Each after those that it refers to."""
NOT_GIVEN = {"given_at": None, "send_id": None}
"""A backtest may hand out every code there is: which were left then, was decided by other mails."""
ROWS_AT_ONCE = 5_000
MADE_UP = "@customer.invalid"
"""Addresses of customers who have none on record. The domain can never exist (RFC 2606)."""


def take(main: Database, folder: Path) -> Database:
    """Copy the facts of a shop in one snapshot. Raises ConfigError where there are no orders."""
    source = throwaway(folder / "source.db")
    migrate.upgrade(source)
    source.close()
    copyfile(folder / "source.db", folder / "empty.db")
    with main.read() as theirs, source.write() as ours:
        for table in FACTS:
            copy_rows(theirs, ours, table, **NOT_GIVEN if table is coupons else {})
        if not ours.execute(select(func.count()).select_from(orders)).scalar_one():
            raise ConfigError(
                "there are no orders to replay: `aftercart import orders FILE` brings in those of the past"
            )
    return source


def throwaway(file: Path) -> Database:
    """A SQLite file that nobody misses: it is never flushed to the disk."""
    database = Database(f"sqlite:///{file}")
    event.listen(database.engine, "connect", _never_flush)
    database.boot_id = None
    return database


def _never_flush(connection: Any, _entry: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


def copy_rows(theirs: Connection, ours: Connection, table: Table, *conditions: Any, **changes: Any) -> None:
    """Copy the rows of a table, `changes` made to each."""
    query = select(table).where(*conditions).order_by(*table.primary_key.columns)
    for rows in theirs.execution_options(yield_per=ROWS_AT_ONCE).execute(query).mappings().partitions():
        ours.execute(insert(table), [{**row, **changes} for row in rows])


def suppose_all_agree(source: Database) -> int:
    """As if everybody had agreed to mail when they first bought: how many people had not.

    For orders imported from another system, which say nothing about consent, and often not where to write to: then
    customers get an address that leads nowhere. Whoever said no is still not mailed.
    """
    with source.write() as connection:
        _give_addresses(connection)
        first = func.min(orders.c.placed_at)
        heard = select(consents.c.recipient_id)
        silent = (
            select(orders.c.recipient_id, literal("granted"), literal("supposed"), first, first)
            .where(orders.c.recipient_id.is_not(None), orders.c.recipient_id.not_in(heard))
            .group_by(orders.c.recipient_id)
        )
        columns = ["recipient_id", "state", "source", "at", "recorded_at"]
        return connection.execute(insert(consents).from_select(columns, silent)).rowcount


def _give_addresses(connection: Connection) -> None:
    nameless = select(customers.c.id).where(customers.c.recipient_id.is_(None)).order_by(customers.c.id)
    ids = list(connection.execute(nameless).scalars())
    if not ids:
        return
    at = connection.execute(select(func.min(orders.c.placed_at))).scalar_one()
    after = connection.execute(select(func.coalesce(func.max(recipients.c.id), 0))).scalar_one()
    connection.execute(
        insert(recipients),
        [
            {"id": after + number, "email": f"{id_}{MADE_UP}", "created_at": at, **_NOTHING_KNOWN}
            for number, id_ in enumerate(ids, start=1)
        ],
    )
    made_up = cast(customers.c.id, String) + MADE_UP
    given = select(recipients.c.id).where(recipients.c.email == made_up).scalar_subquery()
    connection.execute(update(customers).where(customers.c.recipient_id.is_(None)).values(recipient_id=given))
    buyer = select(customers.c.recipient_id).where(customers.c.id == orders.c.customer_id).scalar_subquery()
    connection.execute(update(orders).where(orders.c.recipient_id.is_(None)).values(recipient_id=buyer))


_NOTHING_KNOWN = {"first_name": "", "locale": "", "time_zone": "", "country": ""}


def extent(source: Database) -> tuple[datetime, datetime]:
    """When the first and the last order were placed."""
    with source.read() as connection:
        row = connection.execute(select(func.min(orders.c.placed_at), func.max(orders.c.placed_at))).one()
    return row[0], row[1]
