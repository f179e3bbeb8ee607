"""The two marks of every hand-over: the body is about to leave; this came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Connection,
    Dialect,
    Insert,
    Update,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from aftercart.db.among import among
from aftercart.db.prepared import Prepared
from aftercart.db.tables import attempts, sends
from aftercart.ledger.states import ACCEPT, BEGIN, LOSE, RECEIPTS, SendState
from aftercart.ledger.store.moves import moved
from aftercart.ledger.store.permission import has_agreed, has_left
from aftercart.transitions import Transition, leading_to

REPLY_LEASE = timedelta(seconds=660)
"""How long a hand-over may stay open: the ten minutes that RFC 5321 §4.5.3.2.6 gives the server, and one more."""
RESPONSE_LIMIT = 500


# ---------------------------------------------------------------- the body is about to leave


def _begin_send(_: Dialect) -> Update:
    now = bindparam("now", type_=sends.c.due_at.type, required=True)
    reply_until = bindparam("reply_until", type_=sends.c.due_at.type, required=True)
    owed = bindparam("owed", type_=Boolean(), required=True)
    # A clock that was set back since the claim must not move the slot to where it was not free; one that takes no
    # slot (NULL) gets none.
    counted_at = case((sends.c.counted_at < now, now), else_=sends.c.counted_at)
    return (
        moved(BEGIN)
        .where(
            sends.c.id == bindparam("send_id"),
            sends.c.attempt == bindparam("expected"),
            sends.c.lease_until > now,
            sends.c.valid_until > now,
            ~has_left(owed),
            or_(owed, has_agreed()),
        )
        .values(counted_at=counted_at, lease_until=reply_until, wake_at=reply_until)
    )


def _begin_attempt(_: Dialect) -> Insert:
    return insert(attempts).values({name: bindparam(name, required=True) for name in _STARTED})


_BEGIN_SEND = Prepared(_begin_send)
_STARTED = ("send_id", "attempt", "provider", "message_id", "outcome", "response", "started_at")
_BEGIN_ATTEMPT = Prepared(_begin_attempt)


@dataclass(frozen=True, slots=True)
class Start:
    """A message whose body is about to leave, under `attempt`, the fencing token of its claim."""

    send_id: UUID
    attempt: int
    message_id: str
    is_owed: bool = False
    """Transactional: it needs no consent, and only who must get no mail at all does not get it."""


def begin(connection: Connection, starts: Sequence[Start], provider: str, now: datetime) -> set[UUID]:
    """Mark that bodies are about to leave. Returns the ids of those that may; the others are left as they are.

    One may not where its lease was lost or ran out (others may have taken the slot meanwhile), where the send was
    canceled or is no longer worth sending, or where the person left or took their consent back since the claim.
    """
    if not starts:
        return set()
    in_order = sorted(starts, key=lambda start: start.send_id)
    changed = _BEGIN_SEND.execute(connection, [_about(start, now) for start in in_order]).rowcount
    begun = in_order if changed == len(in_order) else _just_begun(connection, in_order)
    if begun:
        _BEGIN_ATTEMPT.execute(connection, [_started(start, provider, now) for start in begun])
    return {start.send_id for start in begun}


def _just_begun(connection: Connection, starts: Sequence[Start]) -> list[Start]:
    """Those that the statement before let go: every other hand-over has its attempt in the record already."""
    on_record = exists().where(attempts.c.send_id == sends.c.id, attempts.c.attempt == sends.c.attempt)
    query = select(sends.c.id, sends.c.attempt).where(
        among(sends.c.id, [start.send_id for start in starts]), sends.c.state == SendState.SENDING, ~on_record
    )
    found = {(id_, attempt) for id_, attempt in connection.execute(query)}
    return [start for start in starts if (start.send_id, start.attempt) in found]


def _about(start: Start, now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "reply_until": now + REPLY_LEASE,
        "send_id": start.send_id,
        "expected": start.attempt,
        "owed": start.is_owed,
    }


def _started(start: Start, provider: str, now: datetime) -> dict[str, Any]:
    return {
        "send_id": start.send_id,
        "attempt": start.attempt,
        "provider": provider,
        "message_id": start.message_id,
        "outcome": "started",
        "response": "",
        "started_at": now,
    }


# ---------------------------------------------------------------- this came of it


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
    provider: str = ""
    """Who answered; empty: the one that `settle` is told."""


KEEP_SLOT = (ACCEPT, LOSE)
"""After these the frequency cap goes on counting a mail: only what may have reached the person counts."""


def _settle_send(transition: Transition[SendState], _: Dialect) -> Update:
    retry = bindparam("retry_at", type_=sends.c.due_at.type, required=True)
    frees_slot = {} if transition in KEEP_SLOT else {"counted_at": None}
    return (
        moved(transition)
        .where(sends.c.id == bindparam("send_id"), sends.c.attempt == bindparam("attempt_no"))
        .values(
            reason=bindparam("reason"),
            sent_at=bindparam("new_sent"),
            lease_until=None,
            due_at=func.coalesce(retry, sends.c.due_at),
            wake_at=func.coalesce(retry, sends.c.wake_at),
            tries=sends.c.tries + 1,
            **frees_slot,
        )
    )


def _settle_attempt(dialect: Dialect) -> Insert:
    into = (postgresql if dialect.name == "postgresql" else sqlite).insert(attempts)
    new = into.values({name: bindparam(name, required=True) for name in (*_STARTED, *_ENDED)})
    answered = {name: new.excluded[name] for name in ("outcome", "response", *_ENDED)}
    upsert: Insert = new.on_conflict_do_update(index_elements=["send_id", "attempt"], set_=answered)
    return upsert


_ENDED = ("reason", "retry_at", "ended_at")
_SETTLE_SEND = {transition: Prepared(partial(_settle_send, transition)) for transition in RECEIPTS}
_SETTLE_ATTEMPT = Prepared(_settle_attempt)


def settle(connection: Connection, settled: Sequence[Settled], provider: str) -> None:
    """Record receipts. Touches only sends of the same attempt; a late answer turns `unknown` into the truth.

    Raises IllegalTransitionError where a state is none that a receipt leads to.
    """
    if not settled:
        return
    in_order = sorted(settled, key=lambda result: result.send_id)
    for transition in dict.fromkeys(leading_to(result.state, RECEIPTS) for result in in_order):
        those = [_of_send(result) for result in in_order if result.state is transition.target]
        _SETTLE_SEND[transition].execute(connection, those)
    _SETTLE_ATTEMPT.execute(connection, [_of_attempt(result, provider) for result in in_order])


def _of_send(result: Settled) -> dict[str, Any]:
    return {
        "send_id": result.send_id,
        "attempt_no": result.attempt,
        "reason": result.reason,
        "new_sent": result.at if result.state is SendState.SENT else None,
        "retry_at": result.retry_at,
    }


def _of_attempt(result: Settled, provider: str) -> dict[str, Any]:
    return {
        "send_id": result.send_id,
        "attempt": result.attempt,
        "provider": result.provider or provider,
        "message_id": result.message_id,
        "outcome": result.outcome,
        "response": result.response[:RESPONSE_LIMIT],
        "reason": result.reason,
        "retry_at": result.retry_at,
        "started_at": result.at,
        "ended_at": result.at,
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
