"""Mails in doubt that their provider can clear up: when it is asked next, and what it is given once more."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, exists, false, func, insert, or_, select, update

from aftercart.db.session import insert_new
from aftercart.db.tables import attempts, doubts, orders, sends
from aftercart.ledger.states import BEGIN_AGAIN, DELIVER, SendState
from aftercart.ledger.store.by_hand import IS_UNKNOWN
from aftercart.ledger.store.fences import IS_HELD
from aftercart.ledger.store.marks import REPLY_LEASE
from aftercart.ledger.store.moves import moved
from aftercart.ledger.store.permission import has_agreed, has_left

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=2), timedelta(hours=1)
"""Between two questions: doubled each time."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A mail that `provider` may know until an instant.

    `message`: as it was handed over; None: it can only be asked about. `account`: the keyed mark of whose mail it is
    there. `again_at`: its next turn.
    """

    send_id: UUID
    attempt: int
    provider: str
    until: datetime
    message: bytes | None = None
    account: str = ""
    again_at: datetime | None = None


def keep_doubts(connection: Connection, found: Sequence[Doubt], now: datetime) -> None:
    """Remember mails that have just come into doubt."""
    rows = [
        {
            "send_id": doubt.send_id,
            "attempt": doubt.attempt,
            "provider": doubt.provider,
            "account": doubt.account,
            "message": doubt.message,
            "tries": 0,
            "again_at": now + FIRST_WAIT,
            "until": doubt.until,
        }
        for doubt in sorted(found, key=lambda doubt: doubt.send_id)
    ]
    columns = ("attempt", "provider", "account", "message", "tries", "again_at", "until")
    insert_new(connection, doubts, rows, unique=("send_id",), update=columns)


def find_doubts(connection: Connection, providers: Collection[str], since: datetime, until: datetime) -> None:
    """Remember mails in doubt that these providers were given since an instant, and that nobody has noted yet.

    Those whose worker died are among them.
    """
    of_attempt = (attempts.c.send_id == sends.c.id) & (attempts.c.attempt == sends.c.attempt)
    given = (IS_UNKNOWN, attempts.c.provider.in_(list(providers)), attempts.c.started_at >= since)
    noted = exists().where(doubts.c.send_id == sends.c.id)
    query = select(sends.c.id, sends.c.attempt, attempts.c.provider).join(attempts, of_attempt).where(*given, ~noted)
    rows = [
        {"send_id": id_, "attempt": attempt, "provider": provider, "tries": 0, "again_at": since, "until": until}
        for id_, attempt, provider in connection.execute(query)
    ]
    if rows:
        insert_new(connection, doubts, [{**row, "account": "", "message": None} for row in rows], unique=("send_id",))


def take_doubts(connection: Connection, now: datetime, limit: int) -> list[Doubt]:
    """The doubts whose turn it is; nobody else takes them before their next one. Those that are over are forgotten."""
    under_way = sends.c.state == SendState.SENDING  # given once more: if its worker dies, it is in doubt again
    of_attempt = (sends.c.id == doubts.c.send_id, sends.c.attempt == doubts.c.attempt)
    still = exists().where(*of_attempt, or_(IS_UNKNOWN, under_way))
    connection.execute(delete(doubts).where(doubts.c.again_at <= now, or_(doubts.c.until <= now, ~still)))
    due = (
        select(doubts)
        .where(doubts.c.again_at <= now)
        .order_by(doubts.c.again_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = []
    for row in connection.execute(due).all():
        again_at = now + min(FIRST_WAIT * 2 ** min(row.tries + 1, 10), LONGEST_WAIT)
        again = {"tries": row.tries + 1, "again_at": again_at}
        connection.execute(update(doubts).where(doubts.c.send_id == row.send_id).values(**again))
        found.append(
            Doubt(row.send_id, row.attempt, row.provider, row.until, row.message, row.account, again_at=again_at)
        )
    return found


def may_begin_again(connection: Connection, doubt: Doubt, now: datetime) -> dict[str, Any] | None:
    """The mail as it stands, if `begin_again` would let it go."""
    row = connection.execute(select(sends).where(IS_UNKNOWN, *_may_go(doubt, now))).mappings().first()
    return dict(row) if row else None


def begin_again(connection: Connection, doubt: Doubt, message_id: str, now: datetime) -> bool:
    """Mark that a mail in doubt is about to be given to its provider once more, the same and under the same key.

    Not if its fate is known by now, the provider may have forgotten its key, it is worth nothing any more, its order
    was taken back, all mail is held, or its person has left since: had it not come before, it would come now. The mail
    goes on holding its slot. The doubt stays noted until there is an answer: the worker may die before.
    """
    reply_until = now + REPLY_LEASE
    begun = {"attempt": doubt.attempt + 1, "lease_until": reply_until, "wake_at": reply_until}
    if connection.execute(moved(BEGIN_AGAIN).where(*_may_go(doubt, now)).values(**begun)).rowcount != 1:
        return False
    started = {"send_id": doubt.send_id, "attempt": doubt.attempt + 1, "provider": doubt.provider}
    answer = {"message_id": message_id, "outcome": "started", "response": "", "started_at": now}
    connection.execute(insert(attempts), {**started, **answer})
    noted = {"attempt": doubt.attempt + 1, "again_at": reply_until + FIRST_WAIT}
    connection.execute(update(doubts).where(doubts.c.send_id == doubt.send_id).values(**noted))
    return True


def ask_later(connection: Connection, doubt: Doubt) -> None:
    """The provider was busy when it was given the mail once more: its next turn is the one that was set before."""
    connection.execute(update(doubts).where(*_given_again(doubt)).values(again_at=doubt.again_at))


def forget_doubt(connection: Connection, doubt: Doubt) -> None:
    """Giving the mail once more had an answer, or will never have one."""
    connection.execute(delete(doubts).where(*_given_again(doubt)))


def _given_again(doubt: Doubt) -> tuple[ColumnElement[bool], ...]:
    return doubts.c.send_id == doubt.send_id, doubts.c.attempt == doubt.attempt + 1


def _may_go(doubt: Doubt, now: datetime) -> tuple[ColumnElement[bool], ...]:
    noted = (doubts.c.send_id == doubt.send_id, doubts.c.attempt == doubt.attempt)
    return (
        sends.c.id == doubt.send_id,
        sends.c.attempt == doubt.attempt,
        sends.c.valid_until > now,
        exists().where(*noted, doubts.c.until > now),
        exists().where(orders.c.id == sends.c.order_id, orders.c.state == "completed"),
        ~has_left(false()),
        has_agreed(),
        ~IS_HELD,
    )


def arrived(connection: Connection, send_ids: Collection[UUID], reason: str) -> set[UUID]:
    """Of these mails somebody or something has opened a link: those in doubt have come; which these are."""
    those = (IS_UNKNOWN, sends.c.id.in_(sorted(send_ids)))
    left = {"sent_at": func.coalesce(sends.c.sent_at, sends.c.counted_at)}
    have_come = moved(DELIVER).where(*those).values(reason=reason, **left).returning(sends.c.id)
    return set(connection.execute(have_come).scalars())
