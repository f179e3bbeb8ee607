"""A recipient does something: opens a link, or leaves.

A mail scanner opens every link within seconds, so a click is recorded with a verdict, and only a POST unsubscribes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, func, select, update

from aftercart.consent import store as consent
from aftercart.consent.statement import ConsentState, ConsentStatement
from aftercart.db.session import Database
from aftercart.db.tables import attempts, clicks, links, orders, recipients, sends, suppressions
from aftercart.ledger import store as ledger
from aftercart.pipeline.attribute import attribute
from aftercart.policy import store as policy
from aftercart.policy.decision import Reason
from aftercart.policy.suppression import SuppressionReason, SuppressionScope
from aftercart.rights.store import is_erased
from aftercart.tracking.bots import BURST_WINDOW, Hit, verdict
from aftercart.tracking.tokens import TokenSigner

USER_AGENT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says about who makes it."""

    method: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """Somebody wants no more marketing mail. `source`: the way they took (`one_click`, `page`)."""

    recipient_id: int
    send_id: UUID
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Leaver:
    """Who an unsubscribe link belongs to, and whether they have left already."""

    email: str
    has_left: bool


# ---------------------------------------------------------------- clicks


@dataclass(frozen=True, slots=True)
class Link:
    """A tracked link: where it leads, whose it is, and when its mail was handed over."""

    send_id: UUID
    position: int
    url: str
    recipient_id: int
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Click:
    """Somebody or something opened a link."""

    link: Link
    visit: Visit
    at: datetime


def find_link(db: Database, tokens: TokenSigner, token: str) -> Link | None:
    """The link of a token. None: it is no longer stored. Raises BadTokenError."""
    send_id, position = tokens.read_link(token)
    # Some gateways open the links before the server has answered us: the hand-over had begun, but was not `sent` yet.
    begun_at = select(func.max(attempts.c.started_at)).where(attempts.c.send_id == send_id).scalar_subquery()
    wanted = (
        select(links.c.url, sends.c.recipient_id, func.coalesce(sends.c.sent_at, begun_at))
        .join(sends, sends.c.id == links.c.send_id)
        .where(links.c.send_id == send_id, links.c.position == position)
    )
    with db.read() as connection:
        found = connection.execute(wanted).one_or_none()
    return Link(send_id, position, *found) if found else None


def keep_clicks(
    connection: Connection, batch: Sequence[Click], windows: Mapping[str, timedelta], now: datetime
) -> None:
    """Keep clicks with their verdicts, in the order in which they came, each mail's among themselves.

    A click may be kept late, after an order that it led to came in; such an order is credited now. `windows`:
    campaign → how long a click earns credit.
    """
    # By mail, so that of two processes none waits for the other in a circle.
    for click in sorted(batch, key=lambda click: click.link.send_id):
        _keep_click(connection, click)
    # Whoever or whatever opened it: its links stand nowhere but in the mail.
    ledger.arrived(connection, {click.link.send_id for click in batch}, Reason.DELIVERED)
    attribute(connection, _orders_since(connection, batch), windows, now)


def _keep_click(connection: Connection, click: Click) -> None:
    link, visit, at = click.link, click.visit, click.at
    # Not those that came long after: this one may have waited for the database.
    recent = (clicks.c.send_id == link.send_id) & (clicks.c.at > at - BURST_WINDOW) & (clicks.c.at < at + BURST_WINDOW)
    opened = set(connection.execute(select(clicks.c.position).where(recent)).scalars())
    judged = verdict(Hit(visit.method, visit.user_agent, at, link.sent_at, opened | {link.position}))
    if judged.reason == "burst":  # the first ones of the burst looked human when they came
        unmasked = update(clicks).where(recent, clicks.c.verdict == "human")
        connection.execute(unmasked.values(**judged._asdict()))
    connection.execute(
        clicks.insert(),
        {
            "send_id": link.send_id,
            "position": link.position,
            "recipient_id": link.recipient_id,
            "at": at,
            "user_agent": visit.user_agent.replace("\x00", "")[:USER_AGENT_LIMIT],
            **judged._asdict(),
        },
    )


def _orders_since(connection: Connection, batch: Sequence[Click]) -> list[int]:
    """Orders that these people placed after the first of these clicks; mostly none."""
    people = {click.link.recipient_id for click in batch}
    first = min(click.at for click in batch)
    later = select(orders.c.id).where(orders.c.recipient_id.in_(people), orders.c.placed_at > first)
    return list(connection.execute(later).scalars())


# ---------------------------------------------------------------- leaving


def who_leaves(db: Database, tokens: TokenSigner, token: str) -> Leaver | None:
    """Who an unsubscribe link belongs to; changes nothing. None: we no longer know them. Raises BadTokenError."""
    recipient_id, _ = tokens.read_unsubscribe(token)
    with db.read() as connection:
        email = _email(connection, recipient_id)
        return Leaver(email, _has_left(connection, email)) if email else None


def keep_leaving(connection: Connection, leaving: Leaving) -> Leaver | None:
    """The recipient gets no more marketing mail, from this commit on. Doing it again changes nothing.

    The way they took is kept with the send they left from. None: we no longer know them.
    """
    way = f"{leaving.source}:{leaving.send_id}"
    email = _email(connection, leaving.recipient_id, lock=True)
    if email is None:
        return None
    left, brand = SuppressionReason.UNSUBSCRIBED, SuppressionScope.BRAND
    policy.suppress(connection, [email], left, way, leaving.at, brand)
    _deny_consent(connection, leaving.recipient_id, way, leaving.at)
    return Leaver(email, has_left=True)


def _email(connection: Connection, recipient_id: int, *, lock: bool = False) -> str | None:
    wanted = select(recipients.c.email).where(recipients.c.id == recipient_id)
    found = connection.execute(wanted.with_for_update(key_share=True) if lock else wanted)
    email: str | None = found.scalar_one_or_none()
    return None if email is None or is_erased(email) else email


def _has_left(connection: Connection, email: str) -> bool:
    left = select(suppressions.c.id).where(
        suppressions.c.email == email,
        suppressions.c.scope == SuppressionScope.BRAND,
        suppressions.c.reason == SuppressionReason.UNSUBSCRIBED,
    )
    return connection.execute(left).first() is not None


def _deny_consent(connection: Connection, recipient_id: int, source: str, now: datetime) -> None:
    """Once, however often they click: the suppression stands for every further time."""
    history = consent.histories(connection, [recipient_id]).get(recipient_id, [])
    newest = max(history, key=lambda entry: entry.at, default=None)
    if newest is None or newest.state is not ConsentState.DENIED:
        consent.record_consent(connection, recipient_id, ConsentStatement(ConsentState.DENIED, source, now), now)
