"""A shop of which people are forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.testing import engine
from tests.cast import MONDAY, Shop, campaign


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    files = Shop(tmp_path).write(campaign()).files
    with engine(tmp_path / "data", SteppedClock(MONDAY), database_url=database_url, **files) as app:
        yield app


@pytest.fixture
def small(tmp_path: Path) -> Iterator[App]:
    """On SQLite alone."""
    with engine(tmp_path / "data", SteppedClock(MONDAY), **Shop(tmp_path).write(campaign()).files) as app:
        yield app
