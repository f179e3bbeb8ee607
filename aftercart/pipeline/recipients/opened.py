"""A mail's picture was fetched: somebody opened it, or a machine did.

Kept once for each mail and reason, without an address or the name of a browser. Nothing is decided on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select

from aftercart.db.session import insert_new
from aftercart.db.tables import attempts, opens, sends
from aftercart.ledger import store as ledger
from aftercart.outward import store as outward
from aftercart.pipeline.recipients.record import Visit
from aftercart.policy.reason import Reason
from aftercart.tracking.opens import open_verdict


@dataclass(frozen=True, slots=True)
class Open:
    """Somebody or something fetched the picture of a mail."""

    send_id: UUID
    recipient_id: int
    visit: Visit
    at: datetime


def keep_opens(connection: Connection, batch: Sequence[Open], now: datetime) -> None:
    """Keep the first of each mail and reason, and that the mail has arrived: its picture stands nowhere else."""
    ids = sorted({opened.send_id for opened in batch})
    begun_at = select(func.max(attempts.c.started_at)).where(attempts.c.send_id == sends.c.id).scalar_subquery()
    query = select(sends.c.id, sends.c.recipient_id, func.coalesce(sends.c.sent_at, begun_at).label("sent_at"))
    known = {row.id: row for row in connection.execute(query.where(sends.c.id.in_(ids)))}
    mine = [opened for opened in batch if _is_theirs(opened, known)]
    rows = [
        {
            "send_id": opened.send_id,
            "recipient_id": opened.recipient_id,
            "at": opened.at,
            **open_verdict(*_visit(opened), known[opened.send_id].sent_at)._asdict(),
        }
        for opened in sorted(mine, key=lambda opened: (opened.send_id, opened.at))
    ]
    insert_new(connection, opens, rows, unique=("send_id", "reason"))
    arrived = ledger.arrived(connection, {opened.send_id for opened in mine}, Reason.DELIVERED)
    outward.note_mails(connection, {o.send_id: o.at for o in mine if o.send_id in arrived}, now)


def _is_theirs(opened: Open, known: Mapping[UUID, Any]) -> bool:
    return opened.send_id in known and known[opened.send_id].recipient_id == opened.recipient_id


def _visit(opened: Open) -> tuple[str, str, datetime]:
    return opened.visit.method, opened.visit.user_agent, opened.at
