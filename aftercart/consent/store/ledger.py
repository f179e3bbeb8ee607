"""The ledger of what people said. Rows are only ever added; nothing but an erasure takes them out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from aftercart.consent.standing import ConsentRules, Entry, added, standing
from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.consent.store.confirmations import plan
from aftercart.db.persons import same_person
from aftercart.db.tables import consents, recipients

CHUNK = 500
"""Values in one IN list."""


def histories(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, list[Entry]]:
    """All that is known of each person. Who never said anything is missing."""
    found: defaultdict[int, list[Entry]] = defaultdict(list)
    for ids in _chunks(recipient_ids):
        rows = connection.execute(
            select(
                consents.c.recipient_id,
                consents.c.at,
                consents.c.state,
                consents.c.basis,
                consents.c.undated,
                consents.c.expires_at,
            )
            .where(consents.c.recipient_id.in_(ids))
            .order_by(consents.c.id)
        )
        for recipient_id, at, state, basis, undated, expires_at in rows:
            found[recipient_id].append(Entry(at, ConsentState(state), _basis(basis), undated, expires_at))
    return dict(found)


def standings(
    connection: Connection, persons: Mapping[int, int], now: datetime, rules: ConsentRules
) -> dict[int, ConsentState]:
    """How consent stands now, by recipient id. Who never said anything is missing.

    `persons`: recipient id → the id that stands for the person. What somebody said under any of their addresses is
    one history, and holds for all of them.
    """
    said: defaultdict[int, list[Entry]] = defaultdict(list)
    for id_, history in histories(connection, persons).items():
        said[persons[id_]] += history
    found = {person: standing(history, now, rules) for person, history in said.items()}
    return {id_: state for id_, person in persons.items() if (state := found.get(person)) is not None}


def record(
    connection: Connection,
    statements: Sequence[tuple[int, ConsentStatement]],
    now: datetime,
    rules: ConsentRules,
) -> dict[int, ConsentState]:
    """Add what people said, given by recipient id, to the ledger: what was new, by recipient id, the last of it.

    What is new is asked of all that the person said, under whichever address: an old yes of this one does not spare
    somebody who has left under another to confirm a new one. Who has to confirm their yes is sent one mail that asks.

    The people must be locked by the caller (as `record_consent` does), or two that speak at once do not see each other.
    """
    known = _known(connection, [id_ for id_, _ in statements])
    rows = []
    news: dict[int, ConsentState] = {}
    for recipient_id, statement in statements:
        entry = added(statement, known[recipient_id], now, rules)
        if entry is None:
            continue
        known[recipient_id].append(entry)
        news[recipient_id] = entry.state
        rows.append(
            {
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
        )
    if rows:
        connection.execute(consents.insert(), rows)
    plan(connection, [id_ for id_, state in news.items() if state is ConsentState.PENDING], now)
    return news


def _known(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, list[Entry]]:
    """By recipient id all that their person said; addresses of one person share one list."""
    mine, theirs = recipients.alias("mine"), recipients.alias("theirs")
    person = func.coalesce(mine.c.merged_into, mine.c.id)
    query = select(mine.c.id, person, theirs.c.id).where(same_person(mine, theirs))
    rows = [row for ids in _chunks(recipient_ids) for row in connection.execute(query.where(mine.c.id.in_(ids)))]
    said = histories(connection, [other for _, _, other in rows])
    found: defaultdict[int, list[Entry]] = defaultdict(list)
    for who, other in sorted({(who, other) for _, who, other in rows}):
        found[who] += said.get(other, ())
    return {id_: found[who] for id_, who, _ in rows}


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


def _basis(word: str) -> Basis:
    """A word that this version does not know says nothing."""
    return Basis(word) if word in _BASES else Basis.UNSTATED


_BASES = frozenset(Basis)


def _chunks(ids: Iterable[int]) -> Iterator[Sequence[int]]:
    unique = list(dict.fromkeys(ids))
    return (unique[start : start + CHUNK] for start in range(0, len(unique), CHUNK))
