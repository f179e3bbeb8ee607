"""Numbers that shops make of an address: "ada@example.com-17". The address goes, and the number is still known again.

Of such an order, refund or delivery a keyed hash is kept, as of an address that was erased. Whatever a shop says of it
later is looked up by the hash.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Column, Connection, Table, or_, select, tuple_, update

from aftercart.db.chunks import chunks
from aftercart.db.tables import erased_shops, events, order_notes, order_reversals, orders, recipients
from aftercart.policy.address_hash import AddressHashes
from aftercart.rights.person import ERASED, Person

PAIRS = 200
"""In one IN list."""
Key = tuple[str, str]
"""A shop, and an id of its own."""
_COLUMNS: Sequence[tuple[Table, Column[Any]]] = (
    (orders, orders.c.shop_order_id),
    (order_reversals, order_reversals.c.shop_order_id),
    (order_reversals, order_reversals.c.reversal_key),
    (order_notes, order_notes.c.shop_order_id),
    (order_notes, order_notes.c.note_key),
    (events, events.c.shop_order_id),
    (events, events.c.delivery_key),
)
_AT = ("@", "%40")
"""How the sign that every address has may be written in an id."""


def may_name_somebody(key: str) -> bool:
    """Whether an address may stand in it: cheap, and nearly always no."""
    return any(at in key for at in _AT)


def names(person: Person, key: str) -> bool:
    """Whether an address of theirs stands in it."""
    return may_name_somebody(key) and person.is_named_in(unquote(key))


def named_keys(connection: Connection, person: Person) -> frozenset[str]:
    """All ids of shops in which an address of theirs stands."""
    found: set[str] = set()
    for table, column in _COLUMNS:
        named = or_(*(column.contains(at, autoescape=True) for at in _AT))
        found |= set(connection.execute(select(column).where(named).distinct().select_from(table)).scalars())
    return frozenset(key for key in found if names(person, key))


def hide(connection: Connection, keys: Collection[str], hashes: AddressHashes) -> None:
    """Keep of these ids nothing but a hash, wherever they stand."""
    for key in sorted(keys):
        for table, column in _COLUMNS:
            connection.execute(update(table).where(column == key).values({column: hashes.of(key)}))


def kept_as(connection: Connection, keys: Collection[Key], hashes: AddressHashes) -> Mapping[Key, str]:
    """Of these ids those of which only a hash is kept, and that."""
    named = [(shop, key) for shop, key in keys if may_name_somebody(key)]
    hashed = {(shop, kept): (shop, key) for shop, key in named for kept in hashes.all_of(key)}
    found: dict[Key, str] = {}
    for some in chunks(sorted(hashed), PAIRS):
        for table, column in _COLUMNS:
            there = select(table.c.shop, column).where(tuple_(table.c.shop, column).in_(some))
            found |= {hashed[shop, kept]: kept for shop, kept in connection.execute(there)}
    return found


def forgotten_orders(connection: Connection, ids: Collection[Key]) -> frozenset[Key]:
    """Of these orders those whose person was erased, or the shop after they were placed."""
    found: set[Key] = set()
    query = (
        select(orders.c.shop, orders.c.shop_order_id)
        .outerjoin(recipients, recipients.c.id == orders.c.recipient_id)
        .outerjoin(erased_shops, erased_shops.c.shop == orders.c.shop)
        .where(or_(recipients.c.email.startswith(ERASED, autoescape=True), orders.c.placed_at <= erased_shops.c.at))
    )
    for some in chunks(sorted(ids), PAIRS):
        theirs = tuple_(orders.c.shop, orders.c.shop_order_id).in_(some)
        found |= {(row.shop, row.shop_order_id) for row in connection.execute(query.where(theirs))}
    return frozenset(found)
