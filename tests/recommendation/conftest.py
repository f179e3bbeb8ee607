"""The bike shop of these tests, as arrays and in a database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.recommendation.inputs.dataset import Interactions
from tests.recommendation.bike_shop import open_busy_shop, opened, past_of


@pytest.fixture(scope="session")
def past() -> Interactions:
    """800 orders of the bike shop."""
    return past_of(800)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    database = opened(tmp_path)
    yield database
    database.close()


@pytest.fixture
def a_busy_shop(db: Database) -> Database:
    """The bike shop with 200 orders in the database."""
    open_busy_shop(db)
    return db
