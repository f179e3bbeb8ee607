"""Each step of the schema, up and down, with data inside: not a row is lost, on SQLite and PostgreSQL alike."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    ColumnClause,
    Connection,
    Date,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TableClause,
    Uuid,
    inspect,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlmodel.sql.sqltypes import UTCDateTime

from aftercart.db import migrate
from aftercart.db.packing import packed
from aftercart.db.session import Database
from aftercart.db.tables import InboxRow, Row, address_moves, counted_cohorts
from aftercart.errors import ConfigError

FIRST, NONE_YET = "0001", "base"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ROWS = 3
"""In each table."""

Kept = dict[str, list[dict[str, Any]]]


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    with closing(Database(empty_url)) as opened:
        yield opened


def move(database: Database, direction: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        direction(config, revision)


def revisions() -> list[str]:
    """All of them, the oldest first."""
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


# ---------------------------------------------------------------- data


def type_of(table: str, column: str, found: Any) -> Any:
    """The type that the code knows: a database forgets some (JSON, instants)."""
    known = {**Row.metadata.tables, **InboxRow.metadata.tables}
    return known[table].columns[column].type if table in known and column in known[table].columns else found


def tables_of(connection: Connection) -> list[Table]:
    """The tables that there are now."""
    found = MetaData()
    found.reflect(connection)
    for table in found.tables.values():
        for column in table.columns:
            column.type = type_of(table.name, column.name, column.type)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def value(column: Any, number: int) -> Any:
    """Something that fits, another one for each row."""
    kinds: list[tuple[type[Any], Any]] = [
        (Uuid, UUID(int=number)),
        (Boolean, bool(number % 2)),
        (Integer, number),
        (Float, number / 2),
        (LargeBinary, b"\x00" + bytes([number])),
        (JSON, {"number": number, "text": "é"}),
        (UTCDateTime, NOW + timedelta(hours=number)),
        (Date, (NOW + timedelta(days=number)).date()),
    ]
    return next((made for kind, made in kinds if isinstance(column.type, kind)), f"é {column.name} {number}")


def fill(database: Database) -> None:
    """Rows in every table: those of a number refer to one another, as the keys want it."""
    with database.write() as connection:
        for table in tables_of(connection):
            rows = [{column.name: value(column, number) for column in table.columns} for number in range(1, ROWS + 1)]
            if table.name == "archives":
                rows = [row | {"content": packed({})} for row in rows]
            connection.execute(table.insert(), rows)


def content(database: Database) -> Kept:
    """All rows. It looks for columns and primary keys alone: `tables_of` takes much longer, and each step asks."""
    with database.read() as connection:
        found = inspect(connection)
        keys = {name: key["constrained_columns"] for (_, name), key in found.get_multi_pk_constraint().items()}
        tables = [
            TableClause(name, *(ColumnClause(one["name"], type_of(name, one["name"], one["type"])) for one in columns))
            for (_, name), columns in found.get_multi_columns().items()
            if name != "alembic_version"
        ]
        ordered = {one.name: select(one).order_by(*(one.c[key] for key in keys[one.name])) for one in tables}
        return {name: [dict(row) for row in connection.execute(rows).mappings()] for name, rows in ordered.items()}


def shared(before: Kept, after: Kept) -> tuple[Kept, Kept]:
    """Both, without the tables and columns that one of them does not have."""
    common = {
        table: before[table][0].keys() & after[table][0].keys() if before[table] and after[table] else set()
        for table in before.keys() & after.keys()
    }

    def cut(kept: Kept) -> Kept:
        return {t: [{name: row[name] for name in names} for row in kept[t]] for t, names in common.items()}

    return cut(before), cut(after)


# ---------------------------------------------------------------- up and down


def test_every_step_up_and_down_keeps_every_row(empty: Database) -> None:
    steps = revisions()
    move(empty, command.upgrade, FIRST)
    fill(empty)
    before = first = content(empty)
    assert all(len(rows) == ROWS for rows in first.values())
    for direction, path in ((command.upgrade, steps[1:]), (command.downgrade, steps[-2::-1])):
        for revision in path:
            move(empty, direction, revision)
            after = content(empty)
            kept, found = shared(before, after)
            assert kept == found, revision
            before = after
    last = content(empty)
    assert {table: last[table] for table in first} == first


def test_a_schema_that_went_down_and_up_again_is_that_of_the_code(empty: Database) -> None:
    """With data inside, from the newest to the first and back."""
    migrate.upgrade(empty)
    fill(empty)
    full = content(empty)
    move(empty, command.downgrade, FIRST)
    first = content(empty)
    migrate.upgrade(empty)
    of_the_code = [Row.metadata] if empty.is_sqlite else [Row.metadata, InboxRow.metadata]
    with empty.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, of_the_code) == []  # type: ignore[arg-type]  # several are fine, as in env.py
        assert broken_references(connection) == []
    for before, after in ((full, first), (first, content(empty))):
        kept, found = shared(before, after)
        assert kept == found
        assert {"sends", "attempts", "decisions", "orders"} <= kept.keys()


def broken_references(connection: Connection) -> list[Any]:
    """Rows that refer to rows that are not there. PostgreSQL never lets that happen."""
    if connection.dialect.name == "postgresql":
        return []
    return list(connection.exec_driver_sql("PRAGMA foreign_key_check"))


def test_an_upgrade_that_fails_at_one_step_leaves_none_of_them_done(empty: Database) -> None:
    """The version of before goes on with what it knows."""
    move(empty, command.upgrade, "0025")
    with empty.write() as connection:
        connection.exec_driver_sql("ALTER TABLE products ADD COLUMN cost_minor BIGINT")  # 0027 stumbles over it
    before = tables_in(empty)
    with pytest.raises(DBAPIError, match="cost_minor"):
        migrate.upgrade(empty)
    assert tables_in(empty) == before
    with pytest.raises(ConfigError, match="at schema 0025"):
        migrate.require_current(empty)


def tables_in(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


def test_the_first_step_can_be_taken_back_to_nothing(empty: Database) -> None:
    migrate.upgrade(empty)
    move(empty, command.downgrade, NONE_YET)
    with empty.read() as connection:
        left = set(inspect(connection).get_table_names())
    assert left <= {"alembic_version", "inbox"}
    migrate.upgrade(empty)
    migrate.require_current(empty)


def test_indexes_are_those_of_the_code_after_an_upgrade_with_data(empty: Database) -> None:
    """Partial ones too, which no comparison of schemas sees: the dispatcher's speed hangs on them."""
    move(empty, command.upgrade, FIRST)
    fill(empty)
    migrate.upgrade(empty)
    definitions = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    if not empty.is_sqlite:
        definitions = "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'ix%%'"
    with empty.read() as connection:
        found = {name: "WHERE" in definition for name, definition in connection.exec_driver_sql(definitions)}
    assert found == {index.name: index.dialect_options["sqlite"]["where"] is not None for index in indexes()}


