"""The one mail that asks somebody to confirm: planned with the word that needs it, claimed, marked, settled.

The same protocol as with sends (see `aftercart/ledger`): a lease and a fencing token, a mark between the server's
go-ahead and the body, and whoever dies in between leaves `unknown`, which is never sent again by itself.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from aftercart.consent.statement import ConsentState
from aftercart.consent.states import ABANDON, ASK, BEGIN, DOUBT, OPEN, SKIP, ConfirmationState
from aftercart.consent.store.moves import moved
from aftercart.db.tables import confirmations, consents, preferences, recipients, suppressions
from aftercart.ids import new_id
from aftercart.transitions import Transition

CONFIRM_WITHIN = timedelta(days=3)
"""How long the mail is worth sending. The link in it works as long as the question stands."""
LEASE = timedelta(minutes=5)
NUDGE_AGAIN = timedelta(seconds=60)
"""When a message about a due one is taken for lost."""
REPLY_LEASE = timedelta(seconds=660)
"""RFC 5321 §4.5.3.2.6: ten minutes for the server's answer, and one more."""

# Written into the statement, not bound: else neither database could see that the partial index serves.
_IS_OPEN = confirmations.c.state.in_(
    bindparam("open_states", [str(state) for state in OPEN], expanding=True, literal_execute=True)
)


class Asking(NamedTuple):
    """A mail that asks, claimed under `attempt`, and whom it goes to."""

    id: UUID
    recipient_id: int
    attempt: int
    tries: int
    valid_until: datetime
    email: str
    first_name: str
    locale: str


def plan(connection: Connection, recipient_ids: Iterable[int], now: datetime) -> None:
    """Ask these people, once each."""
    rows = [
        {
            "id": new_id(),
            "recipient_id": id_,
            "state": ASK.target,
            "wake_at": now,
            "valid_until": now + CONFIRM_WITHIN,
            "attempt": 0,
            "tries": 0,
            "response": "",
            "created_at": now,
        }
        for id_ in recipient_ids
    ]
    if rows:
        connection.execute(insert(confirmations), rows)


