"""Why did Ada get this mail, or not get it? All that was decided about an order, a send or a person, in order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, select

from aftercart.db.persons import same_person
from aftercart.db.tables import (
    events,
    orders,
    recipients,
    sends,
)
from aftercart.intake.clean import clean_email
from aftercart.policy.reason import Reason
from aftercart.reports.chosen import chosen
from aftercart.reports.expiry import kept_by
from aftercart.reports.moment import Moment
from aftercart.reports.offered import offered
from aftercart.reports.order_moments import order_moments
from aftercart.reports.people import person_moments
from aftercart.reports.words import answer_in_words

LARGEST = 50
"""Orders shown of one person, newest first."""
KINDS = (
    "order",
    "event",
    "reversal",
    "enroll",
    "gate",
    "sender",
    "pick",
    "attempt",
    "feedback",
    "click",
    "leave",
    "operator",
    "attribution",
)
"""The kinds of moments of an order, as they follow one another where they bear the same time."""


@dataclass(frozen=True, slots=True)
class SendStory:
    """A planned mail as it stands now."""

    send_id: str
    campaign: str
    step: str
    state: str
    reason: str | None
    sentence: str
    due_at: datetime
    sent_at: datetime | None
    config_version: str
    configuration: str | None
    """Under which version of its campaign, and of campaigns, brand file and templates together, it was decided."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        sent_at = self.sent_at.isoformat() if self.sent_at else None
        return {**asdict(self), "due_at": self.due_at.isoformat(), "sent_at": sent_at}


@dataclass(frozen=True, slots=True)
class OrderStory:
    """One order and all that came of it, oldest first."""

    shop: str
    order_id: str
    state: str
    imported: bool
    email: str | None
    sends: tuple[SendStory, ...]
    moments: tuple[Moment, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        of_sends = [send.plain() for send in self.sends]
        return {**asdict(self), "sends": of_sends, "moments": [moment.plain() for moment in self.moments]}


@dataclass(frozen=True, slots=True)
class PersonStory:
    """What a person has told us, was asked and was offered: consents, confirmations, suppressions, what they chose and
    refused, products; oldest first."""

    email: str
    moments: tuple[Moment, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"email": self.email, "moments": [moment.plain() for moment in self.moments]}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. Empty if nothing goes by that name."""

    orders: tuple[OrderStory, ...] = ()
    people: tuple[PersonStory, ...] = ()
    events: tuple[Moment, ...] = ()
    """Webhooks about an order that never became one."""

    def __bool__(self) -> bool:
        return bool(self.orders or self.people or self.events)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "orders": [order.plain() for order in self.orders],
            "people": [person.plain() for person in self.people],
            "events": [event.plain() for event in self.events],
        }


def explain(connection: Connection, name: str) -> Explanation:
    """Explain what goes by `name`: a send id, an e-mail address, or a shop's order id."""
    name = name.strip()
    # Shops number their orders as they like, with UUIDs too: what is no send may still be an order.
    return _about_send(connection, name) or _about_person(connection, name) or _about_order(connection, name)


def _about_send(connection: Connection, name: str) -> Explanation:
    send_id = _uuid(name)
    if send_id is None:
        return Explanation()
    rows = _orders(connection, orders.c.id.in_(select(sends.c.order_id).where(sends.c.id == send_id)))
    return Explanation(orders=_stories(connection, rows, only_send=send_id))


def _about_order(connection: Connection, name: str) -> Explanation:
    rows = _orders(connection, orders.c.shop_order_id == name)
    return Explanation(orders=_stories(connection, rows), events=() if rows else _events(connection, name))


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name) if len(name) >= 32 else None
    except ValueError:
        return None


