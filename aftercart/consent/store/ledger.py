"""The ledger of what people said. Rows are only ever added; nothing but an erasure takes them out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from aftercart.consent.standing import ConsentRules, Entry, added, heard, standing
from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.consent.store.confirmations import plan
from aftercart.db.among import among_given
from aftercart.db.chunks import chunks
from aftercart.db.persons import same_person
from aftercart.db.tables import address_moves, consents, customers, recipients

_ENTRIES = (
    select(
        consents.c.recipient_id,
        consents.c.at,
        consents.c.state,
        consents.c.basis,
        consents.c.undated,
        consents.c.expires_at,
    )
    .where(among_given(consents.c.recipient_id, "recipient_ids"))
    .order_by(consents.c.id)
)


def histories(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, list[Entry]]:
    """All that is known of each person. Who never said anything is missing."""
    found: defaultdict[int, list[Entry]] = defaultdict(list)
    for ids in chunks(recipient_ids):
        rows = connection.execute(_ENTRIES, {"recipient_ids": ids}).all()
        for recipient_id, at, state, basis, undated, expires_at in rows:
            found[recipient_id].append(Entry(at, ConsentState(state), Basis.of(basis), undated, expires_at))
    return dict(found)


def standings(
    connection: Connection, persons: Mapping[int, int], now: datetime, rules: ConsentRules
) -> dict[int, ConsentState]:
    """How consent stands now, by recipient id. Who never said anything is missing.

    `persons`: recipient id → the id that stands for the person. A no that somebody said under any of their addresses
    holds for all of them, a yes only for some (see `heard`).
    """
    said: defaultdict[int, list[tuple[int, Entry]]] = defaultdict(list)
    for id_, history in histories(connection, persons).items():
        said[persons[id_]] += ((id_, entry) for entry in history)
    left = _left_before(connection, [id_ for id_, person in persons.items() if person in said])
    found = {
        id_: standing(heard(said[person], id_, left.get(id_, {})), now, rules)
        for id_, person in persons.items()
        if person in said
    }
    return {id_: state for id_, state in found.items() if state is not None}


def _left_before(connection: Connection, recipient_ids: Iterable[int]) -> Mapping[int, Mapping[int, datetime]]:
    """By address: the addresses that customers' own records left before they came to it, and when each was left."""
    found: defaultdict[int, dict[int, datetime]] = defaultdict(dict)
    query = (
        select(customers.c.recipient_id, address_moves.c.recipient_id, func.max(address_moves.c.at))
        .join(address_moves, address_moves.c.customer_id == customers.c.id)
        .group_by(customers.c.recipient_id, address_moves.c.recipient_id)
    )
    for ids in chunks(recipient_ids):
        for address, before, at in connection.execute(query.where(customers.c.recipient_id.in_(ids))):
            found[address][before] = at
    return found


def record(
    connection: Connection,
    statements: Sequence[tuple[int, ConsentStatement]],
    now: datetime,
    rules: ConsentRules,
) -> dict[int, ConsentState]:
    """Add what people said, given by recipient id, to the ledger. Returns the last new state of each recipient.

    Whether something is new depends on all that counts for the address (see `heard`): an old yes at this address does
    not spare somebody who has left under another one from confirming a new yes. Whoever has to confirm their yes is
    sent one mail that asks.

    The caller must have locked the people (as `record_consent` does), or two who speak at once do not see each other.
    """
    person = _persons(connection, [id_ for id_, _ in statements])
    said = _said(connection, person)
    left = _left_before(connection, [id_ for id_, _ in statements])
    rows = []
    news: dict[int, ConsentState] = {}
    for recipient_id, statement in statements:
        who = person[recipient_id]
        entry = added(statement, heard(said[who], recipient_id, left.get(recipient_id, {})), now, rules)
        if entry is None:
            continue
        said[who].append((recipient_id, entry))
        news[recipient_id] = entry.state
        rows.append(_row(recipient_id, statement, entry, now))
    if rows:
        connection.execute(consents.insert(), rows)
    plan(connection, [id_ for id_, state in news.items() if state is ConsentState.PENDING], now)
    return news


def _row(recipient_id: int, statement: ConsentStatement, entry: Entry, now: datetime) -> dict[str, object]:
    return {
        "recipient_id": recipient_id,
        "state": entry.state,
        "basis": entry.basis,
        "source": statement.source,
        "wording": statement.wording,
        "ip": statement.ip,
        "at": entry.at,
        "undated": entry.undated,
        "expires_at": entry.expires_at,
        "recorded_at": now,
    }


def _persons(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, int]:
    """Recipient id → the id that stands for the person, of these and of all other addresses of theirs."""
    mine, theirs = recipients.alias("mine"), recipients.alias("theirs")
    person = func.coalesce(mine.c.merged_into, mine.c.id).label("person")
    query = select(theirs.c.id, person).where(same_person(mine, theirs))
    asked = (query.where(mine.c.id.in_(ids)) for ids in chunks(recipient_ids))
    return {row.id: row.person for one in asked for row in connection.execute(one)}


def _said(connection: Connection, person: Mapping[int, int]) -> defaultdict[int, list[tuple[int, Entry]]]:
    """By the id that stands for the person what they said, and under which address."""
    found: defaultdict[int, list[tuple[int, Entry]]] = defaultdict(list)
    for id_, history in sorted(histories(connection, person).items()):
        found[person[id_]] += ((id_, entry) for entry in history)
    return found


def record_consent(
    connection: Connection,
    recipient_id: int,
    statement: ConsentStatement,
    now: datetime,
) -> ConsentState | None:
    """Add what one person said on a page of their own, to which only a mail to them leads, so that nothing is left to
    confirm; the state that was added, None if it was known.

    The person is held until the transaction ends.
    """
    lock_person(connection, recipient_id)
    return record(connection, [(recipient_id, statement)], now, ConsentRules()).get(recipient_id)


def lock_person(connection: Connection, recipient_id: int) -> str | None:
    """Hold a person until the transaction ends; their address. None: there is nobody."""
    query = select(recipients.c.email).where(recipients.c.id == recipient_id).with_for_update(key_share=True)
    email: str | None = connection.execute(query).scalar_one_or_none()
    return email
