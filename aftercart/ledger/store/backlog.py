"""Sends that are due and wait for a sender: told so once, postponed, or taken out because they have become too late."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from aftercart.db.tables import sends
from aftercart.ledger.states import SendState
from aftercart.ledger.store.dispatching import IS_OPEN, NUDGE_AGAIN

_IS_DUE = (IS_OPEN, sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_(None))


def mark_waiting(
    connection: Connection, reason: str, known: Collection[str], since: datetime | None, now: datetime, limit: int
) -> list[dict[str, Any]]:
    """Give due sends the reason that they wait for, the longest due first; they stay due. Returns those that had none

    of the `known` reasons. `since`: what fell due before is marked already.
    """
    unmarked = or_(sends.c.reason.is_(None), sends.c.reason.not_in(list(known)))
    fell_due = and_(sends.c.wake_at <= now, sends.c.wake_at >= since) if since else sends.c.wake_at <= now
    wanted = (
        select(sends.c.id, sends.c.campaign, sends.c.order_id, sends.c.wake_at)
        .where(*_IS_DUE, fell_due, unmarked)
        .order_by(sends.c.wake_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    found = [dict(row) for row in connection.execute(wanted).mappings()]
    if found:
        marked = update(sends).where(sends.c.id == bindparam("send")).values(reason=reason)
        connection.execute(marked, [{"send": row["id"]} for row in sorted(found, key=lambda row: row["id"])])
    return found


def take_expired(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Due sends that are no longer worth sending; they are marked as nudged and will end with their reason."""
    late = (
        select(sends.c.id)
        .where(*_IS_DUE, sends.c.wake_at <= now, sends.c.valid_until <= now)
        .order_by(sends.c.wake_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ids = list(connection.execute(late).scalars())
    if ids:
        nudged: dict[str, Any] = {"wake_at": now + NUDGE_AGAIN}
        connection.execute(update(sends).where(sends.c.id.in_(ids)).values(**nudged))
    return ids


def postpone(connection: Connection, held: Mapping[UUID, tuple[int, datetime, str]]) -> Sequence[UUID]:
    """Give claims back that no sender was offered, until an instant and for a reason: no attempt was made."""
    if not held:
        return []
    statement = (
        update(sends)
        .where(
            sends.c.id == bindparam("send"),
            sends.c.attempt == bindparam("expected"),
            sends.c.state == SendState.SCHEDULED,
        )
        .values(
            lease_until=None,
            counted_at=None,
            due_at=bindparam("until"),
            wake_at=bindparam("until"),
            reason=bindparam("why"),
        )
    )
    done = []
    for send_id, (attempt, until, why) in sorted(held.items()):
        row = {"send": send_id, "expected": attempt, "until": until, "why": why}
        if connection.execute(statement, row).rowcount == 1:
            done.append(send_id)
    return done
