"""From an empty database to the tables of `aftercart/db/tables.py`, on SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from aftercart.bootstrap import build
from aftercart.db import inbox, migrate
from aftercart.db.session import Database
from aftercart.db.tables import Row
from aftercart.errors import ConfigError
from aftercart.testing import settings_for


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        yield opened


def test_an_upgrade_from_nothing_gives_the_tables_of_the_code(empty: Database) -> None:
    migrate.upgrade(empty)
    with empty.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "include_name": lambda name, kind, _: (kind, name) != ("table", "inbox")},
        )
        assert compare_metadata(context, Row.metadata) == []
        found = set(inspect(connection).get_table_names())
    assert found == {*Row.metadata.tables, "alembic_version"}


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(empty: Database) -> None:
    migrate.upgrade(empty)
    migrate.upgrade(empty)
    inbox.prepare(empty)
    inbox.prepare(empty)
    migrate.require_current(empty)


def test_several_upgrades_at_once_are_one(empty: Database) -> None:
    """Several machines of a fleet start their deployment together."""
    with ThreadPoolExecutor(4) as machines:
        for done in [machines.submit(_upgrade_from_elsewhere, empty) for _ in range(4)]:
            done.result()
    migrate.require_current(empty)


def _upgrade_from_elsewhere(database: Database) -> None:
    with closing(Database(database.engine.url.render_as_string(hide_password=False))) as own:
        migrate.upgrade(own)
        inbox.prepare(own)


def test_a_schema_of_another_version_says_what_to_run(empty: Database) -> None:
    with pytest.raises(ConfigError, match=r"is at schema \(empty\), .* run `aftercart db upgrade`"):
        migrate.require_current(empty)
    migrate.upgrade(empty)
    with empty.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"is at schema 9999, .* run `aftercart db upgrade`"):
        migrate.require_current(empty)


def test_a_database_of_a_newer_version_is_left_alone(empty: Database) -> None:
    """An old program must not touch what a newer one made, and says so in words."""
    migrate.upgrade(empty)
    with empty.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="9999"):
        migrate.upgrade(empty)


def test_an_engine_refuses_a_postgresql_database_that_was_not_upgraded(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = settings_for(tmp_path_factory.mktemp("data"), database_url=postgres_url)
    with pytest.raises(ConfigError, match="aftercart db upgrade"):
        build(settings)
