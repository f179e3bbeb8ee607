"""Claiming: a lease on a send and a slot under the frequency caps, taken in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, and_, bindparam, or_, select, update

from aftercart.db.tables import sends
from aftercart.ledger.states import SendState
from aftercart.ledger.store.fences import IS_HELD

LEASE = timedelta(seconds=120)
"""How long a worker may hold a claimed send before another may take it."""


def due(connection: Connection, ids: Sequence[UUID], now: datetime, boot_id: str | None) -> list[dict[str, Any]]:
    """Of `ids`, the sends that may be decided now: scheduled, due, and leased to nobody; none while all is held.

    One that was claimed before this boot may be decided no more (see `settle_abandoned`).
    """
    return [dict(row) for row in connection.execute(_due(ids, now, boot_id)).mappings()]


def lock_due(connection: Connection, ids: Sequence[UUID], now: datetime, boot_id: str | None) -> list[dict[str, Any]]:
    """The same, locked until commit. A slot that a dead worker's claim still holds is given back.

    Their recipients must be locked already: whoever takes slots of a person holds the person.
    """
    rows = [dict(row) for row in connection.execute(_due(ids, now, boot_id).with_for_update(key_share=True)).mappings()]
    stale = [row["id"] for row in rows if row["counted_at"] is not None]
    if stale:
        connection.execute(update(sends).where(sends.c.id.in_(stale)).values(counted_at=None, lease_until=None))
    return rows


def _due(ids: Sequence[UUID], now: datetime, boot_id: str | None) -> Select[Any]:
    of_this_boot = or_(sends.c.boot_id.is_(None), sends.c.boot_id == (boot_id or ""))
    free = or_(sends.c.lease_until.is_(None), and_(sends.c.lease_until <= now, of_this_boot))
    due_now = (sends.c.id.in_(ids), sends.c.state == SendState.SCHEDULED, sends.c.due_at <= now, free, ~IS_HELD)
    return select(sends).where(*due_now).order_by(sends.c.id)


@dataclass(frozen=True, slots=True)
class Claim:
    """A send that passed the gate and is about to be handed over; `attempt` is its fencing token."""

    send_id: UUID
    attempt: int
    subject: str
    model_version: str | None
    template_version: str
    config_version: str
    topic: str


def claim(connection: Connection, claims: Sequence[Claim], now: datetime, boot_id: str | None) -> None:
    """Lease the sends and reserve their frequency-cap slots. The rows are locked by `lock_due`.

    `boot_id`: where the marks of their hand-over are only as safe as the machine.
    """
    if not claims:
        return
    statement = (
        update(sends)
        .where(sends.c.id == bindparam("send"), sends.c.state == SendState.SCHEDULED)
        .values(
            attempt=bindparam("new_attempt"),
            lease_until=now + LEASE,
            wake_at=now + LEASE,
            boot_id=boot_id,
            counted_at=now,
            reason=None,
            topic=bindparam("new_topic"),
            subject=bindparam("new_subject"),
            model_version=bindparam("new_model"),
            template_version=bindparam("new_template"),
            config_version=bindparam("new_config"),
        )
    )
    connection.execute(
        statement,
        [
            {
                "send": c.send_id,
                "new_attempt": c.attempt,
                "new_topic": c.topic,
                "new_subject": c.subject,
                "new_model": c.model_version,
                "new_template": c.template_version,
                "new_config": c.config_version,
            }
            for c in claims
        ],
    )


def defer(connection: Connection, until: Mapping[UUID, tuple[datetime, str]]) -> None:
    """Put sends off to an instant, for a reason."""
    if not until:
        return
    statement = (
        update(sends)
        .where(sends.c.id == bindparam("send"), sends.c.state == SendState.SCHEDULED)
        .values(
            due_at=bindparam("new_due"),
            wake_at=bindparam("new_due"),
            reason=bindparam("why"),
            lease_until=None,
            counted_at=None,
        )
    )
    connection.execute(statement, [{"send": i, "new_due": at, "why": why} for i, (at, why) in until.items()])
