"""What becomes of a person's rows when they are forgotten.

What counts stays, without a name: how many mails went, what they earned. What says who somebody is goes: addresses,
names, ids of the shop, free text, raw webhooks, evidence.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Table, bindparam, case, delete, func, select, update

from aftercart.consent.states import SKIP
from aftercart.consent.store.moves import moved
from aftercart.db.packing import packed, unpacked
from aftercart.db.tables import (
    address_moves,
    archives,
    attempts,
    clicks,
    confirmations,
    consents,
    copies,
    coupons,
    customers,
    decisions,
    doubts,
    enrollments,
    events,
    feedback,
    links,
    order_lines,
    order_notes,
    orders,
    outbox,
    outlets,
    preferences,
    recipients,
    refusals,
    senders,
    sends,
    suppressions,
)
from aftercart.policy.address_hash import AddressHashes
from aftercart.rights.person import ERASED, Person
from aftercart.rights.store.belongings import OF_A_PERSON
from aftercart.rights.store.forgetting import keep_hashes
from aftercart.rights.store.keys import hide, names

_GONE: tuple[Table, ...] = (address_moves, links, copies, doubts, consents, preferences, refusals, outbox, order_notes)
"""Tables of which a person's rows are deleted."""
_BLANK: Mapping[Table, Mapping[str, Any]] = {
    orders: {"region": "", "analytics_id": None},
    order_lines: {"title": ""},  # a mug with a name on it
    sends: {"subject": None},
    attempts: {"response": ""},
    clicks: {"user_agent": ""},
    feedback: {"words": ""},
    confirmations: {"response": ""},  # the row stays, so that a report that comes late is known as nobody's
    coupons: {"send_id": None},  # and given to nobody else
}
"""What is taken out of rows that stay."""
_BLANK_EVENT: Mapping[str, Any] = {"body": b"", "headers": {}, "error": None}


def erase_rows(
    connection: Connection, person: Person, event_ids: Collection[int], keys: Collection[str], hashes: AddressHashes
) -> None:
    """Take the person out of every table; `event_ids`: raw events that name them, beside those about their orders;
    `keys`: ids of shops that do.

    Their planned mails must have been canceled, and their suppressions replaced.
    """
    blank_events(connection, [*event_ids, *_event_ids(connection, person)])
    for archive in connection.execute(select(archives).where(OF_A_PERSON[archives](person))).all():
        changed = update(archives).where(archives.c.id == archive.id)
        connection.execute(changed.values(content=_nameless(archive.content, person, hashes)))
    _nameless_decisions(connection, person)
    for table, changes in _BLANK.items():
        connection.execute(update(table).where(OF_A_PERSON[table](person)).values(**changes))
    quoting = feedback.c.event_id.in_(sorted(event_ids))  # a report that names them, about a mail that nobody knows
    connection.execute(update(feedback).where(quoting).values(**_BLANK[feedback]))
    for table in _GONE:
        connection.execute(delete(table).where(OF_A_PERSON[table](person)))
    for table in (senders, outlets):
        for row in connection.execute(select(table.c.name, table.c.fault)).all():
            if person.is_named_in(row.fault):
                connection.execute(update(table).where(table.c.name == row.name).values(fault=""))
    nobody = {"first_name": "", "locale": "", "time_zone": "", "country": ""}
    _rename(connection, recipients, "email", sorted(person.recipient_ids), nobody)
    _rename(connection, customers, "shop_customer_id", sorted(person.customer_ids), {})
    hide(connection, keys, hashes)


def suppress_erased(connection: Connection, person: Person, hashes: AddressHashes, source: str, now: datetime) -> None:
    """Of their addresses and ids nothing is kept but that they must not be mailed, by hashes."""
    connection.execute(delete(suppressions).where(OF_A_PERSON[suppressions](person)))
    keep_hashes(connection, person, hashes, source, now)


def rekey_suppressions(connection: Connection, person: Person, hashes: AddressHashes) -> None:
    """Who had left, bounced or complained stays on the list, by a hash; nobody else comes onto it."""
    for email in sorted(person.emails):
        kept = {"email": hashes.of(email), "source": "erased"}
        connection.execute(update(suppressions).where(suppressions.c.email == email).values(**kept))


