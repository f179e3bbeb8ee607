"""A shop that asks everybody who says yes to confirm it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.testing import engine
from tests.cast import MONDAY, Shop, campaign


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path).write(campaign(quiet="null"), brand="double_opt_in: true\n")


@pytest.fixture
def app(database_url: str, tmp_path: Path, shop: Shop) -> Iterator[App]:
    with engine(tmp_path / "data", clock=SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        yield app


@pytest.fixture
def small(tmp_path: Path, shop: Shop) -> Iterator[App]:
    """On SQLite alone."""
    with engine(tmp_path / "data", clock=SteppedClock(MONDAY), **shop.files) as app:
        yield app
