"""A recipient says of a pick "less like this" or "I already have it", and is not offered it any more."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, delete, func, select

from aftercart.db.among import among
from aftercart.db.persons import same_person
from aftercart.db.session import Database, insert_new
from aftercart.db.tables import picks, preferences, products, recipients, refusals, sends
from aftercart.pipeline.planning.own import OWN_LOCALE
from aftercart.pipeline.recipients.permission import lock
from aftercart.policy.preferences import RefusalKind, RefusalWhy, Refused
from aftercart.policy.store import persons_of
from aftercart.rights.store import is_erased


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody says about a pick of a mail."""

    recipient_id: int
    send_id: UUID
    slot: int
    why: RefusalWhy
    at: datetime
    undo: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """A pick, the language of whom it was offered to, and whether they have refused it. `category`: empty for none."""

    locale: str
    sku: str
    title: str
    category: str
    is_refused: bool


def find_offered(db: Database, wish: Wish) -> Offered | None:
    """The pick that somebody speaks of; changes nothing. None: it is no longer kept, or its person is erased."""
    with db.read() as connection:
        return _offered(connection, wish)


def keep_wish(connection: Connection, wish: Wish) -> Offered | None:
    """The product, or with "less like this" its category too, is not offered any more, or again with `undo`.

    Doing it again changes nothing. None: the pick is no longer kept, or its person is erased.
    """
    lock(connection, wish.recipient_id)
    offered = _offered(connection, wish)
    if offered is None:
        return None
    if wish.undo:
        take_back(connection, wish.recipient_id, _meant(offered, wish.why))
    else:
        refuse(connection, wish.recipient_id, _meant(offered, wish.why), wish.why, wish.at)
    return replace(offered, is_refused=not wish.undo)


def refuse(
    connection: Connection, recipient_id: int, wanted: Collection[Refused], why: RefusalWhy, now: datetime
) -> None:
    """From this commit on the person is offered none of these. What they refused before stays as it is."""
    rows = [
        {"recipient_id": recipient_id, "kind": one.kind, "value": one.value, "why": why, "at": now}
        for one in sorted(wanted)
    ]
    insert_new(connection, refusals, rows, unique=("recipient_id", "kind", "value"))


def take_back(connection: Connection, recipient_id: int, wanted: Collection[Refused]) -> None:
    """These may be offered again, under whichever address they were refused."""
    theirs = list(persons_of(connection, [recipient_id])) if wanted else []
    for one in sorted(wanted):
        itself = (refusals.c.kind == one.kind) & (refusals.c.value == one.value)
        connection.execute(delete(refusals).where(refusals.c.recipient_id.in_(theirs), itself))


def refused_by(connection: Connection, persons: Mapping[int, int]) -> Mapping[int, frozenset[Refused]]:
    """What each of these people refused, by recipient id. Who refused nothing is missing.

    `persons`: recipient id → the id that stands for the person. What they refused under one address holds for all.
    """
    found: defaultdict[int, set[Refused]] = defaultdict(set)
    table = refusals.c
    query = select(table.recipient_id, table.kind, table.value).where(among(table.recipient_id, persons))
    for recipient_id, kind, value in connection.execute(query):
        found[persons[recipient_id]].add(Refused(RefusalKind(kind), value))
    return {id_: frozenset(found[person]) for id_, person in persons.items() if person in found}


def _meant(offered: Offered, why: RefusalWhy) -> set[Refused]:
    meant = {Refused(RefusalKind.SKU, offered.sku)}
    if why is RefusalWhy.LESS_LIKE_THIS and offered.category:
        meant.add(Refused(RefusalKind.CATEGORY, offered.category))
    return meant


def _offered(connection: Connection, wish: Wish) -> Offered | None:
    itself = (refusals.c.kind == RefusalKind.SKU) & (refusals.c.value == picks.c.sku)
    if wish.why is RefusalWhy.LESS_LIKE_THIS:  # a product may be refused without its category
        whole = (refusals.c.kind == RefusalKind.CATEGORY) & (refusals.c.value == products.c.category)
        itself = whole | (itself & (func.coalesce(products.c.category, "") == ""))
    theirs = recipients.alias("theirs")  # refused under any address of theirs
    by_person = (refusals.c.recipient_id == theirs.c.id) & same_person(recipients, theirs)
    is_refused = select(refusals.c.id).where(by_person, itself).exists()
    query = (
        select(
            recipients.c.email,
            OWN_LOCALE,
            picks.c.sku,
            picks.c.title,
            func.coalesce(products.c.category, ""),
            is_refused,
        )
        .join(picks, picks.c.send_id == sends.c.id)
        .join(recipients, recipients.c.id == sends.c.recipient_id)
        .outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
        .outerjoin(products, products.c.sku == picks.c.sku)
        .where(sends.c.id == wish.send_id, sends.c.recipient_id == wish.recipient_id, picks.c.slot == wish.slot)
    )
    found = connection.execute(query).one_or_none()
    return Offered(*found[1:]) if found and not is_erased(found.email) else None
