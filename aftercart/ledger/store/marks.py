"""The two marks of every hand-over: the body is about to leave; this came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Connection, bindparam, case, exists, func, or_, select, update

from aftercart.db.session import insert_new
from aftercart.db.tables import attempts, consents, recipients, sends, suppressions
from aftercart.ledger.states import OPEN, SendState
from aftercart.ledger.store.claims import LEASE

REPLY_LEASE = timedelta(seconds=660)
"""How long a hand-over may stay open: the ten minutes that RFC 5321 §4.5.3.2.6 gives the server, and one more."""


# The two marks of each mail are built once: building them took longer than running them.
_LEFT = exists().where(suppressions.c.email == recipients.c.email, recipients.c.id == sends.c.recipient_id)
_LAST_WORD = (
    select(consents.c.state)
    .where(consents.c.recipient_id == sends.c.recipient_id)
    .order_by(consents.c.at.desc(), consents.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_BEGIN = (
    update(sends)
    .where(
        sends.c.id == bindparam("send"),
        sends.c.attempt == bindparam("expected"),
        sends.c.state == SendState.SCHEDULED,
        sends.c.lease_until > bindparam("now"),
        ~_LEFT,
        _LAST_WORD == "granted",
    )
    .values(
        state=SendState.SENDING,
        counted_at=bindparam("now"),
        lease_until=bindparam("reply_until"),
        wake_at=bindparam("reply_until"),
    )
)
_RETRY = bindparam("retry", type_=sends.c.due_at.type)
_SETTLE = (
    update(sends)
    .where(
        sends.c.id == bindparam("send"),
        sends.c.attempt == bindparam("expected"),
        # Not an IN list: SQLAlchemy refuses those for many rows at once.
        or_(*(sends.c.state == state for state in (*OPEN, SendState.UNKNOWN))),
    )
    .values(
        state=bindparam("new_state"),
        reason=bindparam("why"),
        sent_at=bindparam("new_sent"),
        lease_until=None,
        due_at=func.coalesce(_RETRY, sends.c.due_at),
        wake_at=func.coalesce(_RETRY, sends.c.wake_at),
        counted_at=case((bindparam("keeps", type_=Boolean()), sends.c.counted_at), else_=None),
        tries=sends.c.tries + 1,
    )
)


def begin(connection: Connection, send_id: UUID, attempt: int, provider: str, message_id: str, now: datetime) -> bool:
    """Mark that the body is about to leave. False, and nothing changed, if it must not:

    the lease was lost or ran out (others may have taken the slot meanwhile), the send was canceled, or the person
    left or took their consent back since the claim.
    """
    marked = connection.execute(
        _BEGIN, {"send": send_id, "expected": attempt, "now": now, "reply_until": now + REPLY_LEASE}
    )
    if marked.rowcount != 1:
        return False
    row = {
        "send_id": send_id,
        "attempt": attempt,
        "provider": provider,
        "message_id": message_id,
        "outcome": "started",
        "response": "",
        "started_at": now,
    }
    insert_new(connection, attempts, [row], unique=("send_id", "attempt"))
    return True


def renew(connection: Connection, held: Mapping[UUID, int], now: datetime) -> None:
    """Keep the lease on what this worker has claimed and not begun yet. One that ran out is lost."""
    if not held:
        return
    connection.execute(
        update(sends)
        .where(
            sends.c.id == bindparam("send"),
            sends.c.attempt == bindparam("expected"),
            sends.c.state == SendState.SCHEDULED,
            sends.c.lease_until > now,
        )
        .values(lease_until=now + LEASE, wake_at=now + LEASE),
        [{"send": i, "expected": attempt} for i, attempt in sorted(held.items())],
    )


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one hand-over. `state` SCHEDULED means: again at `retry_at`."""

    send_id: UUID
    attempt: int
    message_id: str
    outcome: str
    response: str
    state: SendState
    reason: str | None
    at: datetime
    retry_at: datetime | None = None

    @property
    def keeps_slot(self) -> bool:
        """Whether the frequency cap goes on counting it: only what may have reached the person counts."""
        return self.state in (SendState.SENT, SendState.UNKNOWN)


def settle(connection: Connection, settled: Sequence[Settled], provider: str) -> None:
    """Record receipts. Touches only sends of the same attempt; a late answer turns `unknown` into the truth."""
    if not settled:
        return
    connection.execute(
        _SETTLE,
        [_settled_values(result) for result in sorted(settled, key=lambda result: result.send_id)],
    )
    rows = [
        {
            "send_id": result.send_id,
            "attempt": result.attempt,
            "provider": provider,
            "message_id": result.message_id,
            "outcome": result.outcome,
            "response": result.response[:500],
            "started_at": result.at,
            "ended_at": result.at,
        }
        for result in settled
    ]
    insert_new(connection, attempts, rows, unique=("send_id", "attempt"), update=("outcome", "response", "ended_at"))


def _settled_values(result: Settled) -> dict[str, Any]:
    return {
        "send": result.send_id,
        "expected": result.attempt,
        "keeps": result.keeps_slot,
        "new_state": result.state,
        "why": result.reason,
        "new_sent": result.at if result.state is SendState.SENT else None,
        "retry": result.retry_at,
    }


def release(connection: Connection, held: Mapping[UUID, int], now: datetime) -> None:
    """Give back claims that were not begun; the dispatcher sees the sends at once and the gate is asked anew."""
    if not held:
        return
    connection.execute(
        update(sends)
        .where(
            sends.c.id == bindparam("send"),
            sends.c.attempt == bindparam("expected"),
            sends.c.state == SendState.SCHEDULED,
        )
        .values(lease_until=None, counted_at=None, wake_at=now),
        [{"send": send_id, "expected": attempt} for send_id, attempt in sorted(held.items())],
    )
