import pytest

from aftercart.db import inbox, migrate
from aftercart.db.session import Database
from tests.cli.conftest import Typed


@pytest.fixture
def installed(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AFTERCART_DATABASE_URL", empty_url)
    return empty_url


def test_an_upgrade_makes_the_database_usable_and_may_be_repeated(typed: Typed, installed: str) -> None:
    for _ in range(2):
        result = typed("db", "upgrade")
        assert result.exit_code == 0, result.exception
        assert "up to date" in result.stdout
    database = Database(installed)
    migrate.require_current(database)
    if not database.is_sqlite:  # there it has a file of its own
        with database.read() as connection:
            assert inbox.waiting(connection) == 0
    database.close()


def test_looking_at_a_fresh_installation_finds_nothing(typed: Typed) -> None:
    result = typed("sends")
    assert result.exit_code == 0, result.exception
    assert "0 sends in all" in result.stdout
