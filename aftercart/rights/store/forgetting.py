"""Under which names somebody was forgotten: keyed hashes on the list of those who must not be mailed.

And which shops were erased, by name: a shop is nobody.

Who looks here and writes by what they found, and who begins to forget, take turns (`begin_forgetting`): else what was
taken in at that instant would stay.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, literal, select

from aftercart.db.among import among
from aftercart.db.chunks import chunks
from aftercart.db.session import insert_new
from aftercart.db.tables import customers, erased_shops, recipients, suppressions
from aftercart.policy import store as policy
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.suppression import SuppressionReason
from aftercart.rights.forgotten import ErasedShops, Forgotten, Name, text_of
from aftercart.rights.person import Person

NEVER = datetime.max.replace(tzinfo=UTC)
TURN = 0x65726173  # "eras"


def begin_forgetting(connection: Connection) -> None:
    """Wait for whoever has looked up who is forgotten to write what they take in; whoever comes later finds it kept.

    To be called before anything else is done in a transaction. On SQLite the write transaction is such a turn already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(TURN)))


def _hold_up_forgetting(connection: Connection) -> None:
    """Until the transaction ends nobody begins to forget; others may look as well."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock_shared(TURN)))


def keep_hashes(connection: Connection, person: Person, hashes: AddressHashes, source: str, now: datetime) -> None:
    """By hashes of their addresses and of shops' ids they are found again, as of now."""
    names = [*(("", email) for email in person.emails), *person.shop_customers]
    texts = [text_of(name) for name in names]
    known = sorted({hashed for text in texts for hashed in hashes.all_of(text)})
    for some in chunks(known):
        is_one = suppressions.c.email.in_(some) & (suppressions.c.reason == SuppressionReason.ERASED)
        connection.execute(delete(suppressions).where(is_one))
    policy.suppress(connection, [hashes.of(text) for text in texts], SuppressionReason.ERASED, source, now)


def keep_erased_shop(connection: Connection, shop: str, now: datetime) -> None:
    """From now on what it says of before names nobody."""
    insert_new(connection, erased_shops, [{"shop": shop, "at": now}], unique=("shop",), update=("at",))


def erased_shops_of(connection: Connection) -> ErasedShops:
    """All that there are: hardly ever one."""
    _hold_up_forgetting(connection)
    return ErasedShops({row.shop: row.at for row in connection.execute(select(erased_shops))})


def forgotten_among(connection: Connection, names: Iterable[Name], hashes: AddressHashes) -> Forgotten:
    """Which of these were forgotten; one query where none was."""
    _hold_up_forgetting(connection)
    asked = {hashed: name for name in sorted(set(names)) for hashed in hashes.all_of(text_of(name))}
    is_erased = suppressions.c.reason == SuppressionReason.ERASED
    query = select(suppressions.c.email, suppressions.c.at).where(is_erased)
    since: dict[Name, datetime] = {}
    for some in chunks(asked):
        for hashed, at in connection.execute(query.where(among(suppressions.c.email, some))):
            since[asked[hashed]] = max(at, since.get(asked[hashed], at))
    return Forgotten(since, frozenset(_begun_anew(connection, since))) if since else Forgotten()


def _begun_anew(connection: Connection, since: Mapping[Name, datetime]) -> Iterator[Name]:
    """Whoever is erased leaves no row under their name: one that was made since is of something new."""
    places = ((literal(""), recipients.c.email), (customers.c.shop, customers.c.shop_customer_id))
    for some in chunks(id_ for _, id_ in since):
        for shop, id_ in places:
            made = select(shop, id_, id_.table.c.created_at).where(among(id_, some))
            yield from ((of, one) for of, one, at in connection.execute(made) if since.get((of, one), NEVER) <= at)
