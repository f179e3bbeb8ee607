"""The list of sends: one row a planned mail, with its state and reason; and that of mails that ask to confirm."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from aftercart.consent.states import ConfirmationState
from aftercart.db.tables import confirmations, orders, recipients, sends


def listed(
    connection: Connection,
    *,
    state: str | None = None,
    reason: str | None = None,
    campaign: str | None = None,
    limit: int = 0,
) -> Iterator[dict[str, Any]]:
    """Sends, newest first, as plain values (instants in ISO 8601, UTC). `limit` 0: all. Streams; memory stays flat."""
    query = (
        select(
            sends.c.id,
            orders.c.shop,
            orders.c.shop_order_id,
            recipients.c.email,
            sends.c.campaign,
            sends.c.step,
            sends.c.state,
            sends.c.reason,
            sends.c.due_at,
            sends.c.sent_at,
            sends.c.subject,
        )
        .join(orders, orders.c.id == sends.c.order_id)
        .join(recipients, recipients.c.id == sends.c.recipient_id)
        .order_by(sends.c.id.desc())
    )
    for column, wanted in ((sends.c.state, state), (sends.c.reason, reason), (sends.c.campaign, campaign)):
        if wanted is not None:
            query = query.where(column == wanted)
    if limit:
        query = query.limit(limit)
    for row in connection.execution_options(yield_per=500).execute(query):
        yield {
            "send_id": str(row.id),
            "shop": row.shop,
            "order_id": row.shop_order_id,
            "email": row.email,
            "campaign": row.campaign,
            "step": row.step,
            "state": row.state,
            "reason": row.reason,
            "due_at": row.due_at.isoformat(),
            "sent_at": row.sent_at.isoformat() if row.sent_at else None,
            "subject": row.subject,
        }


def questions(
    connection: Connection, *, state: str | None = None, reason: str | None = None, limit: int = 0
) -> Iterator[dict[str, Any]]:
    """Mails that ask to confirm a consent, in the same manner."""
    query = (
        select(confirmations, recipients.c.email)
        .join(recipients, recipients.c.id == confirmations.c.recipient_id)
        .order_by(confirmations.c.id.desc())
    )
    for column, wanted in ((confirmations.c.state, state), (confirmations.c.reason, reason)):
        if wanted is not None:
            query = query.where(column == wanted)
    if limit:
        query = query.limit(limit)
    for row in connection.execution_options(yield_per=500).execute(query):
        yield {
            "confirmation_id": str(row.id),
            "email": row.email,
            "state": row.state,
            "reason": row.reason,
            "planned_at": row.created_at.isoformat(),
            "sent_at": row.sent_at.isoformat() if row.sent_at else None,
            "confirmed_at": row.confirmed_at.isoformat() if row.confirmed_at else None,
            "response": row.response,
        }


def questions_in_doubt(connection: Connection) -> int:
    """Of how many mails that ask nobody knows whether they left."""
    in_doubt = select(func.count()).where(confirmations.c.state == ConfirmationState.UNKNOWN)
    return connection.execute(in_doubt).scalar_one()


def counts(connection: Connection) -> Counter[tuple[str, str | None]]:
    """How many sends there are by (state, reason)."""
    rows = connection.execute(
        select(sends.c.state, sends.c.reason, func.count()).group_by(sends.c.state, sends.c.reason)
    )
    return Counter({(state, reason): count for state, reason, count in rows})
