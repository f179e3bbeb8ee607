"""Why did I get this? What was decided about one mail, for the person who reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, or_, select

from aftercart.consent.statement import Basis, ConsentState
from aftercart.db.persons import same_person
from aftercart.db.tables import (
    address_moves,
    consents,
    customers,
    decisions,
    order_lines,
    orders,
    picks,
    preferences,
    products,
    recipients,
    sends,
)
from aftercart.policy.suppression import MailClass
from aftercart.reports.archived import archived

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PickWhy:
    """A product of the mail. `because`: the title of the bought product that spoke for it, or empty."""

    title: str
    because: str
    source: str
    orders_together: int


@dataclass(frozen=True, slots=True)
class Yes:
    """What somebody said. `source`: where (`shopify:order`). `at` None: nobody knows when."""

    at: datetime | None
    source: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class Why:
    """The facts. `consent`: the yes that it rested on when it was decided; None: none is on record. `is_owed`: it was
    transactional, and rested on none."""

    email: str
    locale: str
    campaign: str
    topic: str
    subject: str
    sent_at: datetime | None
    shop_order_id: str
    placed_at: datetime
    bought: tuple[str, ...]
    is_owed: bool
    consent: Yes | None
    zone: str
    zone_from: str
    picks: tuple[PickWhy, ...]


_MAIL = (
    select(
        sends.c.campaign,
        sends.c.topic,
        sends.c.subject,
        sends.c.sent_at,
        orders.c.id.label("order_id"),
        orders.c.shop_order_id,
        orders.c.placed_at,
        recipients.c.email,
        recipients.c.locale,
        preferences.c.locale.label("chosen_locale"),
    )
    .join(orders, orders.c.id == sends.c.order_id)
    .join(recipients, recipients.c.id == sends.c.recipient_id)
    .outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
)


def why(connection: Connection, recipient_id: int, send_id: UUID) -> Why | None:
    """Why this mail went to this person. None: it is not kept, or it is not theirs."""
    mail = _MAIL.where(sends.c.id == send_id, sends.c.recipient_id == recipient_id)
    row = connection.execute(mail).one_or_none()
    if row is None:
        return None
    kept = archived(connection, [row.order_id])
    lines = _lines(connection, row.order_id)
    allowed = _allowed(connection, send_id, kept.get("decisions", ()))
    at = allowed["at"] if allowed else row.sent_at
    inputs: Mapping[str, Any] = allowed["inputs"] if allowed else {}
    return Why(
        email=row.email,
        locale=row.chosen_locale or row.locale,
        campaign=row.campaign,
        topic=row.topic,
        subject=row.subject or "",
        sent_at=row.sent_at,
        shop_order_id=row.shop_order_id,
        placed_at=row.placed_at,
        bought=tuple(dict.fromkeys(lines.values())),
        is_owed=inputs.get("class") == MailClass.TRANSACTIONAL,
        consent=_consent(connection, recipient_id, at) if at else None,
        zone=inputs.get("zone", ""),
        zone_from=inputs.get("zone_from", ""),
        picks=tuple(_picks(connection, send_id, kept.get("picks", ()), lines)),
    )


def _lines(connection: Connection, order_id: int) -> dict[str, str]:
    """sku → what the order calls it, else the catalog."""
    query = (
        select(order_lines.c.sku, order_lines.c.title, products.c.title)
        .outerjoin(products, products.c.sku == order_lines.c.sku)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.line_no)
    )
    return {sku: title or listed or sku for sku, title, listed in connection.execute(query)}


def _allowed(connection: Connection, send_id: UUID, kept: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The decision that let it go: the last one, should it have taken several tries."""
    query = select(decisions).where(decisions.c.send_id == send_id, decisions.c.outcome == "allow")
    old = [row for row in kept if row["send_id"] == send_id and row["outcome"] == "allow"]
    rows = [*old, *(dict(row) for row in connection.execute(query).mappings())]
    return max(rows, key=lambda row: row["at"], default=None)


def _consent(connection: Connection, recipient_id: int, at: datetime) -> Yes | None:
    """The strongest yes that held at an instant, by what was known then; of equal ones the newest. It was said at this
    address, or a customer's record brought it along; a no of any address of the person ended it (see `heard`)."""
    mine, theirs = recipients.alias("mine"), recipients.alias("theirs")
    known = (mine.c.id == recipient_id, consents.c.at <= at, consents.c.recorded_at <= at)
    person = select(consents).join(theirs, theirs.c.id == consents.c.recipient_id).join(mine, same_person(mine, theirs))
    rows = connection.execute(person.where(*known)).all()
    left = _left(connection, recipient_id, at)
    noes = [row.at for row in rows if row.state == ConsentState.DENIED]
    yeses = [
        row
        for row in rows
        if row.state == ConsentState.GRANTED
        and row.at <= left.get(row.recipient_id, _NEVER)
        and not (noes and (row.undated or row.at <= max(noes)))
        and (row.expires_at is None or at < row.expires_at)
    ]
    newest = max(yeses, key=lambda row: (Basis.of(row.basis).strength, row.at), default=None)
    return Yes(None if newest.undated else newest.at, newest.source, Basis.of(newest.basis)) if newest else None


def _left(connection: Connection, recipient_id: int, at: datetime) -> Mapping[int, datetime]:
    """Until when what was said at an address counts at this one: of itself until now, of those that a customer's
    record left for it until it did. The record may have gone on since."""
    gone_on = select(address_moves.c.customer_id).where(address_moves.c.recipient_id == recipient_id)
    were_here = or_(customers.c.recipient_id == recipient_id, customers.c.id.in_(gone_on))
    query = select(
        customers.c.id, customers.c.recipient_id.label("has"), address_moves.c.recipient_id, address_moves.c.at
    )
    rows = connection.execute(query.join(address_moves, address_moves.c.customer_id == customers.c.id).where(were_here))
    moves = rows.all()
    here_until = {
        row.id: at if row.has == recipient_id else row.at for row in moves if row.recipient_id == recipient_id
    }
    found = {recipient_id: at}
    for row in moves:
        if row.recipient_id != recipient_id and row.at <= min(at, here_until.get(row.id, at)):
            found[row.recipient_id] = max(row.at, found.get(row.recipient_id, row.at))
    return found


def _picks(
    connection: Connection, send_id: UUID, kept: Iterable[Mapping[str, Any]], bought: Mapping[str, str]
) -> Iterable[PickWhy]:
    query = select(picks).where(picks.c.send_id == send_id)
    old = [row for row in kept if row["send_id"] == send_id]
    rows = [*old, *(dict(row) for row in connection.execute(query).mappings())]
    for row in sorted(rows, key=lambda row: row["slot"]):
        because, together = row["because"], (row["evidence"] or {}).get("orders_together", 0)
        yield PickWhy(row["title"], bought.get(because, because), row["source"], int(together))
