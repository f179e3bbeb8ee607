"""Changes as shops tell them, told to the store; and the rows that come of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table

from aftercart.consent.statement import ConsentState
from aftercart.db.session import Database
from aftercart.intake.changes import Buyer, Change, Order, OrderLine, OrderState, Reversal, ReversalKind
from aftercart.intake.store import apply

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=3)
YES, NO = ConsentState.GRANTED, ConsentState.DENIED
REFUNDED = Reversal("refunded", ReversalKind.REFUND, happened_at=NOON + timedelta(hours=1))


def tell(db: Database, *changes: Change, now: datetime = NOW, shop: str = "velo") -> list[int]:
    with db.write() as connection:
        return sorted(apply(connection, shop, changes, now))


def rows(db: Database, table: Table) -> list[dict[str, Any]]:
    with db.read() as connection:
        found = connection.execute(table.select().order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def only(db: Database, table: Table) -> dict[str, Any]:
    (row,) = rows(db, table)
    return row


def order(minutes: int = 0, id_: str = "1001", **changes: Any) -> Order:
    """Ada's order as the shop saw it some minutes after noon."""
    version = Order(
        shop_order_id=id_,
        state=OrderState.COMPLETED,
        currency="EUR",
        total_minor=3000,
        placed_at=NOON,
        updated_at=NOON + timedelta(minutes=minutes),
        completed_at=NOON + timedelta(minutes=minutes),
        buyer=Buyer("77", "ada@example.com", "Ada", "fr-FR", "Europe/Paris", "FR"),
        lines=(OrderLine("BIKE", "Bike", 1, 2000), OrderLine("BELL", "Bell", 2, 500)),
        country="FR",
    )
    return replace(version, **changes)


def returned(key: str, sku: str, quantity: float | None = None) -> Reversal:
    return Reversal(key, ReversalKind.RETURN, sku, quantity, happened_at=NOON)
