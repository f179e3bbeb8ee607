"""Telling a tracer what the pipeline did, in the trace of the webhook that was its cause.

Nothing of it is looked up where nobody listens, and what cannot be told is logged: no mail waits for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, select

from aftercart.bootstrap import App
from aftercart.db.tables import attempts, events, orders, sends
from aftercart.tracing import HEADER

log = structlog.get_logger()


def tell_taken_in(app: App, rows: Sequence[Mapping[str, Any]], began: datetime) -> None:
    """Each of these webhooks became an event."""
    if not app.tracer.on:
        return
    ended = app.clock()
    for row in rows:
        if parent := row["headers"].get(HEADER):
            app.tracer.record("ingest", parent, began, ended, shop=row["shop"], topic=row["topic"])


@contextmanager
def hand_overs_told(app: App, send_ids: Sequence[UUID]) -> Iterator[None]:
    """What is delivered in the block: one span for the batch, and one for each hand-over in its webhook's trace."""
    if not app.tracer.on:
        yield
        return
    began = app.clock()
    with app.tracer.span("deliver", sends=len(send_ids)) as batch:
        yield
    try:
        _tell_hand_overs(app, send_ids, began, batch)
    except Exception:  # a door: the mails are out
        log.exception("trace_failed", sends=len(send_ids))


def _tell_hand_overs(app: App, send_ids: Sequence[UUID], began: datetime, batch: str) -> None:
    with app.db.read() as connection:
        handed = connection.execute(
            select(attempts, sends.c.campaign, sends.c.step, sends.c.order_id)
            .join(sends, sends.c.id == attempts.c.send_id)
            .where(attempts.c.send_id.in_(send_ids), attempts.c.started_at >= began, attempts.c.ended_at.is_not(None))
        ).all()
        parents = _traces_of(connection, {row.order_id for row in handed})
    for row in handed:
        about = {"send_id": str(row.send_id), "campaign": row.campaign, "step": row.step}
        came_of_it = {"provider": row.provider, "outcome": row.outcome, "reason": row.reason or ""}
        parent = parents.get(row.order_id, "")
        app.tracer.record("hand_over", parent, row.started_at, row.ended_at, links=[batch], **about, **came_of_it)


def _traces_of(connection: Connection, order_ids: set[int]) -> dict[int, str]:
    """By order, where the trace of its first webhook began."""
    same = (events.c.shop == orders.c.shop) & (events.c.shop_order_id == orders.c.shop_order_id)
    rows = connection.execute(
        select(orders.c.id, events.c.headers)
        .join_from(orders, events, same)
        .where(orders.c.id.in_(order_ids))
        .order_by(events.c.id.desc())
    )
    return {order_id: headers[HEADER] for order_id, headers in rows if headers.get(HEADER)}
