"""Reading and moving sends. Each function runs in the caller's transaction and takes a batch.

Locks are always taken in this order, and within a table in the order of the ids, so that two workers never wait for
each other in a circle: recipients, customers, orders (see `aftercart/intake/store`), sends, enrollments.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from aftercart.db.session import insert_new
from aftercart.db.tables import (
    attempts,
    consents,
    decisions,
    enrollments,
    links,
    orders,
    picks,
    recipients,
    sends,
    suppressions,
)
from aftercart.ledger.states import OPEN, SendState

LEASE = timedelta(seconds=120)
"""How long a worker may hold a claimed send before another may take it. Renewed while the worker lives."""
REPLY_LEASE = timedelta(seconds=660)
"""How long a hand-over may stay open: the ten minutes that RFC 5321 §4.5.3.2.6 gives the server, and one more."""
NUDGE_AGAIN = timedelta(seconds=60)
"""When a message about a due send is taken for lost."""

# Written into the statement, not bound: else neither database could see that the partial index ix_sends_wake serves.
IS_OPEN = sends.c.state.in_(bindparam("open_states", [*OPEN], expanding=True, literal_execute=True))


# ---------------------------------------------------------------- dispatching


def take_due(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Due sends that no message is under way for, longest due first; they are marked as nudged."""
    due = (
        select(sends.c.id)
        .where(IS_OPEN, sends.c.state == SendState.SCHEDULED, sends.c.wake_at <= now)
        .order_by(sends.c.wake_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ids = list(connection.execute(due).scalars())
    if ids:
        again = {"wake_at": now + NUDGE_AGAIN}
        connection.execute(update(sends).where(sends.c.id.in_(ids)).values(**again))
    return ids


def settle_abandoned(connection: Connection, now: datetime) -> int:
    """Hand-overs whose worker died between the server's go-ahead and our commit become `unknown`.

    They may have been delivered, so they are never sent again by themselves and keep their frequency-cap slot.
    """
    abandoned = and_(IS_OPEN, sends.c.state == SendState.SENDING, sends.c.wake_at <= now)
    settled = update(sends).where(abandoned).values(state=SendState.UNKNOWN, reason="unknown_outcome", lease_until=None)
    concerned = list(connection.execute(settled.returning(sends.c.enrollment_id)).scalars())
    complete_enrollments(connection, concerned, now)
    return len(concerned)


def take_over(connection: Connection, now: datetime) -> None:
    """Treat every lease and every message under way as lost; the next round of the dispatcher settles all of it.

    For whoever knows that none of the workers that held them is alive.
    """
    held = sends.c.lease_until.is_not(None)
    connection.execute(
        update(sends)
        .where(sends.c.state.in_(OPEN), sends.c.wake_at > now, or_(held, sends.c.due_at <= now))
        .values(wake_at=now, lease_until=case((held, now), else_=None))
    )


def is_busy(connection: Connection, now: datetime) -> bool:
    """Whether anything is due, claimed or being handed over now."""
    open_now = select(sends.c.id).where(
        sends.c.state.in_(OPEN), sends.c.wake_at <= now + REPLY_LEASE, sends.c.due_at <= now
    )
    return connection.execute(open_now.limit(1)).first() is not None


def next_wake(connection: Connection) -> datetime | None:
    """When the dispatcher will have something to do next."""
    waiting = select(func.min(sends.c.wake_at)).where(IS_OPEN)
    earliest: datetime | None = connection.execute(waiting).scalar_one()
    return earliest


# ---------------------------------------------------------------- claiming


def due(connection: Connection, ids: Sequence[UUID], now: datetime) -> list[dict[str, Any]]:
    """Of `ids`, the sends that may be decided now: scheduled, due, and leased to nobody."""
    return [dict(row) for row in connection.execute(_due(ids, now)).mappings()]


def lock_due(connection: Connection, ids: Sequence[UUID], now: datetime) -> list[dict[str, Any]]:
    """The same, locked until commit. A slot that a dead worker's claim still holds is given back.

    Their recipients must be locked already: whoever takes slots of a person holds the person.
    """
    rows = [dict(row) for row in connection.execute(_due(ids, now).with_for_update(key_share=True)).mappings()]
    stale = [row["id"] for row in rows if row["counted_at"] is not None]
    if stale:
        connection.execute(update(sends).where(sends.c.id.in_(stale)).values(counted_at=None, lease_until=None))
    return rows


def _due(ids: Sequence[UUID], now: datetime) -> Select[Any]:
    free = or_(sends.c.lease_until.is_(None), sends.c.lease_until <= now)
    due_now = (sends.c.id.in_(ids), sends.c.state == SendState.SCHEDULED, sends.c.due_at <= now, free)
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


def claim(connection: Connection, claims: Sequence[Claim], now: datetime) -> None:
    """Lease the sends and reserve their frequency-cap slots. The rows are locked by `lock_due`."""
    if not claims:
        return
    statement = (
        update(sends)
        .where(sends.c.id == bindparam("send"), sends.c.state == SendState.SCHEDULED)
        .values(
            attempt=bindparam("new_attempt"),
            lease_until=now + LEASE,
            wake_at=now + LEASE,
            counted_at=now,
            reason=None,
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


def end(connection: Connection, ended: Mapping[UUID, tuple[SendState, str]]) -> None:
    """Give sends that were not handed over their last state. Frees their cap slot."""
    if not ended:
        return
    statement = (
        update(sends)
        .where(sends.c.id == bindparam("send"), sends.c.state == SendState.SCHEDULED)
        .values(state=bindparam("new_state"), reason=bindparam("why"), lease_until=None, counted_at=None)
    )
    connection.execute(statement, [{"send": i, "new_state": state, "why": why} for i, (state, why) in ended.items()])


def cancel_enrollments(connection: Connection, exits: Mapping[int, str], now: datetime) -> None:
    """Exit enrollments and cancel what they still had planned. A send already handed over stays as it is."""
    if not exits:
        return
    rows = [{"enrollment": i, "why": why} for i, why in sorted(exits.items())]
    _lock(connection, sends, sends.c.enrollment_id.in_(list(exits)), sends.c.state == SendState.SCHEDULED)
    connection.execute(
        update(sends)
        .where(sends.c.enrollment_id == bindparam("enrollment"), sends.c.state == SendState.SCHEDULED)
        .values(state=SendState.CANCELED, reason=bindparam("why"), lease_until=None, counted_at=None),
        rows,
    )
    connection.execute(
        update(enrollments)
        .where(enrollments.c.id == bindparam("enrollment"), enrollments.c.state == "active")
        .values(state="exited", exit_reason=bindparam("why"), ended_at=now),
        rows,
    )


def complete_enrollments(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """Enrollments of which every send has ended are completed.

    Locked in a statement of its own: of two workers that end the last two sends of an enrollment at the same
    instant the second must see what the first has done.
    """
    concerned = sorted(set(ids))
    if not concerned:
        return
    _lock(connection, enrollments, enrollments.c.id.in_(concerned))
    still_open = exists().where(sends.c.enrollment_id == enrollments.c.id, sends.c.state.in_(OPEN))
    connection.execute(
        update(enrollments)
        .where(enrollments.c.id.in_(concerned), enrollments.c.state == "active", ~still_open)
        .values(state="completed", ended_at=now)
    )


def readdress(connection: Connection, order_ids: Collection[int]) -> int:
    """Where the shop has given an order another recipient, planned mails go to them; how many do.

    One that is claimed is decided anew: the new person has caps, consent and a clock of their own.
    """
    moved = (
        select(sends.c.id, sends.c.enrollment_id, orders.c.recipient_id)
        .join(orders, orders.c.id == sends.c.order_id)
        .where(orders.c.id.in_(order_ids), sends.c.state == SendState.SCHEDULED)
        .where(sends.c.recipient_id != orders.c.recipient_id)
        .order_by(sends.c.id)
    )
    rows = [row._asdict() for row in connection.execute(moved.with_for_update(of=sends, key_share=True))]
    if rows:
        to: dict[str, Any] = {"recipient_id": bindparam("to")}
        freed: dict[str, Any] = {"lease_until": None, "counted_at": None, "wake_at": sends.c.due_at}
        sends_ = [{"send": row["id"], "to": row["recipient_id"]} for row in rows]
        connection.execute(update(sends).where(sends.c.id == bindparam("send")).values(**to, **freed), sends_)
        enrolled = sorted({(row["enrollment_id"], row["recipient_id"]) for row in rows})
        of_enrollment = update(enrollments).where(enrollments.c.id == bindparam("enrollment")).values(**to)
        connection.execute(of_enrollment, [{"enrollment": id_, "to": whom} for id_, whom in enrolled])
    return len(rows)


def _lock(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> None:
    """Hold rows until commit, taken in the order of their ids. SQLite's write transaction holds everything already."""
    if connection.dialect.name == "postgresql":
        chosen = select(table.c.id).where(*conditions).order_by(table.c.id)
        connection.execute(chosen.with_for_update(key_share=True))


# ---------------------------------------------------------------- handing over


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


# ---------------------------------------------------------------- what is kept beside a send


def keep_decisions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append decisions to the record that `explain` reads."""
    if rows:
        connection.execute(decisions.insert(), [{"until": None, "send_id": None, **row} for row in rows])


def keep_content(
    connection: Connection,
    ids: Sequence[UUID],
    pick_rows: Sequence[Mapping[str, Any]],
    link_rows: Sequence[Mapping[str, Any]],
) -> None:
    """Keep what claimed sends offer and where their links lead, in place of what an earlier claim had prepared."""
    for table, rows in ((picks, pick_rows), (links, link_rows)):
        connection.execute(delete(table).where(table.c.send_id.in_(ids)))
        if rows:
            connection.execute(table.insert(), rows)


def offered_since(connection: Connection, recipient_ids: Iterable[int], since: datetime) -> dict[int, set[str]]:
    """The products that people were offered in mails that left since an instant."""
    rows = connection.execute(
        select(sends.c.recipient_id, picks.c.sku)
        .join(picks, picks.c.send_id == sends.c.id)
        .where(sends.c.recipient_id.in_(set(recipient_ids)), sends.c.counted_at >= since)
    )
    offered: dict[int, set[str]] = {}
    for recipient_id, sku in rows:
        offered.setdefault(recipient_id, set()).add(sku)
    return offered
