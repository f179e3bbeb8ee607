"""What recipients choose on their preference page: read for it, and kept.

Who wants mail about no topic at all has left. Who has left and chooses a topic has come back: that is a yes of their
own, and is kept as one. Whoever says that they leave altogether is believed, however it stands: what stops their mail
now may be lifted later. Nothing that was said about the address by others (it bounced, a complaint) is undone here.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, func, select, update

from aftercart.db.session import Database, insert_new
from aftercart.db.tables import orders, picks, preferences, products, recipients, refusals, sends
from aftercart.pipeline.planning.own import OWN_LOCALE, OWN_TIME_ZONE
from aftercart.pipeline.recipients.permission import (
    Permission,
    Terms,
    come_back,
    leave,
    leave_topic,
    lock,
    note_leaving,
    permission,
    want_topic,
)
from aftercart.pipeline.recipients.refuse import refuse, take_back
from aftercart.policy import store as policy
from aftercart.policy.preferences import Choice, Pace, RefusalKind, RefusalWhy, Refused, worth_keeping
from aftercart.policy.suppression import SuppressionReason
from aftercart.rights.store import is_erased

Topics = Callable[[str], Collection[str]]
"""For the topic of a mail (or an empty string): all topics that can be chosen, that one among them."""


@dataclass(frozen=True, slots=True)
class Product:
    """Something that the person may refuse, or has refused: a category, or a single product."""

    refused: Refused
    title: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whose preference page it is, and all that it shows. `locale`, `time_zone`: those in force, whoever set them."""

    recipient_id: int
    email: str
    locale: str
    time_zone: str
    known_locale: str
    """As the shop says, like `known_time_zone`."""
    known_time_zone: str
    country: str
    """Where the order of the mail that led here went, like `region`; else as the shop says of the person."""
    region: str
    topic: str
    """That of the mail that led here; empty where it is not kept."""
    blocked_for: SuppressionReason | None
    products: tuple[Product, ...]
    choice: Choice


@dataclass(frozen=True, slots=True)
class Posted:
    """What somebody posted from their page, and what proves a yes in it, as it proves that of a form."""

    choose: Callable[[Person], Choice]
    """What it makes of the person as they stand."""
    wording: Callable[[Person, Choice], str]
    """What the page asked such a person who then chose so."""
    ip: str
    at: datetime
    leaves: bool = False
    """They leave altogether."""


def find_person(
    db: Database, recipient_id: int, send_id: UUID, topics: Topics, terms: Terms, now: datetime
) -> Person | None:
    """The person as they stand; changes nothing. None: we do not know them."""
    with db.read() as connection:
        return _person(connection, recipient_id, send_id, topics, terms, now)


def keep_choice(
    connection: Connection,
    recipient_id: int,
    send_id: UUID,
    posted: Posted,
    topics: Topics,
    terms: Terms,
) -> tuple[Person, Person] | None:
    """The person before and after; from this commit on it is as they posted. Doing it again changes nothing."""
    now = posted.at
    if lock(connection, recipient_id) is None:
        return None
    before = _person(connection, recipient_id, send_id, topics, terms, now)
    if before is None:
        return None
    offered = {product.refused for product in before.products}
    wanted = posted.choose(before)
    wanted = replace(wanted, refused=wanted.refused & offered)
    way = f"preferences:{send_id}"
    if posted.leaves:
        leave(connection, recipient_id, before.email, way, now)
    elif before.blocked_for is None and wanted.topics != before.choice.topics:
        _keep_topics(connection, before, wanted, topics(before.topic), posted, way)
    refuse(connection, recipient_id, wanted.refused - before.choice.refused, RefusalWhy.LESS_LIKE_THIS, now)
    take_back(connection, recipient_id, before.choice.refused - wanted.refused)
    _keep_preferences(connection, recipient_id, wanted, now)
    after = _person(connection, recipient_id, send_id, topics, terms, now)
    return (before, after) if after else None


def _keep_topics(
    connection: Connection, person: Person, wanted: Choice, topics: Collection[str], posted: Posted, way: str
) -> None:
    chosen, now = set(wanted.topics) & set(topics), posted.at
    if not chosen:
        leave(connection, person.recipient_id, person.email, way, now)
        return
    if not person.choice.topics:
        wording = posted.wording(person, wanted)
        come_back(connection, person.recipient_id, way, now, wording=wording, ip=posted.ip)
    want_topic(connection, person.recipient_id, chosen)
    leave_topic(connection, person.recipient_id, person.email, set(topics) - chosen, way, now)
    if person.choice.topics - chosen:  # another one that was off before, or all were, makes nobody leave
        note_leaving(connection, way, now)


