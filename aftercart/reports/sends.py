"""The list of sends: one row a planned mail, with its state and reason."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from aftercart.db.tables import orders, recipients, sends


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


def counts(connection: Connection) -> Counter[tuple[str, str | None]]:
    """How many sends there are by (state, reason)."""
    rows = connection.execute(
        select(sends.c.state, sends.c.reason, func.count()).group_by(sends.c.state, sends.c.reason)
    )
    return Counter({(state, reason): count for state, reason, count in rows})
