import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.db.tables import sends
from aftercart.doctor.backlog import check_backlog
from aftercart.doctor.database import check_database, check_disk, time_of
from aftercart.doctor.finding import Finding
from aftercart.doctor.model import check_model
from aftercart.errors import UnreachableError
from aftercart.ledger import store as ledger
from aftercart.policy import store as policy
from aftercart.policy.guard import PauseScope
from aftercart.policy.store import Pause
from aftercart.recommendation import store
from tests.conftest import Postgres
from tests.rows import MONDAY, Rows


def only(found: Iterable[Finding]) -> Finding:
    [one] = found
    return one


def test_a_database_at_the_newest_schema_is_fine(database_url: str) -> None:
    found = only(check_database(database_url))
    assert (found.level, found.do) == ("fine", "")


def test_an_older_schema_is_a_fault_and_stays(database_url: str) -> None:
    with closing(Database(database_url)) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert [only(check_database(database_url)).level for _ in range(2)] == ["fault", "fault"]
    assert "db upgrade" in only(check_database(database_url)).do


def test_a_newer_schema_is_a_fault_that_no_upgrade_of_this_version_mends(database_url: str) -> None:
    """It advised `aftercart db upgrade`, which refuses."""
    with closing(Database(database_url)) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    found = only(check_database(database_url))
    assert found.level == "fault"
    assert "newer" in found.found
    assert "db upgrade" not in found.found + found.do


def test_no_database_yet_is_none_afterwards_either(tmp_path: Path) -> None:
    file = tmp_path / "data" / "aftercart.db"
    assert only(check_database(f"sqlite:///{file}")).level == "warn"
    assert not file.parent.exists()


def test_a_file_that_is_no_database_is_to_be_restored(tmp_path: Path) -> None:
    """Every command ended in a traceback over it."""
    file = tmp_path / "aftercart.db"
    file.write_text("half of it was lost when the disk died")
    found = only(check_database(f"sqlite:///{file}"))
    assert found.level == "fault"
    assert "cannot open the database" in found.found
    assert "backup" in found.do
    with pytest.raises(UnreachableError, match="file is not a database"), closing(Database(f"sqlite:///{file}")) as db:
        migrate.make_usable(db)


def test_a_server_that_is_away_is_a_fault() -> None:
    assert only(check_database("postgresql://ada:hunter2@127.0.0.1:1/shop")).level == "fault"


def test_a_server_that_confirms_before_it_has_written_is_a_fault(newest_postgres_url: str) -> None:
    with closing(Database(newest_postgres_url)) as database:
        name = database.engine.url.database
        with database.write() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    found = only(check_database(newest_postgres_url))
    assert found.level == "fault"
    assert "synchronous_commit" in found.do


def test_a_log_that_grows_without_end_is_told(tmp_path: Path, newest_sqlite: Path) -> None:
    file = tmp_path / "aftercart.db"
    file.write_bytes(newest_sqlite.read_bytes())
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("PRAGMA journal_mode = WAL")
        reader.execute("SELECT * FROM sends").fetchall()
        with file.with_name("aftercart.db-wal").open("ab") as log:
            log.truncate(300_000_000)
        found = list(check_database(f"sqlite:///{file}"))
    assert [one.level for one in found] == ["warn", "fine"]
    assert "300 MB" in found[0].found


def test_the_clock_of_a_server_can_be_read(newest_postgres_url: str, tmp_path: Path) -> None:
    at = time_of(newest_postgres_url)
    assert at
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=2)
    assert time_of(f"sqlite:///{tmp_path / 'none.db'}") is None


def test_a_disk_with_room_is_fine_also_before_there_is_a_folder(tmp_path: Path) -> None:
    assert only(check_disk(tmp_path / "data" / "not yet", f"sqlite:///{tmp_path}/data/a.db")).found
    assert not (tmp_path / "data").exists()


def test_the_disk_of_a_database_that_lies_elsewhere_is_looked_at_too(tmp_path: Path) -> None:
    elsewhere = next(disk for disk in (Path("/dev/shm"), Path("/proc")) if disk.is_dir())
    assert str(tmp_path) in only(check_disk(tmp_path, f"sqlite:///{tmp_path}/a.db")).found
    found = [one.found for one in check_disk(tmp_path, f"sqlite:///{elsewhere}/a.db")]
    assert [str(disk) in one for disk, one in zip((tmp_path, elsewhere), found, strict=True)] == [True, True]


def test_a_database_that_cannot_hold_every_name_is_to_be_replaced_not_upgraded(postgres: Postgres) -> None:
    with postgres.database("template0", "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'") as url:
        found = only(check_database(url))
    assert "SQL_ASCII" in found.found
    assert found.do.startswith("name the new one in AFTERCART_DATABASE_URL")


def test_an_untrained_engine_is_told_what_to_do_first(database_url: str, tmp_path: Path) -> None:
    assert "import orders" in only(check_model(database_url, tmp_path, MONDAY)).do


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_model_that_cannot_be_read_here_is_a_fault(is_damaged: bool, database_url: str, tmp_path: Path) -> None:
    with closing(Database(database_url)) as database, database.write() as connection:
        version = store.Version("v1", "checksum")
        store.add_version(connection, version, trained_at=MONDAY, data_until=None, facts={}, serve=True)
    if is_damaged:
        (tmp_path / "v1").mkdir()
        (tmp_path / "v1" / "meta.json").write_text("{}")
    found = only(check_model(database_url, tmp_path, MONDAY))
    assert found.level == "fault"
    assert "v1 cannot be read here" in found.found
    assert ("is not the one that was registered" in found.found) is is_damaged
    assert str(tmp_path) in found.do
    assert "aftercart models rollback" in found.do


def test_due_mails_that_nobody_looks_at_are_a_fault(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        assert only(check_backlog(database_url, database_url, MONDAY)).level == "fine"
        rows = Rows(database)
        recipient = rows.recipient()
        send = rows.send(rows.order(recipient), recipient, None)
        doubtful = rows.send(rows.order(recipient), recipient, None)
        with database.write() as connection:
            ledger.beat(connection, "here", 1, MONDAY)
            connection.execute(update(sends).where(sends.c.id == send).values(state="scheduled"))
            connection.execute(update(sends).where(sends.c.id == doubtful).values(state="unknown"))
    found = list(check_backlog(database_url, database_url, MONDAY + timedelta(minutes=20)))
    assert [one.level for one in found] == ["fault", "fault", "warn"]
    assert "1,200 s" in found[0].found
    assert "20 minutes late" in found[1].found
    assert "1 mail" in found[2].found


def test_what_has_paused_itself_is_a_fault_with_the_way_out(database_url: str) -> None:
    with closing(Database(database_url)) as database, database.write() as connection:
        policy.keep_pauses(connection, [Pause(PauseScope.BRAND, "", "too many complained", MONDAY)])
    paused, rest = check_backlog(database_url, database_url, MONDAY)
    assert (paused.level, rest.level) == ("fault", "fine")
    assert "all mail has paused itself: too many complained" in paused.found
    assert "aftercart resume --brand" in paused.do


def test_mail_that_is_held_is_a_fault_with_the_way_out(database_url: str) -> None:
    with closing(Database(database_url)) as database, database.write() as connection:
        ledger.beat(connection, "here", 1, MONDAY)
        ledger.hold_all(connection, "this database is a copy", MONDAY)
    held, rest = check_backlog(database_url, database_url, MONDAY + timedelta(hours=1))
    assert (held.level, rest.level) == ("fault", "fine")
    assert "aftercart resume" in held.do