def indexes() -> list[Any]:
    return [index for table in Row.metadata.tables.values() for index in table.indexes]


def test_where_one_customer_has_all_addresses_their_yes_goes_along_from_now_on(empty: Database) -> None:
    """And where several have, it is not guessed whose it was."""
    move(empty, command.upgrade, "0020")
    alone, shared = {1: 2, 2: None}, {3: 5, 4: 5, 5: None}
    with empty.write() as connection:
        old = {table.name: table for table in tables_of(connection)}
        blank = {"first_name": "", "locale": "", "time_zone": "", "country": "", "created_at": NOW}
        people = [{"id": n, "email": str(n), "merged_into": into} for n, into in sorted({**alone, **shared}.items())]
        connection.execute(old["recipients"].insert(), [{**blank, **one} for one in people[::-1]])
        buyers = [
            {"id": n, "shop": "x", "shop_customer_id": str(n), "recipient_id": at} for n, at in ((7, 2), (8, 5), (9, 5))
        ]
        connection.execute(old["customers"].insert(), [{**one, "created_at": NOW} for one in buyers])
        yes = {"state": "granted", "basis": "", "source": "x", "wording": "", "ip": "", "undated": False}
        said = [{**yes, "id": n, "recipient_id": n, "at": NOW, "recorded_at": NOW} for n in (1, 2, 3)]
        connection.execute(old["consents"].insert(), said)
    migrate.upgrade(empty)
    with empty.read() as connection:
        assert [tuple(row) for row in connection.execute(select(address_moves))] == [(7, 1, NOW)]


def test_weeks_of_which_a_day_was_counted_count_as_counted_for_cohorts(empty: Database) -> None:
    move(empty, command.upgrade, "0024")
    weeks = [date(2026, 3, day) for day in (2, 9, 16)]
    with empty.write() as connection:
        old = {table.name: table for table in tables_of(connection)}
        connection.execute(old["counted_weeks"].insert(), [{"week": week, "counted_at": NOW} for week in weeks])
        counts = dict.fromkeys(("people", "mails", "clicked", "leavers", "orders", "revenue_minor"), 1)
        days = [weeks[0], weeks[1] - timedelta(days=1), weeks[2]]
        place = {"basis": "mailed", "week": weeks[0], "currency": "", **counts}
        connection.execute(old["cohort_days"].insert(), [{**place, "day": day} for day in days])
    migrate.upgrade(empty)
    with empty.read() as connection:
        found = connection.execute(select(counted_cohorts).order_by(counted_cohorts.c.week))
        assert [tuple(row) for row in found] == [(weeks[0], NOW), (weeks[2], NOW)]