def _orders(connection: Connection, condition: ColumnElement[bool]) -> list[dict[str, Any]]:
    query = (
        select(orders, recipients.c.email)
        .outerjoin(recipients, recipients.c.id == orders.c.recipient_id)
        .where(condition)
        .order_by(orders.c.placed_at.desc())
        .limit(LARGEST)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _about_person(connection: Connection, name: str) -> Explanation:
    if "@" not in name:
        return Explanation()
    email = clean_email(name) or name.lower()  # as it was taken in: jörg@exämple.de is kept with xn--exmple-cua.de
    rows = _orders(connection, recipients.c.email == email)
    stories = [_person(connection, address) for address in (email, *_other_addresses(connection, email))]
    people = tuple(story for story in stories if story.moments)
    if not rows and not people:
        return Explanation()
    return Explanation(orders=_stories(connection, rows), people=people or (PersonStory(email, ()),))


def _person(connection: Connection, email: str) -> PersonStory:
    said = (Moment(*one) for told in (chosen, offered) for one in told(connection, email))
    moments = sorted([*person_moments(connection, email), *said], key=lambda moment: moment.at)
    return PersonStory(email, tuple(moments))


def _other_addresses(connection: Connection, email: str) -> Sequence[str]:
    """Those of the same person: a no that was said there holds here, and a yes may have come along."""
    mine, theirs = recipients.alias("mine"), recipients.alias("theirs")
    same = select(theirs.c.email).join(mine, same_person(mine, theirs)).where(mine.c.email == email)
    return connection.execute(same.where(theirs.c.id != mine.c.id).order_by(theirs.c.id)).scalars().all()


def _stories(
    connection: Connection, rows: Sequence[dict[str, Any]], only_send: UUID | None = None
) -> tuple[OrderStory, ...]:
    by_order: dict[int, list[Moment]] = defaultdict(list)
    ids = [row["id"] for row in rows]
    for order_id, moment in order_moments(connection, rows, ids):
        if only_send is None or moment.send_id in (None, str(only_send)):
            by_order[order_id].append(moment)
    planned = _sends(connection, ids, only_send)
    return tuple(
        OrderStory(
            shop=row["shop"],
            order_id=row["shop_order_id"],
            state=row["state"],
            imported=row["imported"],
            email=row["email"],
            sends=tuple(planned[row["id"]]),
            moments=tuple(sorted(by_order[row["id"]], key=lambda moment: (moment.at, KINDS.index(moment.kind)))),
        )
        for row in rows
    )


def _sends(connection: Connection, ids: list[int], only_send: UUID | None) -> Mapping[int, list[SendStory]]:
    query = select(sends).where(sends.c.order_id.in_(ids)).order_by(sends.c.id)
    found: dict[int, list[SendStory]] = defaultdict(list)
    kept = kept_by(connection, ids)
    for row in connection.execute(query if only_send is None else query.where(sends.c.id == only_send)):
        story = SendStory(
            send_id=str(row.id),
            campaign=row.campaign,
            step=row.step,
            state=row.state,
            reason=row.reason,
            sentence=_standing(row.state, row.reason, row.due_at, kept.get(row.id)),
            due_at=row.due_at,
            sent_at=row.sent_at,
            config_version=row.config_version,
            configuration=row.configuration,
        )
        found[row.order_id].append(story)
    return found


def _standing(state: str, reason: str | None, due_at: datetime, because: Reason | None) -> str:
    """Where a mail stands, in words."""
    why = answer_in_words(reason, because) if reason else ""
    if state == "scheduled":
        return f"Due at {due_at:%Y-%m-%d %H:%M} UTC. {why}".rstrip()
    return "The mail is being handed over." if state == "sending" else why


def _events(connection: Connection, shop_order_id: str) -> tuple[Moment, ...]:
    query = select(events).where(events.c.shop_order_id == shop_order_id)
    return tuple(
        Moment(
            row["received_at"],
            "event",
            f"Webhook “{row['topic']}” of {row['shop']}: {row['state']}.",
            facts={"error": row["error"]},
        )
        for row in connection.execute(query).mappings()
    )
