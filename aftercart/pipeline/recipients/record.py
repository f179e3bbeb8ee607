"""A recipient does something: opens a link, or leaves.

A mail scanner opens every link within seconds, so a click is recorded with a verdict, and only a POST unsubscribes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, or_, select, update

from aftercart.db.persons import same_person
from aftercart.db.session import Database
from aftercart.db.tables import attempts, clicks, links, orders, preferences, recipients, sends, suppressions
from aftercart.ledger import store as ledger
from aftercart.outward import store as outward
from aftercart.outward.happening import Happening
from aftercart.pipeline.attribute import attribute
from aftercart.pipeline.planning.own import OWN_LOCALE
from aftercart.pipeline.recipients.permission import leave, leave_topic, lock, note_leaving
from aftercart.policy.reason import Reason
from aftercart.policy.suppression import SuppressionReason, SuppressionScope
from aftercart.rights.store import is_erased
from aftercart.tracking.bots import BURST_WINDOW, Hit, verdict
from aftercart.tracking.tokens import TokenSigner

USER_AGENT_LIMIT = 500
UNTIL_JUDGED = BURST_WINDOW + timedelta(seconds=1)
"""Nobody is told of a click before: the next ones may show that it was a machine's."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says about who makes it."""

    method: str
    user_agent: str
    in_case: bool = False
    """Whether a browser says that it loads the page before anybody wants it."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Somebody wants no more marketing mail. `source`: the way they took (`one_click`, `page`)."""

    recipient_id: int
    send_id: UUID
    source: str
    at: datetime
    only_topic: bool = False
    """Only no more of the kind of mail that they left from."""


@dataclass(frozen=True, slots=True)
class Leaver:
    """Who an unsubscribe link belongs to, what its mail was about, and whether they have left already."""

    email: str
    has_left: bool
    locale: str = ""
    topic: str = ""
    """Empty where the mail is not kept."""
    has_left_topic: bool = False


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
    with db.read() as connection:
        found = connection.execute(_LINK, {"send": send_id, "position": position}).one_or_none()
    return Link(send_id, position, *found) if found else None


# Built once: what is built for each click costs its reader as much as the database does.
# Some gateways open the links before the server has answered us: the hand-over had begun, but was not `sent` yet.
_BEGUN_AT = select(func.max(attempts.c.started_at)).where(attempts.c.send_id == bindparam("send")).scalar_subquery()
_LINK = (
    select(links.c.url, sends.c.recipient_id, func.coalesce(sends.c.sent_at, _BEGUN_AT))
    .join(sends, sends.c.id == links.c.send_id)
    .where(links.c.send_id == bindparam("send"), links.c.position == bindparam("position"))
)
# Not those that came long after: a click may have waited for the database.
_RECENT = (
    (clicks.c.send_id == bindparam("send")) & (clicks.c.at > bindparam("since")) & (clicks.c.at < bindparam("until"))
)
_OPENED = select(clicks.c.position).where(_RECENT)
_UNMASKED = update(clicks).where(_RECENT, clicks.c.verdict == "human")
_KEPT = clicks.insert().returning(clicks.c.id)


def keep_clicks(
    connection: Connection, batch: Sequence[Click], windows: Mapping[str, timedelta], now: datetime
) -> None:
    """Keep clicks with their verdicts, in the order in which they came, each mail's among themselves.

    A click may be kept late, after an order that it led to came in: that order is credited now. An order loses its
    credit where the click before it turns out to be a machine's. `windows`: campaign → how long a click earns credit.
    """
    # By mail, so that of two processes none waits for the other in a circle.
    in_order = sorted(batch, key=lambda click: click.link.send_id)
    human = [fact for click in in_order if (fact := _keep_click(connection, click))]
    # Whoever or whatever opened it: its links stand nowhere but in the mail.
    arrived = ledger.arrived(connection, {click.link.send_id for click in batch}, Reason.DELIVERED)
    outward.note_mails(connection, {c.link.send_id: c.at for c in batch if c.link.send_id in arrived}, now)
    outward.note(connection, human, now)
    attribute(connection, _orders_since(connection, batch), windows, now)


