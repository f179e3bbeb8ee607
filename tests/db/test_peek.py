"""A look leaves no trace and is never refused with more than an empty hand."""

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from aftercart.db.peek import peek
from aftercart.db.session import Database
from aftercart.db.tables import recipients
from tests.rows import MONDAY

NAMELESS = dict.fromkeys(("first_name", "locale", "time_zone", "country"), "")


def listed(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((file.name, (at := file.stat()).st_mtime_ns, at.st_size) for file in folder.iterdir())


def test_it_sees_what_is_there(database_url: str) -> None:
    with closing(Database(database_url)) as database, database.write() as connection:
        connection.execute(recipients.insert(), {"email": "ada@example.com", **NAMELESS, "created_at": MONDAY})
    with peek(database_url) as found:
        assert found
        assert found.execute(select(recipients.c.email)).scalars().all() == ["ada@example.com"]


def test_it_changes_nothing(database_url: str) -> None:
    with peek(database_url) as found:
        assert found
        with pytest.raises(DBAPIError):
            found.execute(text("CREATE TABLE mine (id INTEGER)"))


def test_a_file_at_rest_stays_alone(newest_sqlite: Path, tmp_path: Path) -> None:
    """Opened as usual it would get a write-ahead log and its index beside it."""
    file = tmp_path / "rest.db"
    file.write_bytes(newest_sqlite.read_bytes())
    before = listed(tmp_path)
    with peek(f"sqlite:///{file}") as found:
        assert found
        assert found.execute(text("SELECT count(*) FROM products")).scalar() == 0
        assert listed(tmp_path) == before
    assert listed(tmp_path) == before


def test_what_another_process_has_not_yet_folded_in_is_seen(newest_sqlite: Path, tmp_path: Path) -> None:
    file = tmp_path / "busy.db"
    file.write_bytes(newest_sqlite.read_bytes())
    with closing(Database(f"sqlite:///{file}")) as busy:
        with busy.write() as connection:
            connection.execute(text("CREATE TABLE mine (id INTEGER)"))
        with peek(f"sqlite:///{file}") as found:
            assert found
            assert found.execute(text("SELECT count(*) FROM mine")).scalar() == 0


@pytest.mark.parametrize(
    "url",
    ["sqlite:///{}/gone/aftercart.db", "sqlite://", "postgresql://a@127.0.0.1:1/b", "postgresql://a@b:port/c", "x"],
)
def test_where_there_is_nothing_nothing_is_made(url: str, tmp_path: Path) -> None:
    with peek(url.format(tmp_path)) as found:
        assert found is None
    assert list(tmp_path.iterdir()) == []
