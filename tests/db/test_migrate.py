"""From an empty database to the tables of `aftercart/db/tables/`, on SQLite and PostgreSQL alike."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, make_url

from aftercart.bootstrap import build
from aftercart.db import inbox, migrate
from aftercart.db.session import Database
from aftercart.db.tables import InboxRow, Row
from aftercart.errors import ConfigError, NewerSchemaError
from aftercart.pipeline.watch import may_send
from aftercart.testing import settings_for

A_WEBHOOK = {
    "shop": "generic",
    "delivery_key": "1",
    "topic": "order.completed",
    "body": b"{}",
    "headers": {},
    "received_at": datetime(2026, 3, 2, 10, tzinfo=UTC),
}


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    with closing(Database(empty_url)) as opened:
        yield opened


def test_an_upgrade_from_nothing_gives_the_tables_of_the_code(empty: Database) -> None:
    """On SQLite all but the inbox, which is a file of its own there."""
    of_the_code = [Row.metadata] if empty.is_sqlite else [Row.metadata, InboxRow.metadata]
    migrate.upgrade(empty)
    with empty.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, of_the_code) == []  # type: ignore[arg-type]  # several are fine, as in env.py
        found = set(inspect(connection).get_table_names())
    assert found == {"alembic_version"}.union(*(metadata.tables for metadata in of_the_code))


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


def test_files_are_named_after_their_revisions() -> None:
    """By these names a process knows which one is the newest, without Alembic."""
    scripts = list(ScriptDirectory(str(migrate.MIGRATIONS)).walk_revisions())
    assert len(scripts) > 5
    assert [Path(script.path).name[:4] for script in scripts] == [script.revision for script in scripts]
    assert scripts == sorted(scripts, key=lambda script: script.revision, reverse=True)


def test_what_is_up_to_date_is_found_so_without_alembic(database: Database) -> None:
    """To import it takes a tenth of the time that a process takes to start."""
    code = "import sys; from aftercart.db import migrate, session; migrate.upgrade(session.Database(sys.argv[1])); "
    url = database.engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", code + "sys.exit('alembic' in sys.modules)", url], check=True, timeout=300)


def test_a_schema_of_another_version_says_what_to_run(empty: Database) -> None:
    with pytest.raises(ConfigError, match=r"is at schema \(empty\), .* run `aftercart db upgrade`"):
        migrate.require_current(empty)
    migrate.upgrade(empty)
    with empty.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(ConfigError, match=r"is at schema 0001, .* run `aftercart db upgrade`"):
        migrate.require_current(empty)


def test_a_database_of_a_newer_version_is_left_alone(empty: Database) -> None:
    """An old program must not touch what a newer one made, and says so in words."""
    migrate.upgrade(empty)
    with empty.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for refuse in (migrate.upgrade, migrate.require_current):
        with pytest.raises(NewerSchemaError, match="9999, made by a newer Aftercart: deploy that one"):
            refuse(empty)


def test_an_engine_refuses_a_postgresql_database_that_was_not_upgraded(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = settings_for(tmp_path_factory.mktemp("data"), database_url=postgres_url)
    with pytest.raises(ConfigError, match="aftercart db upgrade"):
        build(settings)


def test_webhooks_that_wait_on_postgresql_stay_whichever_way_the_schema_goes(postgres_url: str) -> None:
    """A shop was told that they are kept. Before revision 0003 each process made their table itself."""
    with closing(Database(postgres_url)) as database:
        _move(database, command.upgrade, "0002")
        InboxRow.metadata.create_all(database.engine)
        with database.write() as connection:
            inbox.store(connection, [A_WEBHOOK])
        for direction, revision in ((command.upgrade, "head"), (command.downgrade, "0002"), (command.upgrade, "head")):
            _move(database, direction, revision)
            with database.read() as connection:
                assert inbox.waiting(connection) == 1
        migrate.require_current(database)


def _move(database: Database, direction: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        direction(config, revision)


def test_an_engine_on_postgresql_needs_no_right_to_change_the_schema(postgres_url: str, tmp_path: Path) -> None:
    """Only `aftercart db upgrade` does."""
    with closing(Database(postgres_url)) as database:
        migrate.upgrade(database)
        role = f"engine_{uuid4().hex}"
        with database.write() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
            connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
            connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
        url = make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
        with closing(build(settings_for(tmp_path, database_url=url))) as app, app.inbox_db.write() as connection:
            inbox.store(connection, [A_WEBHOOK])
            assert inbox.waiting(connection) == 1
            assert may_send(app)
        with database.write() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