def _keep_click(connection: Connection, click: Click) -> outward.Fact | None:
    """What others may be told of it, unless a machine clicked."""
    link, visit, at = click.link, click.visit, click.at
    about = {"send": link.send_id, "since": at - BURST_WINDOW, "until": at + BURST_WINDOW}
    opened = set(connection.execute(_OPENED, about).scalars())
    hit = Hit(visit.method, visit.user_agent, at, link.sent_at, opened | {link.position}, visit.in_case)
    judged = verdict(hit)
    if judged.reason in ("burst", "trap"):  # the first ones looked human when they came
        connection.execute(_UNMASKED.values(**judged._asdict()), about)
    row = {"send_id": link.send_id, "position": link.position, "recipient_id": link.recipient_id, "at": at}
    agent = visit.user_agent.replace("\x00", "")[:USER_AGENT_LIMIT]
    id_ = connection.execute(_KEPT, {**row, "user_agent": agent, **judged._asdict()}).scalar_one()
    if judged.verdict != "human":
        return None
    return outward.Fact(Happening.LINK_CLICKED, str(id_), link.recipient_id, at, link.send_id, id_, wait=UNTIL_JUDGED)


def _orders_since(connection: Connection, batch: Sequence[Click]) -> list[int]:
    """Orders that these people placed, under any address of theirs, after the first of these clicks, or of those that
    they may have unmasked; mostly none."""
    read = recipients.c.id.in_({click.link.recipient_id for click in batch})
    people = select(func.coalesce(recipients.c.merged_into, recipients.c.id)).where(read)
    theirs = select(recipients.c.id).where(or_(recipients.c.id.in_(people), recipients.c.merged_into.in_(people)))
    first = min(click.at for click in batch) - BURST_WINDOW
    later = select(orders.c.id).where(orders.c.recipient_id.in_(theirs), orders.c.placed_at > first)
    return list(connection.execute(later).scalars())


# ---------------------------------------------------------------- leaving


def who_leaves(db: Database, tokens: TokenSigner, token: str) -> Leaver | None:
    """Who an unsubscribe link belongs to; changes nothing. None: we no longer know them. Raises BadTokenError."""
    recipient_id, send_id = tokens.read_unsubscribe(token)
    with db.read() as connection:
        return _leaver(connection, recipient_id, send_id)


def keep_leaving(connection: Connection, leaving: Leaving) -> Leaver | None:
    """The recipient gets no more marketing mail, or none of the mail's topic, from this commit on. Doing it again
    changes nothing.

    The way they took is kept with the send they left from. None: we no longer know them.
    """
    way = f"{leaving.source}:{leaving.send_id}"
    email = lock(connection, leaving.recipient_id)
    leaver = _leaver(connection, leaving.recipient_id, leaving.send_id) if email else None
    if email is None or leaver is None:
        return None
    if leaving.only_topic and leaver.topic:
        leave_topic(connection, leaving.recipient_id, email, [leaver.topic], way, leaving.at)
        if not (leaver.has_left or leaver.has_left_topic):
            note_leaving(connection, way, leaving.at)
        return replace(leaver, has_left_topic=True)
    leave(connection, leaving.recipient_id, email, way, leaving.at)
    return replace(leaver, has_left=True)


def _leaver(connection: Connection, recipient_id: int, send_id: UUID) -> Leaver | None:
    """In one query: a page that is opened by every scanner must cost little."""
    theirs = recipients.alias("theirs")
    said = (suppressions.c.email == theirs.c.email) & same_person(recipients, theirs)
    mine = said & (suppressions.c.reason == SuppressionReason.UNSUBSCRIBED)
    everything = mine & (suppressions.c.scope != SuppressionScope.TOPIC)
    topic = mine & (suppressions.c.scope == SuppressionScope.TOPIC) & (suppressions.c.topic == sends.c.topic)
    query = (
        select(
            recipients.c.email,
            select(suppressions.c.id).where(everything).correlate(recipients).exists(),
            OWN_LOCALE,
            func.coalesce(sends.c.topic, ""),
            select(suppressions.c.id).where(topic).correlate(recipients, sends).exists(),
        )
        .outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
        .outerjoin(sends, (sends.c.id == send_id) & (sends.c.recipient_id == recipients.c.id))
        .where(recipients.c.id == recipient_id)
    )
    found = connection.execute(query).one_or_none()
    return Leaver(*found) if found and not is_erased(found.email) else None
