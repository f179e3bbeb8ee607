"""What shops tell of orders beside their versions: support cases, deliveries."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from aftercart.db.session import insert_new
from aftercart.db.tables import order_notes, orders
from aftercart.intake.changes import NoteKind, OrderNoted
from aftercart.intake.store.rows import fetch


def keep_notes(connection: Connection, shop: str, notes: Sequence[OrderNoted], now: datetime) -> set[int]:
    """Keep notes, of each kind and key the newest; the ids of their orders that are here and may mail.

    Of a delivery the first word counts. A note that comes late changes nothing, and one about an order that is not here
    yet waits for it.
    """
    if not notes:
        return set()
    held = _held(connection, shop, {note.shop_order_id for note in notes})
    newest: dict[tuple[str, str, str], datetime] = {}
    for note in notes:
        key = (note.shop_order_id, note.kind, note.key)
        at = note.at or now
        known = newest.get(key, held.get(key))
        if known is None or (at < known if note.kind is NoteKind.DELIVERED else at > known):
            newest[key] = at
    rows = [
        {"shop": shop, "shop_order_id": order_id, "kind": kind, "note_key": key, "at": at}
        for (order_id, kind, key), at in sorted(newest.items())
    ]
    unique = ("shop", "shop_order_id", "kind", "note_key")
    insert_new(connection, order_notes, rows, unique=unique, update=("at",))
    return _orders(connection, shop, {order_id for order_id, _, _ in newest})


def _held(connection: Connection, shop: str, about: set[str]) -> dict[tuple[str, str, str], datetime]:
    statement = select(order_notes).where(order_notes.c.shop == shop)
    rows = fetch(connection, statement, order_notes.c.shop_order_id, sorted(about))
    return {(row["shop_order_id"], row["kind"], row["note_key"]): row["at"] for row in rows}


def _orders(connection: Connection, shop: str, about: set[str]) -> set[int]:
    statement = select(orders.c.id).where(orders.c.shop == shop, ~orders.c.imported)
    return {row["id"] for row in fetch(connection, statement, orders.c.shop_order_id, sorted(about))}
