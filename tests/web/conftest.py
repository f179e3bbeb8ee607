"""The web app as it is served: over a real socket."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.session import Database
from aftercart.testing import engine
from aftercart.web.app import create_web
from aftercart.web.server import serving

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@dataclass
class Site:
    """A served web app, its engine, and a client of it."""

    app: App
    client: httpx.Client

    def post(self, shop: str, headers: dict[str, str], content: Any) -> httpx.Response:
        return self.client.post(f"/webhooks/{shop}", headers=headers, content=content)

    def waiting(self) -> list[dict[str, Any]]:
        """What stands in the inbox, seen from outside the web app."""
        with self.app.inbox_db.read() as connection:
            return inbox.oldest(connection, 10_000)


class lock_held:  # noqa: N801  # reads as a verb in `with`
    """Nobody can write to a SQLite database meanwhile."""

    def __init__(self, database: Database) -> None:
        self._connection = sqlite3.connect(str(database.engine.url.database), isolation_level=None)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with (
        engine(tmp_path / "data", SteppedClock(NOW), max_body_bytes=20_000) as app,
        serving(create_web(app)) as url,
        httpx.Client(base_url=url, verify=False, timeout=30) as client,
    ):
        yield Site(app, client)
