"""What has fallen due, what was abandoned, and when to look next."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CTE, Connection, and_, bindparam, case, exists, func, or_, select, update

from aftercart.db.session import insert_new
from aftercart.db.tables import attempts, sends
from aftercart.ledger.states import ABANDON, OPEN, SendState
from aftercart.ledger.store.marks import REPLY_LEASE
from aftercart.ledger.store.moves import moved

NUDGE_AGAIN = timedelta(seconds=60)
"""When a message about a due send is taken for lost."""
UNKNOWN_OUTCOME = "unknown_outcome"

# Written into the statement, not bound: else neither database could see that the partial index ix_sends_wake serves.
IS_OPEN = sends.c.state.in_(bindparam("open_states", [*OPEN], expanding=True, literal_execute=True))
# The same for ix_sends_turn.
IS_SCHEDULED = sends.c.state == bindparam("scheduled_state", SendState.SCHEDULED.value, literal_execute=True)


def due_campaigns(connection: Connection, now: datetime) -> list[str]:
    """The campaigns of which mails are due that no message is under way for."""
    waiting = _campaigns_waiting()
    any_due = exists().where(IS_SCHEDULED, sends.c.campaign == waiting.c.campaign, sends.c.wake_at <= now)
    return list(connection.execute(select(waiting.c.campaign).where(any_due)).scalars())


def take_due(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Due sends that no message is under way for, longest due first; they are marked as nudged.

    Campaigns take turns: each gets an equal share of `limit`, and what some do not need the others get, so that a
    campaign of ten is not kept waiting by one of a hundred thousand. Those with the fewest stand first.
    """
    hungry, shares = due_campaigns(connection, now), Counter[str]()
    taken: dict[str, list[UUID]] = {campaign: [] for campaign in hungry}
    while hungry and (room := limit - sum(map(len, taken.values()))) > 0:
        share = -(-room // len(hungry))
        for campaign in hungry:
            room = limit - sum(map(len, taken.values()))
            found = _take_due(connection, campaign, now, min(share, room))
            taken[campaign] += found
            shares[campaign] = len(found)
        hungry = [campaign for campaign in hungry if shares[campaign] == share]
    return [send_id for ids in sorted(taken.values(), key=len) for send_id in ids]


def _take_due(connection: Connection, campaign: str, now: datetime, limit: int) -> list[UUID]:
    if limit <= 0:
        return []
    due = (
        select(sends.c.id)
        .where(IS_SCHEDULED, sends.c.campaign == campaign, sends.c.wake_at <= now)
        .order_by(sends.c.wake_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ids = list(connection.execute(due).scalars())
    if ids:
        again = {"wake_at": now + NUDGE_AGAIN}
        connection.execute(update(sends).where(sends.c.id.in_(ids)).values(**again))
    return ids


def _campaigns_waiting() -> CTE:
    """Every campaign of which mails wait, found by leaps through the index: one step a campaign, however many mails."""
    first = select(func.min(sends.c.campaign).label("campaign")).where(IS_SCHEDULED)
    waiting = first.cte("waiting", recursive=True)
    following = select(func.min(sends.c.campaign)).where(IS_SCHEDULED, sends.c.campaign > waiting.c.campaign)
    leap = select(following.correlate(waiting).scalar_subquery()).where(waiting.c.campaign.is_not(None))
    return waiting.union_all(leap)


NO_ANSWER = "no answer was recorded: the process or the machine stopped during the hand-over"


def settle_abandoned(connection: Connection, now: datetime, boot_id: str | None) -> list[int]:
    """Hand-overs whose worker died between the server's go-ahead and our commit become `unknown`.

    They may have been delivered, so they are never sent again by themselves and keep their frequency-cap slot. So do
    claims of an earlier boot than `boot_id`: the mark of their hand-over may have died with the machine.
    The enrollment of each.
    """
    claimed_before_the_boot = and_(sends.c.boot_id.is_not(None), sends.c.boot_id != (boot_id or ""))
    abandoned = (
        sends.c.lease_until <= now,
        or_(sends.c.state == SendState.SENDING, claimed_before_the_boot),
    )
    settled = moved(ABANDON).where(*abandoned).values(reason=UNKNOWN_OUTCOME, lease_until=None)
    found = connection.execute(settled.returning(sends.c.id, sends.c.attempt, sends.c.enrollment_id)).all()
    told = {"outcome": "unknown", "response": NO_ANSWER, "reason": UNKNOWN_OUTCOME, "ended_at": now}
    rows = [
        {"send_id": row.id, "attempt": row.attempt, "provider": "", "message_id": "", "started_at": now, **told}
        for row in sorted(found)
    ]
    insert_new(connection, attempts, rows, unique=("send_id", "attempt"), update=tuple(told))
    return [row.enrollment_id for row in found]


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