def active_enrollments(connection: Connection, person: Person) -> Sequence[Any]:
    """Enrollments (id, campaign, order_id) in which something is still planned for them."""
    columns = (enrollments.c.id, enrollments.c.campaign, enrollments.c.order_id)
    query = select(*columns).where(OF_A_PERSON[enrollments](person), enrollments.c.state == "active")
    return connection.execute(query.order_by(enrollments.c.id)).all()


def cancel_confirmations(connection: Connection, person: Person) -> None:
    """Nobody is asked to confirm who wants to be forgotten."""
    connection.execute(moved(SKIP).where(OF_A_PERSON[confirmations](person)).values(lease_until=None))


def detach_shop(connection: Connection, shop: str) -> None:
    """What is left of a shop's customers and orders belongs to people whom another shop knows: no longer here."""
    ids = list(connection.execute(select(customers.c.id).where(customers.c.shop == shop)).scalars())
    connection.execute(update(orders).where(orders.c.shop == shop).values(recipient_id=None, region=""))
    _rename(connection, customers, "shop_customer_id", ids, {})


def in_flight(connection: Connection, person: Person) -> int:
    """Mails that are being handed over this very moment: what comes of them is still to be written."""
    busy = (OF_A_PERSON[sends](person), sends.c.state == "sending")
    asking = (OF_A_PERSON[confirmations](person), confirmations.c.state == "sending")
    counts = (select(func.count()).select_from(t).where(*what) for t, what in ((sends, busy), (confirmations, asking)))
    return sum(connection.execute(count).scalar_one() for count in counts)


def is_erased(email: str) -> bool:
    """Whether what stands for an address is that of nobody any more."""
    return email.startswith(ERASED)


def blank_events(connection: Connection, ids: Iterable[int]) -> None:
    """Take the content out of raw events. The row stays, so that the same delivery is known when it comes again."""
    wanted = sorted(set(ids))
    if not wanted:
        return
    unreadable = case((events.c.state == "failed", "ignored"), else_=events.c.state)
    connection.execute(update(events).where(events.c.id.in_(wanted)).values(**_BLANK_EVENT, state=unreadable))


def _event_ids(connection: Connection, person: Person) -> list[int]:
    return list(connection.execute(select(events.c.id).where(OF_A_PERSON[events](person))).scalars())


def _nameless_decisions(connection: Connection, person: Person) -> None:
    rows = connection.execute(select(decisions.c.id, decisions.c.inputs).where(OF_A_PERSON[decisions](person))).all()
    if rows:
        statement = update(decisions).where(decisions.c.id == bindparam("row")).values(inputs=bindparam("left"))
        connection.execute(statement, [{"row": row.id, "left": _left_of(row.inputs)} for row in rows])


def _left_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What reports count: what kept a mail until it expired."""
    return {"erased": True, **({"because": inputs["because"]} if inputs.get("because") else {})}


def _nameless(content: bytes, person: Person, hashes: AddressHashes) -> bytes:
    """The same for what was archived."""
    rows = unpacked(content)
    blank = {table.name: changes for table, changes in _BLANK.items()} | {events.name: _BLANK_EVENT}
    gone = {table.name for table in _GONE}
    kept: dict[str, Sequence[Mapping[str, Any]]] = {}
    for name, of_table in rows.items():
        if name in gone:
            continue
        kept[name] = [{**row, **blank.get(name, {}), **_more(name, row, person, hashes)} for row in of_table]
    return packed(kept)


def _more(table: str, row: Mapping[str, Any], person: Person, hashes: AddressHashes) -> dict[str, Any]:
    if table == decisions.name:
        return {"inputs": _left_of(row["inputs"])}
    if table == events.name:
        keys = {name: row[name] or "" for name in ("delivery_key", "shop_order_id")}
        return {name: hashes.of(key) for name, key in keys.items() if names(person, key)}
    return {}


def _rename(connection: Connection, table: Table, column: str, ids: Sequence[int], more: Mapping[str, Any]) -> None:
    if ids:
        statement = update(table).where(table.c.id == bindparam("row")).values({column: bindparam("new"), **more})
        connection.execute(statement, [{"row": id_, "new": _nobody()} for id_ in ids])


def _nobody() -> str:
    return f"{ERASED}{uuid4()}"
