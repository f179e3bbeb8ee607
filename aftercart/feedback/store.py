"""Reports as they are kept, and the mails that they are about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from aftercart.db.tables import attempts, feedback, recipients, sends
from aftercart.feedback.effect import BOUNCES_COME_WITHIN, SOFT_BOUNCE_WINDOW, Effect
from aftercart.feedback.told import Kind
from aftercart.ledger.states import SendState
from aftercart.ledger.store.moves import moved


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that a report is about, as it stands."""

    send_id: UUID
    enrollment_id: int
    recipient_id: int
    email: str
    state: SendState
    tries: int


def recipient_of(connection: Connection, send_id: UUID) -> str | None:
    """The address that a mail went to."""
    wanted = (
        select(recipients.c.email).join(sends, sends.c.recipient_id == recipients.c.id).where(sends.c.id == send_id)
    )
    email: str | None = connection.execute(wanted).scalar_one_or_none()
    return email


def people_of(connection: Connection, send_ids: Collection[UUID]) -> set[int]:
    """Whom these mails went to."""
    wanted = select(sends.c.recipient_id).where(sends.c.id.in_(send_ids))
    return set(connection.execute(wanted).scalars())


def lock_sends(connection: Connection, send_ids: Collection[UUID]) -> dict[UUID, Sent]:
    """The mails that there are, held until the transaction ends."""
    wanted = (
        select(
            sends.c.id, sends.c.enrollment_id, sends.c.recipient_id, recipients.c.email, sends.c.state, sends.c.tries
        )
        .join(recipients, recipients.c.id == sends.c.recipient_id)
        .where(sends.c.id.in_(send_ids))
        .order_by(sends.c.id)
        .with_for_update(of=sends)
    )
    rows = connection.execute(wanted)
    return {row.id: Sent(row.id, *row[1:4], SendState(row.state), row.tries) for row in rows}


def keep(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Keep reports; the (source, key) of those that are new. The others were told before."""
    if not rows:
        return set()
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(feedback)
        .on_conflict_do_nothing(index_elements=["source", "fact_key"])
        .returning(feedback.c.source, feedback.c.fact_key)
    )
    in_order = sorted(rows, key=lambda row: (row["source"], row["fact_key"]))  # two workers never wait in a circle
    return {(source, key) for source, key in connection.execute(statement, [dict(row) for row in in_order])}


def set_effect(connection: Connection, source: str, key: str, what: str) -> None:
    """What a report has changed, or why it has changed nothing."""
    connection.execute(
        update(feedback).where(feedback.c.source == source, feedback.c.fact_key == key).values(effect=what)
    )


def change(connection: Connection, sent: Sent, effect: Effect, at: datetime) -> None:
    """Bring a mail, locked before, into the state that a report proves. Raises IllegalTransitionError."""
    if effect.proves is None:
        return
    effect.proves.leaves(sent.state)
    begun_at = select(func.max(attempts.c.started_at)).where(attempts.c.send_id == sent.send_id).scalar_subquery()
    connection.execute(
        moved(effect.proves)
        .where(sends.c.id == sent.send_id)
        .values(
            reason=effect.reason,
            lease_until=None,
            sent_at=func.coalesce(sends.c.sent_at, begun_at, at),
            counted_at=None if effect.frees_slot else func.coalesce(sends.c.counted_at, begun_at, at),
        )
    )


def soft_bounces(connection: Connection, recipient_id: int, now: datetime) -> int:
    """How many mails of a person have bounced softly in a row lately, with none among them that arrived."""
    arrived = (
        select(func.max(sends.c.sent_at))
        .where(
            sends.c.recipient_id == recipient_id,
            or_(
                sends.c.state == SendState.DELIVERED,
                (sends.c.state == SendState.SENT) & (sends.c.sent_at < now - BOUNCES_COME_WITHIN),
            ),
        )
        .scalar_subquery()
    )
    bounced = (
        select(func.count(func.distinct(sends.c.id)))
        .join(feedback, feedback.c.send_id == sends.c.id)
        .where(
            sends.c.recipient_id == recipient_id,
            feedback.c.kind == Kind.SOFT_BOUNCE,
            sends.c.state == SendState.BOUNCED,
            sends.c.sent_at > now - SOFT_BOUNCE_WINDOW,
            or_(arrived.is_(None), sends.c.sent_at > arrived),
        )
    )
    return connection.execute(bounced).scalar_one()


def ids(told: Iterable[UUID | None]) -> set[UUID]:
    """Those that are known."""
    return {send_id for send_id in told if send_id is not None}
