"""One thread writes what many hand over; see also what is built on it (`test_inbox_writer.py`, `test_clicks.py`)."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from aftercart.db.session import Database
from aftercart.web.group_writer import GROUP, GroupWriter
from tests.web.conftest import lock_held


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'notes.db'}")
    with opened.write() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT NOT NULL)"))
    yield opened
    opened.close()


def note(connection: Connection, notes: Sequence[str]) -> None:
    for text_ in notes:
        if text_ == "unspeakable":
            raise ValueError(text_)
        connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": text_})


def fail(notes: Sequence[str], err: Exception) -> None:
    """Ends the writer's thread, so that what comes afterwards is missing."""
    raise AssertionError(f"lost: {notes}") from err


def noted(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(text("SELECT note FROM notes ORDER BY rowid")).scalars())


def test_more_than_may_wait_are_turned_away_and_the_others_written(database: Database) -> None:
    writer = GroupWriter[str]("notes", database, note, lost=fail, most_waiting=5)
    writer.start()
    with lock_held(database):
        let_in = [number for number in range(1000) if writer.put(str(number))]
        assert 5 <= len(let_in) <= 5 + GROUP  # a group that is being written waits no more
    writer.stop()
    assert noted(database) == [str(number) for number in let_in]


def test_what_waits_at_the_end_is_written_in_its_order(database: Database) -> None:
    writer = GroupWriter[str]("notes", database, note, lost=fail)
    writer.start()
    with lock_held(database):
        assert all(writer.put(str(number)) for number in range(600))
    writer.stop()
    assert noted(database) == [str(number) for number in range(600)]
    assert not writer.put("late")


def test_what_cannot_be_written_is_told_once_and_takes_nothing_with_it(database: Database) -> None:
    lost: list[str] = []
    written: list[str] = []
    writer = GroupWriter[str]("notes", database, note, written=written.extend, lost=lambda items, _: lost.extend(items))
    writer.start()
    with lock_held(database):
        for item in ("1", "2", "unspeakable", "3"):
            writer.put(item)
    writer.stop()
    assert lost == ["unspeakable"]
    assert noted(database) == written == ["1", "2", "3"]


def test_a_patient_one_waits_for_a_database_that_is_away(database: Database) -> None:
    tried, written = threading.Semaphore(0), threading.Semaphore(0)

    def note_and_tell(connection: Connection, notes: Sequence[str]) -> None:
        tried.release()
        note(connection, notes)

    writer = GroupWriter[str](
        "notes", database, note_and_tell, written=lambda _: written.release(), lost=fail, patient=True
    )
    writer.start()
    rename(database, "notes", "elsewhere")
    writer.put("1")
    assert tried.acquire(timeout=30)
    rename(database, "elsewhere", "notes")
    assert written.acquire(timeout=30)
    writer.stop()
    assert noted(database) == ["1"]


def test_a_patient_one_gives_up_when_it_is_to_stop(database: Database) -> None:
    lost: list[str] = []
    writer = GroupWriter[str]("notes", database, note, lost=lambda items, _: lost.extend(items), patient=True)
    writer.start()
    rename(database, "notes", "elsewhere")
    writer.put("1")
    writer.stop()
    assert lost == ["1"]


def rename(database: Database, table: str, to: str) -> None:
    with database.write() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))


def test_who_is_not_wanted_any_more_is_forgotten(database: Database) -> None:
    writer = GroupWriter[str]("notes", database, note, lost=fail, wanted=lambda item: item != "2")
    writer.start()
    for item in ("1", "2", "3"):
        writer.put(item)
    writer.stop()
    assert noted(database) == ["1", "3"]