def take_due(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Those that are due and that no message is under way for; they are marked as nudged."""
    due = (
        select(confirmations.c.id)
        .where(_IS_OPEN, confirmations.c.state == ConfirmationState.SCHEDULED, confirmations.c.wake_at <= now)
        .order_by(confirmations.c.wake_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ids = list(connection.execute(due).scalars())
    if ids:
        again = update(confirmations).where(confirmations.c.id.in_(ids))
        connection.execute(again.values(wake_at=now + NUDGE_AGAIN))
    return ids


def next_wake(connection: Connection) -> datetime | None:
    """When there is something to do next."""
    first: datetime | None = connection.execute(select(func.min(confirmations.c.wake_at)).where(_IS_OPEN)).scalar_one()
    return first


def claim(connection: Connection, ids: Collection[UUID], now: datetime) -> list[Asking]:
    """Those of these that are not asked yet, for this worker alone until their lease ends."""
    free = or_(confirmations.c.lease_until.is_(None), confirmations.c.lease_until <= now)
    due = (
        select(confirmations.c.id)
        .where(confirmations.c.id.in_(ids), confirmations.c.state == ConfirmationState.SCHEDULED, free)
        .order_by(confirmations.c.id)
        .with_for_update(key_share=True)
    )
    ids = list(connection.execute(due).scalars())
    if not ids:
        return []
    leased: dict[str, Any] = {
        "attempt": confirmations.c.attempt + 1,
        "lease_until": now + LEASE,
        "wake_at": now + LEASE,
    }
    connection.execute(update(confirmations).where(confirmations.c.id.in_(ids)).values(**leased))
    query = (
        select(
            confirmations.c.id,
            confirmations.c.recipient_id,
            confirmations.c.attempt,
            confirmations.c.tries,
            confirmations.c.valid_until,
            recipients.c.email,
            recipients.c.first_name,
            func.coalesce(func.nullif(preferences.c.locale, ""), recipients.c.locale),
        )
        .join(recipients, recipients.c.id == confirmations.c.recipient_id)
        .outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
        .where(confirmations.c.id.in_(ids))
        .order_by(confirmations.c.id)
    )
    return [Asking(*row) for row in connection.execute(query)]


def skip(connection: Connection, reasons: Iterable[tuple[Asking, str]]) -> None:
    """These are not asked after all."""
    for asking, reason in reasons:
        ended = moved(SKIP).where(confirmations.c.id == asking.id)
        connection.execute(ended.values(reason=reason, lease_until=None))


def begin(connection: Connection, starts: Iterable[Asking], now: datetime) -> set[UUID]:
    """Mark that bodies are about to leave; the ids of those that may."""
    stopped = select(suppressions.c.id).where(
        suppressions.c.email == recipients.c.email,
        recipients.c.id == confirmations.c.recipient_id,
        suppressions.c.scope == "all",
    )
    begun = set()
    for asking in starts:
        mark = (
            moved(BEGIN)
            .where(
                confirmations.c.id == asking.id,
                confirmations.c.attempt == asking.attempt,
                confirmations.c.lease_until > now,
                confirmations.c.valid_until > now,
                ~stopped.exists(),
            )
            .values(lease_until=now + REPLY_LEASE, wake_at=now + REPLY_LEASE)
        )
        if connection.execute(mark).rowcount == 1:
            begun.add(asking.id)
    return begun


def settle(connection: Connection, asking: Asking, change: Transition[ConfirmationState], **outcome: Any) -> None:
    """What became of a hand-over or its try, and other columns of the row. Who has lost the lease changes nothing; a
    late answer turns `unknown` into the truth."""
    of_attempt = (confirmations.c.id == asking.id, confirmations.c.attempt == asking.attempt)
    connection.execute(moved(change).where(*of_attempt).values(lease_until=None, **outcome))


def settle_abandoned(connection: Connection, now: datetime) -> int:
    """Hand-overs whose worker died: whether the mail went, nobody knows."""
    abandoned = moved(ABANDON).where(_IS_OPEN, confirmations.c.lease_until <= now)
    return connection.execute(abandoned.values(reason="unknown_outcome", lease_until=None)).rowcount


def put_in_doubt(connection: Connection, until: datetime, reason: str) -> int:
    """Those that were due by then may have been asked already, from elsewhere or before the database was set back."""
    due = moved(DOUBT).where(_IS_OPEN, confirmations.c.wake_at <= until + NUDGE_AGAIN)
    return connection.execute(due.values(reason=reason, lease_until=None)).rowcount


def put_late_in_doubt(connection: Connection, ids: Collection[UUID], doubt_until: datetime, reason: str) -> set[UUID]:
    """Of these, those that were planned after the doubt was settled, on a word that was given before it.

    The word came in late or for the second time, and whoever gave it was asked by then, or may have been.
    """
    word = (
        consents.c.recipient_id == confirmations.c.recipient_id,
        consents.c.recorded_at == confirmations.c.created_at,
        consents.c.state == ConsentState.PENDING,
        consents.c.at <= doubt_until,
    )
    is_new = (confirmations.c.attempt == 0, confirmations.c.reason.is_(None))
    late = (confirmations.c.created_at > doubt_until, select(consents.c.id).where(*word).exists(), *is_new)
    doubted = moved(DOUBT).where(confirmations.c.id.in_(ids), *late).values(reason=reason, lease_until=None)
    return set(connection.execute(doubted.returning(confirmations.c.id)).scalars())


def confirm(connection: Connection, id_: UUID, now: datetime) -> bool:
    """Note that somebody confirmed; False if they have before."""
    asked = (confirmations.c.id == id_, confirmations.c.confirmed_at.is_(None))
    return connection.execute(update(confirmations).where(*asked).values(confirmed_at=now)).rowcount == 1


def answered(connection: Connection, id_: UUID, recipient_id: int) -> bool | None:
    """Whether a question was answered; None: nobody was asked it."""
    query = select(confirmations.c.confirmed_at).where(
        confirmations.c.id == id_, confirmations.c.recipient_id == recipient_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else row.confirmed_at is not None
