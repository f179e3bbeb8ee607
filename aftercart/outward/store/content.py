"""What there is to say of what is due: read when it is told for the first time."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, select

from aftercart.db.persons import same_person
from aftercart.db.tables import attributions, clicks, customers, links, orders, recipients, sends
from aftercart.outward.happening import Happening
from aftercart.outward.subject import Credit, Due, Mail, Subject
from aftercart.rights.person import ERASED


def subjects(connection: Connection, due: Collection[Due]) -> dict[UUID, Subject]:
    """By the id of what is due. Missing: what nobody is to hear (any more) — a click that turned out to be a machine's,
    a credit that was taken back, somebody who was erased."""
    emails = _emails(connection, {one.recipient_id for one in due})
    mails = _mails(connection, {one.send_id for one in due if one.send_id})
    urls = _urls(connection, _about(due, Happening.LINK_CLICKED))
    credits_ = _credits(connection, _about(due, Happening.ORDER_CREDITED))
    people = _customers(connection, {d.recipient_id for d in due if d.happening is Happening.PERSON_UNSUBSCRIBED})
    found: dict[UUID, Subject] = {}
    for one in due:
        email, mail = emails.get(one.recipient_id, ERASED), mails.get(one.send_id) if one.send_id else None
        if email.startswith(ERASED):
            continue
        match one.happening:
            case Happening.MAIL_SENT | Happening.MAIL_DELIVERED if mail:
                found[one.id] = Subject(email, mail)
            case Happening.LINK_CLICKED if mail and one.about_id in urls:
                found[one.id] = Subject(email, mail, url=urls[one.about_id])
            case Happening.ORDER_CREDITED if mail and one.about_id in credits_:
                found[one.id] = Subject(email, mail, credit=credits_[one.about_id])
            case Happening.PERSON_UNSUBSCRIBED:
                found[one.id] = Subject(email, mail, customers=people[one.recipient_id])
            case _:
                pass
    return found


def _about(due: Collection[Due], happening: Happening) -> set[int]:
    return {one.about_id for one in due if one.happening is happening and one.about_id is not None}


def _emails(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    query = select(recipients.c.id, recipients.c.email).where(recipients.c.id.in_(ids))
    return dict(connection.execute(query).all())


def _mails(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Mail]:
    query = (
        select(
            sends.c.id,
            sends.c.campaign,
            sends.c.step,
            sends.c.topic,
            orders.c.shop,
            orders.c.shop_order_id,
            customers.c.shop_customer_id,
            orders.c.analytics_id,
        )
        .join(orders, orders.c.id == sends.c.order_id)
        .outerjoin(customers, customers.c.id == orders.c.customer_id)
        .where(sends.c.id.in_(ids))
    )
    return {id_: Mail(*rest) for id_, *rest in connection.execute(query)} if ids else {}


def _urls(connection: Connection, ids: Collection[int]) -> dict[int | None, str]:
    """Of clicks that are still taken for a person's."""
    of_click = and_(links.c.send_id == clicks.c.send_id, links.c.position == clicks.c.position)
    query = select(clicks.c.id, links.c.url).join(links, of_click)
    theirs = query.where(clicks.c.id.in_(ids), clicks.c.verdict == "human")
    return dict(connection.execute(theirs).all()) if ids else {}


def _credits(connection: Connection, ids: Collection[int]) -> dict[int | None, Credit]:
    query = (
        select(
            attributions.c.id,
            attributions.c.model,
            orders.c.shop,
            orders.c.shop_order_id,
            orders.c.placed_at,
            attributions.c.amount_minor - attributions.c.reversed_minor,
            attributions.c.currency,
        )
        .join(orders, orders.c.id == attributions.c.order_id)
        .where(attributions.c.id.in_(ids))
    )
    rows: Any = connection.execute(query) if ids else ()
    return {id_: Credit(*rest) for id_, *rest in rows}


def _customers(connection: Connection, ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """Of each of these people, whichever address of theirs a shop knows them by."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    if not ids:
        return found
    theirs = recipients.alias("theirs")
    query = (
        select(recipients.c.id, customers.c.shop, customers.c.shop_customer_id)
        .join(theirs, same_person(recipients, theirs))
        .join(customers, customers.c.recipient_id == theirs.c.id)
        .where(recipients.c.id.in_(ids))
        .order_by(customers.c.id)
    )
    for id_, shop, customer_id in connection.execute(query):
        found[id_].append((shop, customer_id))
    return found
