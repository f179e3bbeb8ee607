"""Reports as they are kept, and the mails that they are about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, func, or_, select, union_all, update
from sqlalchemy.dialects import postgresql, sqlite

from aftercart.consent.states import ConfirmationState
from aftercart.consent.store import moves as of_confirmations
from aftercart.db.tables import attempts, confirmations, feedback, recipients, sends
from aftercart.feedback.effect import BOUNCES_COME_WITHIN, SOFT_BOUNCE_WINDOW, Effect, State
from aftercart.feedback.told import Kind
from aftercart.ledger.states import SendState
from aftercart.ledger.store.moves import moved


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that a report is about, as it stands. `enrollment_id` None: it asks somebody to confirm their consent."""

    send_id: UUID
    recipient_id: int
    email: str
    state: State
    tries: int
    enrollment_id: int | None = None


def recipient_of(connection: Connection, send_id: UUID) -> str | None:
    """The address that a mail went to."""
    for mails in (sends, confirmations):
        wanted = select(recipients.c.email).join(mails, mails.c.recipient_id == recipients.c.id)
        email: str | None = connection.execute(wanted.where(mails.c.id == send_id)).scalar_one_or_none()
        if email is not None:
            return email
    return None


def people_of(connection: Connection, send_ids: Collection[UUID]) -> set[int]:
    """Whom these mails went to."""
    asked = (select(mails.c.recipient_id).where(mails.c.id.in_(send_ids)) for mails in (sends, confirmations))
    return {recipient_id for wanted in asked for recipient_id in connection.execute(wanted).scalars()}


def lock_mails(connection: Connection, send_ids: Collection[UUID]) -> dict[UUID, Sent]:
    """The mails that there are, held until the transaction ends: first planned ones, then those that ask."""
    planned = {
        row.id: Sent(row.id, row.recipient_id, row.email, SendState(row.state), row.tries, row.enrollment_id)
        for row in _locked(connection, sends, send_ids)
    }
    asking = {
        row.id: Sent(row.id, row.recipient_id, row.email, ConfirmationState(row.state), row.tries)
        for row in _locked(connection, confirmations, set(send_ids) - set(planned))
    }
    return planned | asking


def _locked(connection: Connection, mails: Table, ids: Collection[UUID]) -> Sequence[Any]:
    if not ids:
        return ()
    wanted = (
        select(mails, recipients.c.email)
        .join(recipients, recipients.c.id == mails.c.recipient_id)
        .where(mails.c.id.in_(ids))
        .order_by(mails.c.id)
        .with_for_update(of=mails)
    )
    return connection.execute(wanted).all()


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
    if sent.enrollment_id is None:
        asking = of_confirmations.moved(effect.proves).where(confirmations.c.id == sent.send_id)
        left_at = func.coalesce(confirmations.c.sent_at, at)
        connection.execute(asking.values(reason=effect.reason, lease_until=None, sent_at=left_at))
        return
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
    theirs = (
        select(mails.c.id, mails.c.state, mails.c.sent_at).where(mails.c.recipient_id == recipient_id)
        for mails in (sends, confirmations)
    )
    mails = union_all(*theirs).subquery()
    arrived = (
        select(func.max(mails.c.sent_at))
        .where(
            or_(
                mails.c.state == SendState.DELIVERED,
                (mails.c.state == SendState.SENT) & (mails.c.sent_at < now - BOUNCES_COME_WITHIN),
            ),
        )
        .scalar_subquery()
    )
    bounced = (
        select(func.count(func.distinct(mails.c.id)))
        .join(feedback, feedback.c.send_id == mails.c.id)
        .where(
            feedback.c.kind == Kind.SOFT_BOUNCE,
            mails.c.state == SendState.BOUNCED,
            mails.c.sent_at > now - SOFT_BOUNCE_WINDOW,
            or_(arrived.is_(None), mails.c.sent_at > arrived),
        )
    )
    return connection.execute(bounced).scalar_one()


def ids(told: Iterable[UUID | None]) -> set[UUID]:
    """Those that are known."""
    return {send_id for send_id in told if send_id is not None}
