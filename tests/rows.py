"""Rows of the main database, for tests that begin in the middle of the story."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from sqlalchemy import Table, event, select, text

from aftercart.db.session import Database
from aftercart.db.tables import (
    Row,
    clicks,
    consents,
    enrollments,
    links,
    order_lines,
    order_reversals,
    orders,
    products,
    recipients,
    sends,
)
from aftercart.ids import new_id

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""When things begin: 2 March 2026, 10:00 UTC."""


def a_database(folder: Path) -> Database:
    """An empty SQLite database in a folder."""
    file = folder / "aftercart.db"
    file.write_bytes(_tables())
    return Database(f"sqlite:///{file}")


@cache
def _tables() -> bytes:
    """To copy them takes a tenth of the time that it takes to make them."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "aftercart.db"
        with closing(Database(f"sqlite:///{file}")) as database:
            Row.metadata.create_all(database.engine)
        return file.read_bytes()


def somebody_waits(db: Database) -> bool:
    """Whether a transaction waits for a lock of another one. PostgreSQL tells; on SQLite nobody begins meanwhile."""
    if db.is_sqlite:
        return True
    with db.read() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


class Rows:
    """Puts rows into a database; each method says what is usual and takes what is to be different."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._count = 0

    def recipient(self, email: str = "ada@example.com") -> int:
        """A person; their id."""
        return self._add(recipients, email=email, first_name="", locale="", time_zone="", country="", created_at=MONDAY)

    def consent(self, recipient_id: int, state: str = "granted", at: datetime = MONDAY) -> None:
        """They said yes (or no) to marketing mail."""
        said = {"recipient_id": recipient_id, "state": state, "source": "generic", "at": at, "recorded_at": at}
        self._insert(consents, said)

    def order(self, recipient_id: int | None, placed_at: datetime = MONDAY, **changes: Any) -> int:
        """A completed order of 100.00 EUR; its id."""
        self._count += 1
        usual: dict[str, Any] = {
            "shop": "generic",
            "shop_order_id": str(1000 + self._count),
            "recipient_id": recipient_id,
            "state": "completed",
            "currency": "EUR",
            "total_minor": 10_000,
            "country": "",
            "region": "",
            "placed_at": placed_at,
            "completed_at": placed_at,
            "source_updated_at": placed_at,
            "imported": False,
        }
        return self._add(orders, **(usual | changes))

    def product(self, sku: str, **changes: Any) -> None:
        """A product for 10.00 EUR, in a category of its own."""
        usual = {"title": sku, "category": f"{sku} category", "price_minor": 1000, "currency": "EUR", "published": True}
        empty = dict.fromkeys(("department", "brand", "family", "color", "description", "image_url", "url"), "")
        self._insert(products, {**empty, **usual, "sku": sku, "updated_at": MONDAY, **changes})

    def line(self, order_id: int, sku: str, quantity: float, unit_price_minor: int, line_no: int = 1) -> None:
        """A line of an order."""
        row = {"order_id": order_id, "line_no": line_no, "sku": sku, "title": sku}
        self._insert(order_lines, row | {"quantity": quantity, "unit_price_minor": unit_price_minor})

    def reversal(self, order_id: int, key: str, kind: str = "refund", **facts: Any) -> None:
        """Something of an order was taken back."""
        with self.db.read() as connection:
            of = select(orders.c.shop, orders.c.shop_order_id).where(orders.c.id == order_id)
            shop, shop_order_id = connection.execute(of).one()
        row = {"shop": shop, "shop_order_id": shop_order_id, "reversal_key": key, "kind": kind, "happened_at": MONDAY}
        self._insert(order_reversals, {"currency": "EUR", **row, **facts})

    def send(
        self, order_id: int, recipient_id: int, sent_at: datetime | None = MONDAY, campaign: str = "accessories"
    ) -> UUID:
        """A mail about an order, with its enrollment; its id."""
        about = {"campaign": campaign, "order_id": order_id, "recipient_id": recipient_id, "created_at": MONDAY}
        enrollment_id = self._add(enrollments, campaign_version="v1", state="active", **about)
        send_id = new_id()
        planned = {"id": send_id, "enrollment_id": enrollment_id, "step": "complements", "config_version": "v1"}
        times = {"due_at": MONDAY, "valid_until": MONDAY + timedelta(days=3), "wake_at": MONDAY, "sent_at": sent_at}
        state = {"state": "sent" if sent_at else "sending", "priority": 50, "attempt": 1, "tries": 1}
        self._insert(sends, {**about, **planned, **times, **state})
        return send_id

    def link(self, send_id: UUID, url: str = "https://shop.example/lamp", position: int = 0) -> None:
        """A tracked link of a send."""
        self._insert(links, {"send_id": send_id, "position": position, "url": url})

    def click(self, send_id: UUID, recipient_id: int, at: datetime, verdict: str = "human") -> int:
        """A click on the first link of a send; its id."""
        who = {"send_id": send_id, "recipient_id": recipient_id, "position": 0, "user_agent": "Firefox"}
        return self._add(clicks, at=at, verdict=verdict, reason="looks_human", **who)

    def all(self, table: Table) -> list[dict[str, Any]]:
        """What a table holds now."""
        with self.db.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def _add(self, table: Table, **row: Any) -> int:
        with self.db.write() as connection:
            return int(connection.execute(table.insert().returning(table.c.id), row).scalar_one())

    def _insert(self, table: Table, row: dict[str, Any]) -> None:
        with self.db.write() as connection:
            connection.execute(table.insert(), row)


class Statements:
    """Counts what is executed on a database while the `with` block lasts."""

    def __init__(self, db: Database) -> None:
        self.count = 0
        self._engine = db.engine

    def __enter__(self) -> "Statements":
        event.listen(self._engine, "before_cursor_execute", self._one_more)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._one_more)

    def _one_more(self, *_: object) -> None:
        self.count += 1
