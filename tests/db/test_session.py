import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from aftercart.db import session
from aftercart.db.session import Database, insert_new, is_passing
from aftercart.db.tables import recipients
from aftercart.errors import ConfigError
from tests.conftest import Postgres, SharedStatements

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def ada(**changes: Any) -> dict[str, Any]:
    blank = {"first_name": "", "locale": "", "time_zone": "", "country": ""}
    return {"email": "ada@example.com", "created_at": NOW, **blank, **changes}


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(recipients)).scalar_one()


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    def fail_half_way() -> None:
        with database.write() as connection:
            connection.execute(recipients.insert(), ada())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert count(database) == 0


def test_instants_come_back_aware_and_in_utc(database: Database) -> None:
    with database.write() as connection:
        connection.execute(recipients.insert(), ada())
    with database.read() as connection:
        assert connection.execute(select(recipients.c.created_at)).scalar_one() == NOW


def test_many_writers_wait_for_each_other(database: Database) -> None:
    """On SQLite a transaction that begins with reading must not fail when it comes to writing."""

    def write(thread: int) -> None:
        for number in range(10):
            with database.write() as connection:
                connection.execute(select(func.count()).select_from(recipients)).scalar_one()
                connection.execute(recipients.insert(), ada(email=f"{thread}-{number}@example.com"))

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 40


def test_a_reader_sees_one_moment_and_holds_up_no_writer(database: Database) -> None:
    with database.read() as reading:
        before = reading.execute(select(func.count()).select_from(recipients)).scalar_one()
        with database.write() as writing:
            writing.execute(recipients.insert(), ada())
        assert reading.execute(select(func.count()).select_from(recipients)).scalar_one() == before == 0
    assert count(database) == 1


def test_however_many_wait_for_their_turn_to_write_a_reader_does_not_wait(on_disk: Database) -> None:
    """SQLite has one writer at a time, and an engine more threads than a pool of connections is usually large."""
    begun = threading.Semaphore(0)

    def write() -> None:
        begun.release()
        with on_disk.write():
            pass

    writers = [threading.Thread(target=write) for _ in range(20)]
    with on_disk.write():
        for writer in writers:
            writer.start()
            begun.acquire()
        with ThreadPoolExecutor() as reader:
            answer = reader.submit(_read_one, on_disk).result(timeout=20)
    for writer in writers:
        writer.join()
    assert answer == 1


def _read_one(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT 1")).scalar_one())


def test_insert_new_keeps_the_old_row_or_updates_it(database: Database) -> None:
    with database.write() as connection:
        insert_new(connection, recipients, [], unique=["email"])
        insert_new(connection, recipients, [ada(first_name="Ada")], unique=["email"])
        insert_new(connection, recipients, [ada(first_name="Eve"), ada(email="ben@example.com")], unique=["email"])
        insert_new(connection, recipients, [ada(locale="fr_FR", country="FR")], unique=["email"], update=["locale"])
    with database.read() as connection:
        row = connection.execute(select(recipients).where(recipients.c.email == "ada@example.com")).one()
    assert (row.first_name, row.locale, row.country) == ("Ada", "fr_FR", "")
    assert count(database) == 2


def test_errors_carry_no_addresses(database: Database) -> None:
    """They end in the log."""
    with pytest.raises(IntegrityError) as refused, database.write() as connection:
        connection.execute(recipients.insert(), ada(first_name=None))
    assert "INSERT" in str(refused.value)
    assert "[SQL parameters hidden" in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://root@localhost/aftercart", "oracle://a@b/c"])
def test_another_kind_of_database_is_refused_in_words(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite or postgresql"):
        Database(url)


@pytest.mark.parametrize("url", ["nonsense", "", "postgresql//a@b"])
def test_what_is_no_url_is_refused_in_words(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///FILE or postgresql://"):
        Database(url)


def test_a_password_does_not_reach_the_message() -> None:
    with pytest.raises(ConfigError) as refused:
        Database("mysql://root:secret@localhost/aftercart")
    assert "secret" not in str(refused.value)


@pytest.fixture
def on_disk(tmp_path: Path, shared_statements: SharedStatements, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """As the product opens it."""
    monkeypatch.setattr(session, "_engine", shared_statements.made)
    with closing(Database(f"sqlite:///{tmp_path / 'deep' / 'folder' / 'a.db'}")) as opened:
        yield opened


def test_sqlite_makes_its_folder_and_forces_every_commit_to_disk(on_disk: Database) -> None:
    with on_disk.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_a_value_that_is_too_large_is_no_passing_fault(newest_postgres_url: str) -> None:
    """PostgreSQL calls it an OperationalError as well, but it stays too large: waiting for it would be for ever."""
    endless = "".join(map(chr, Random(7).choices(range(0x4E00, 0x9FFF), k=6_000)))  # does not compress
    postgres = Database(newest_postgres_url)
    with closing(postgres), pytest.raises(OperationalError) as caught, postgres.write() as connection:
        connection.execute(recipients.insert(), ada(email=endless))
    assert not is_passing(caught.value)


def test_a_database_that_is_away_or_busy_is_a_passing_fault(tmp_path: Path) -> None:
    with pytest.raises(OperationalError) as away, Database("postgresql://nobody@127.0.0.1:1/none").read():
        pass
    assert is_passing(away.value)
    busy = Database(f"sqlite:///{tmp_path / 'busy.db'}")
    with busy.write(), closing(sqlite3.connect(tmp_path / "busy.db", timeout=0)) as other:
        with pytest.raises(sqlite3.OperationalError) as locked:
            other.execute("BEGIN IMMEDIATE")
        assert is_passing(OperationalError("BEGIN", {}, locked.value))
    busy.close()
    assert not is_passing(ValueError("a fault of ours"))


def test_two_databases_lie_in_two_places_and_each_in_one(database: Database, tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'another.db'}")) as another:
        another.knock()
        assert database.place() == database.place() != another.place()


def test_a_place_can_be_told_where_the_cluster_may_not_be_asked(postgres_url: str) -> None:
    """Some providers keep its functions from those who rent a database."""
    with closing(Database(postgres_url)) as database:
        assert database.place().startswith("cluster ")
        role = f"tenant_{uuid4().hex}"
        with database.write() as connection:
            connection.exec_driver_sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        url = make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
        with closing(Database(url)) as rented:
            assert rented.place().startswith("database ")
        with database.write() as connection:
            connection.exec_driver_sql(f"DROP ROLE {role}")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_name_is_refused_with_a_word_on_how_to_make_one(
    postgres: Postgres, encoding: str
) -> None:
    narrow = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    with (
        postgres.database("template0", narrow) as url,
        closing(Database(url)) as database,
        pytest.raises(ConfigError, match=f"keeps its text in {encoding}.*createdb --encoding UTF8"),
    ):
        database.knock()


def test_every_name_is_written_whatever_the_environment_speaks(
    newest_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with closing(Database(newest_postgres_url)) as database:
        with database.write() as connection:
            connection.execute(recipients.insert(), ada(first_name="Ада 🚲"))
        with database.read() as connection:
            assert connection.execute(select(recipients.c.first_name)).scalar_one() == "Ада 🚲"
