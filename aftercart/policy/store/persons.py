"""Several addresses, one person: since a shop's customer went from one to the other."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, or_, select

from aftercart.db.among import among
from aftercart.db.chunks import CHUNK, chunks
from aftercart.db.tables import recipients
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.store.people import suppressions_of
from aftercart.policy.suppression import Suppression, of_person


def persons_of(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, int]:
    """Recipient id → the id that stands for the person, for these recipients and the other addresses of theirs."""
    found: dict[int, int] = {}
    wanted = set(recipient_ids)
    while wanted:  # once, or twice where one of them was merged into another
        for ids in chunks(wanted, CHUNK // 2):
            rows = connection.execute(select(recipients.c.id, recipients.c.merged_into).where(_are_or_were(ids)))
            found |= {id_: id_ if into is None else into for id_, into in rows}
        wanted = set(found.values()) - found.keys()
    return found


def addresses_of(connection: Connection, persons: Mapping[int, int]) -> dict[int, str]:
    """The address of each recipient of `persons` (as `persons_of` gives it)."""
    found: dict[int, str] = {}
    for ids in chunks(persons):
        rows = connection.execute(select(recipients.c.id, recipients.c.email).where(among(recipients.c.id, ids)))
        found |= dict(rows.all())
    return found


def suppressions_of_persons(
    connection: Connection, persons: Mapping[int, int], addresses: Mapping[int, str], hashes: AddressHashes
) -> dict[int, tuple[Suppression, ...]]:
    """By recipient id: all entries of the address, and what was said of the person under another of theirs."""
    by_email = suppressions_of(connection, addresses.values(), hashes)
    theirs: dict[int, list[tuple[int, Suppression]]] = {}
    for id_, email in addresses.items():
        theirs.setdefault(persons[id_], []).extend((id_, entry) for entry in by_email.get(email, ()))
    return {
        id_: tuple(entry for whose, entry in theirs[persons[id_]] if whose == id_ or of_person(entry.reason))
        for id_ in addresses
    }


def lock_recipients(connection: Connection, recipient_ids: Iterable[int]) -> None:
    """Hold these people until the transaction ends, so that nobody else counts or takes their slots meanwhile; with
    all addresses of theirs.

    On PostgreSQL it must be a statement of its own: a count in the same statement would still read the snapshot from
    before the lock was granted. All lock in the order of the ids, so that two batches never wait for each other. On
    SQLite the write transaction is immediate and has the whole database to itself.
    """
    if connection.dialect.name != "postgresql":
        return
    wanted, held = set(recipient_ids), set[int]()
    while wanted:  # once, or twice where one of them was merged into another
        found: dict[int, int | None] = {}
        for ids in chunks(sorted(wanted), CHUNK // 2):
            columns = select(recipients.c.id, recipients.c.merged_into).where(_are_or_were(ids))
            # NO KEY UPDATE: a row elsewhere that refers to the person (a click, a decision) need not wait.
            rows = connection.execute(columns.order_by(recipients.c.id).with_for_update(key_share=True))
            found |= dict(rows.all())
        held |= wanted | found.keys()
        wanted = {into for into in found.values() if into is not None} - held


def _are_or_were(ids: Sequence[int]) -> ColumnElement[bool]:
    """These recipients, and those that were merged into them."""
    return or_(among(recipients.c.id, ids), among(recipients.c.merged_into, ids))