def _keep_preferences(connection: Connection, recipient_id: int, wanted: Choice, now: datetime) -> None:
    """Language and time zone belong to this address; how often, and a break, hold for all addresses of the person."""
    rhythm = {"at_most": wanted.at_most, "snoozed_until": worth_keeping(wanted.snoozed_until, now)}
    chosen = {"locale": wanted.locale, "time_zone": wanted.time_zone, **rhythm, "updated_at": now}
    row = {"recipient_id": recipient_id, **chosen}
    insert_new(connection, preferences, [row], unique=("recipient_id",), update=tuple(chosen))
    others = preferences.c.recipient_id.in_(list(policy.persons_of(connection, [recipient_id])))
    connection.execute(update(preferences).where(others).values(**rhythm))


_PERSON = (
    select(
        recipients.c.email,
        func.coalesce(func.nullif(orders.c.country, ""), recipients.c.country).label("country"),
        func.coalesce(orders.c.region, "").label("region"),
        recipients.c.locale.label("known_locale"),
        recipients.c.time_zone.label("known_zone"),
        OWN_LOCALE.label("own_locale"),
        OWN_TIME_ZONE.label("own_zone"),
        preferences.c.locale,
        preferences.c.time_zone,
        func.coalesce(sends.c.topic, "").label("topic"),
    )
    .outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
    .outerjoin(sends, and_(sends.c.id == bindparam("send"), sends.c.recipient_id == recipients.c.id))
    .outerjoin(orders, orders.c.id == sends.c.order_id)
    .where(recipients.c.id == bindparam("recipient"))
)


def _person(
    connection: Connection, recipient_id: int, send_id: UUID, topics: Topics, terms: Terms, now: datetime
) -> Person | None:
    row = connection.execute(_PERSON, {"recipient": recipient_id, "send": send_id}).one_or_none()
    if row is None or is_erased(row.email):
        return None
    standing = permission(connection, recipient_id, terms, now)
    theirs = policy.persons_of(connection, [recipient_id])
    shown, refused = _products(connection, recipient_id, theirs, send_id)
    pace, snoozed_until = _rhythm(connection, theirs)
    return Person(
        recipient_id=recipient_id,
        email=row.email,
        locale=row.own_locale,
        time_zone=row.own_zone,
        known_locale=row.known_locale,
        known_time_zone=row.known_zone,
        country=row.country,
        region=row.region,
        topic=row.topic,
        blocked_for=standing.blocked_for,
        products=shown,
        choice=Choice(
            topics=_wanted(standing, topics(row.topic)),
            at_most=pace,
            snoozed_until=worth_keeping(snoozed_until, now),
            locale=row.locale or "",
            time_zone=row.time_zone or "",
            refused=refused,
        ),
    )


def _wanted(standing: Permission, topics: Collection[str]) -> frozenset[str]:
    return frozenset(topics) - standing.topics_left if standing.may_market else frozenset()


def _rhythm(connection: Connection, theirs: Collection[int]) -> tuple[Pace, datetime | None]:
    """How often at most, and not before when: the strictest that they chose under any of their addresses."""
    columns = select(preferences.c.at_most, preferences.c.snoozed_until)
    rows = connection.execute(columns.where(preferences.c.recipient_id.in_(list(theirs)))).all()
    pace = max((Pace(row.at_most) for row in rows), key=list(Pace).index, default=Pace.ANY)
    return pace, max((row.snoozed_until for row in rows if row.snoozed_until), default=None)


def _products(
    connection: Connection, recipient_id: int, theirs: Collection[int], send_id: UUID
) -> tuple[tuple[Product, ...], frozenset[Refused]]:
    """What the mail offered, by category, and everything that the person refused; of both, what is refused."""
    own = sends.c.recipient_id == recipient_id
    categories = (
        select(products.c.category)
        .join(picks, picks.c.sku == products.c.sku)
        .join(sends, sends.c.id == picks.c.send_id)
        .where(picks.c.send_id == send_id, own, products.c.category != "")
        .order_by(picks.c.slot)
    )
    offered = [Refused(RefusalKind.CATEGORY, name) for name in connection.execute(categories).scalars()]
    query = (
        select(refusals.c.kind, refusals.c.value, products.c.title)
        .outerjoin(products, and_(refusals.c.kind == RefusalKind.SKU, products.c.sku == refusals.c.value))
        .where(refusals.c.recipient_id.in_(list(theirs)))
        .order_by(refusals.c.id)
    )
    titles = {Refused(RefusalKind(kind), value): title or value for kind, value, title in connection.execute(query)}
    refused = frozenset(titles)
    in_order = dict.fromkeys([*offered, *titles])
    return tuple(Product(one, titles.get(one, one.value)) for one in in_order), refused
