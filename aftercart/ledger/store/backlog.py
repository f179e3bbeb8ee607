"""Sends that are due and wait for a sender: told so once, postponed, or taken out: to try the sender, or too late."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, UnaryExpression, and_, bindparam, or_, select, update

from aftercart.db.tables import sends
from aftercart.ids import shuffled
from aftercart.ledger.states import SendState
from aftercart.ledger.store.dispatching import IS_OPEN, NUDGE_AGAIN

CHOICE = 50
"""Among so many that wait longest, and as many that came last, those are found with which a sender is tried."""

_IS_DUE = (IS_OPEN, sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_(None))


def mark_waiting(
    connection: Connection, reason: str, known: Collection[str], since: datetime | None, now: datetime, limit: int
) -> list[dict[str, Any]]:
    """Give due sends the reason for which they wait, the longest due first. They stay due.

    Returns those that had none of the `known` reasons. `since`: what fell due before is marked already.
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


def take_to_probe(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Due sends to try a sender with; they are marked as nudged.

    Rather those that were not tried before, and some from either end of the line: what a sender stumbles over often
    stands together.
    """
    ends = (sends.c.wake_at.asc(), sends.c.wake_at.desc())
    found = {row.id: row for end in ends for row in connection.execute(_some_due(now, end))}
    chosen = sorted(found.values(), key=lambda row: (row.tries, shuffled(row.id)))
    return _nudged(connection, [row.id for row in chosen[:limit]], now)


def _some_due(now: datetime, end: UnaryExpression[Any]) -> Select[Any]:
    return (
        select(sends.c.id, sends.c.tries)
        .where(*_IS_DUE, sends.c.wake_at <= now)
        .order_by(end)
        .limit(CHOICE)
        .with_for_update(skip_locked=True, key_share=True)
    )


def _nudged(connection: Connection, ids: list[UUID], now: datetime) -> list[UUID]:
    if ids:
        nudged: dict[str, Any] = {"wake_at": now + NUDGE_AGAIN}
        connection.execute(update(sends).where(sends.c.id.in_(ids)).values(**nudged))
    return ids


def take_expired(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Due sends that are no longer worth sending; they are marked as nudged and will end with their reason."""
    late = (
        select(sends.c.id)
        .where(*_IS_DUE, sends.c.wake_at <= now, sends.c.valid_until <= now)
        .order_by(sends.c.wake_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return _nudged(connection, list(connection.execute(late).scalars()), now)


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
