"""What a recipient says about marketing mail as such: no more of it, no more of a topic, or yes again.

Whoever calls holds the person (`lock`), so that what was read stays true until the commit.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from aftercart.db.tables import consents, recipients
from aftercart.policy import store as policy
from aftercart.policy.consent import ConsentState, may_market
from aftercart.policy.suppression import Suppression, SuppressionReason, SuppressionScope


@dataclass(frozen=True, slots=True)
class Permission:
    """How it stands. `topics_left`: those that the person wants no mail about."""

    may_market: bool
    topics_left: frozenset[str]
    blocked_for: SuppressionReason | None
    """Why nobody may mail the address, whatever the person says; None where their word is what counts."""


def lock(connection: Connection, recipient_id: int) -> str | None:
    """Hold a person until the transaction ends; their address, None if we do not know them."""
    query = select(recipients.c.email).where(recipients.c.id == recipient_id).with_for_update(key_share=True)
    email: str | None = connection.execute(query).scalar_one_or_none()
    return email


def permission(connection: Connection, recipient_id: int, email: str) -> Permission:
    """How it stands now."""
    entries = policy.suppressions_of(connection, [email]).get(email, ())
    own = [entry for entry in entries if entry.reason is SuppressionReason.UNSUBSCRIBED]
    consent = policy.current_consent(connection, [recipient_id]).get(recipient_id)
    foreign = [entry for entry in entries if not _is_own(entry)]
    left = any(entry.scope is not SuppressionScope.TOPIC for entry in own)
    return Permission(
        may_market=may_market(consent) and not left and not foreign,
        topics_left=frozenset(entry.topic for entry in own if entry.scope is SuppressionScope.TOPIC),
        blocked_for=foreign[0].reason if foreign else None,
    )


def leave(connection: Connection, recipient_id: int, email: str, way: str, now: datetime) -> None:
    """No more marketing mail of the brand. `way`: how they said so, kept as the source."""
    policy.suppress(connection, [email], SuppressionReason.UNSUBSCRIBED, way, now, SuppressionScope.BRAND)
    if policy.current_consent(connection, [recipient_id]).get(recipient_id) is not ConsentState.DENIED:
        _say(connection, recipient_id, ConsentState.DENIED, way, now)


def leave_topic(connection: Connection, email: str, topics: Collection[str], way: str, now: datetime) -> None:
    """No more mail about these topics; the others go on."""
    for topic in sorted(topics):
        policy.suppress(connection, [email], SuppressionReason.UNSUBSCRIBED, way, now, SuppressionScope.TOPIC, topic)


def want_topic(connection: Connection, email: str, topics: Collection[str]) -> None:
    """Mail about these topics is wanted again."""
    for topic in sorted(topics):
        policy.lift(connection, email, SuppressionScope.TOPIC, topic)


def come_back(connection: Connection, recipient_id: int, email: str, way: str, now: datetime) -> None:
    """The person wants marketing mail: they say so themself, on a page that only a mail to them leads to."""
    policy.lift(connection, email, SuppressionScope.BRAND)
    if policy.current_consent(connection, [recipient_id]).get(recipient_id) is not ConsentState.GRANTED:
        _say(connection, recipient_id, ConsentState.GRANTED, way, now)


def _is_own(entry: Suppression) -> bool:
    return entry.reason is SuppressionReason.UNSUBSCRIBED


def _say(connection: Connection, recipient_id: int, state: ConsentState, source: str, now: datetime) -> None:
    row = {"recipient_id": recipient_id, "state": state, "source": source, "at": now, "recorded_at": now}
    connection.execute(consents.insert(), row)
