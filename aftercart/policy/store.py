"""What the gate needs to know about many people at once: one query per table and chunk, never one per person."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, false, func, or_, select, true

from aftercart.db.session import insert_new
from aftercart.db.tables import consents, recipients, sends, suppressions
from aftercart.policy.competition import Rival
from aftercart.policy.consent import ConsentState
from aftercart.policy.frequency_cap import Counted
from aftercart.policy.suppression import Suppression, SuppressionReason, SuppressionScope

CHUNK = 500
"""Values in one IN list: SQLite's oldest limit is 999 variables, and plans stay cached."""

T = TypeVar("T")


def current_consent(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, ConsentState]:
    """The newest word of each person (by its time, then by its id). Who never said anything is missing."""
    newest = func.row_number().over(
        partition_by=consents.c.recipient_id, order_by=(consents.c.at.desc(), consents.c.id.desc())
    )
    found: dict[int, ConsentState] = {}
    for ids in _chunks(recipient_ids):
        ranked = (
            select(consents.c.recipient_id, consents.c.state, newest.label("place"))
            .where(consents.c.recipient_id.in_(ids))
            .subquery()
        )
        rows = connection.execute(select(ranked.c.recipient_id, ranked.c.state).where(ranked.c.place == 1))
        found.update({recipient_id: ConsentState(state) for recipient_id, state in rows})
    return found


def suppressions_of(connection: Connection, emails: Iterable[str]) -> dict[str, tuple[Suppression, ...]]:
    """All entries of each normalized address. An address without any is missing."""
    found: defaultdict[str, list[Suppression]] = defaultdict(list)
    table = suppressions.c
    for chunk in _chunks(emails):
        rows = connection.execute(
            select(table.email, table.scope, table.reason, table.at, table.topic)
            .where(table.email.in_(chunk))
            .order_by(table.at, table.id)
        )
        for email, scope, reason, at, topic in rows:
            found[email].append(Suppression(SuppressionScope(scope), SuppressionReason(reason), at, topic))
    return {email: tuple(entries) for email, entries in found.items()}


def counted_sends(
    connection: Connection, recipient_ids: Iterable[int], since: datetime, now: datetime
) -> dict[int, tuple[Counted, ...]]:
    """The mails of each person that hold a frequency-cap slot, those after `since`, the oldest first.

    A claim whose lease ran out before its mail was handed over holds none: else the mail would be in its own way.
    One that is on its way counts as of now, because it may leave at any instant from its claim on: over midnight it
    takes a slot of the new day.
    """
    held = or_(sends.c.state != "scheduled", sends.c.lease_until > now)
    found: defaultdict[int, list[Counted]] = defaultdict(list)
    for ids in _chunks(recipient_ids):
        rows = connection.execute(
            select(sends.c.recipient_id, sends.c.counted_at, sends.c.campaign, sends.c.topic, sends.c.state)
            .where(sends.c.recipient_id.in_(ids), sends.c.counted_at.is_not(None), sends.c.counted_at > since, held)
            .order_by(sends.c.counted_at)
        )
        for recipient_id, at, campaign, topic, state in rows:
            found[recipient_id].append(Counted(max(at, now) if state == "scheduled" else at, campaign, topic))
    return {recipient_id: tuple(mails) for recipient_id, mails in found.items()}


def planned_sends(
    connection: Connection,
    recipient_ids: Iterable[int],
    until: datetime,
    campaigns: Collection[str] | None = None,
    but_not: Collection[str] = (),
) -> dict[int, tuple[Rival, ...]]:
    """The mails of each person that are still waiting and ask to go out by `until`: rivals for a slot.

    `campaigns`: only mails of these (the active ones). `but_not`: reasons for waiting that may last; such a mail must
    not hold others.
    """
    stuck = sends.c.reason.in_(sorted(but_not)) if but_not else false()
    among = true() if campaigns is None else sends.c.campaign.in_(sorted(campaigns))
    found: defaultdict[int, list[Rival]] = defaultdict(list)
    for ids in _chunks(recipient_ids):
        rows = connection.execute(
            select(sends.c.recipient_id, sends.c.due_at, sends.c.campaign, sends.c.topic, sends.c.priority).where(
                sends.c.recipient_id.in_(ids),
                sends.c.state == "scheduled",
                sends.c.counted_at.is_(None),
                sends.c.due_at <= until,
                or_(sends.c.reason.is_(None), ~stuck),
                among,
            )
        )
        for recipient_id, due_at, campaign, topic, priority in rows:
            found[recipient_id].append(Rival(due_at, campaign, topic, priority))
    return {recipient_id: tuple(rivals) for recipient_id, rivals in found.items()}


def suppress(
    connection: Connection,
    emails: Iterable[str],
    reason: SuppressionReason,
    source: str,
    now: datetime,
    scope: SuppressionScope = SuppressionScope.ALL,
    topic: str = "",
) -> None:
    """Never mail these addresses again, within the scope (`topic`: which one, where the scope is a topic).

    An entry that is there already stays as it is.
    """
    entry = {"scope": scope, "topic": topic, "reason": reason, "source": source, "at": now}
    rows = [{"email": email, **entry} for email in sorted(set(emails))]
    insert_new(connection, suppressions, rows, unique=("email", "scope", "topic", "reason"))


def lift(
    connection: Connection,
    email: str,
    scope: SuppressionScope = SuppressionScope.BRAND,
    topic: str = "",
    reasons: Collection[SuppressionReason] = (SuppressionReason.UNSUBSCRIBED,),
) -> int:
    """Take back entries of one address: what the person says themself, on a page or by confirming; how many there were.

    Raises ValueError for a reason that nobody may take back: a bounce, a complaint, an erasure.
    """
    if kept := [reason for reason in reasons if not reason.may_be_lifted]:
        raise ValueError(f"{kept[0]} is not to be taken back")
    taken = suppressions.delete().where(
        suppressions.c.email == email,
        suppressions.c.scope == scope,
        suppressions.c.topic == topic,
        suppressions.c.reason.in_(list(reasons)),
    )
    return connection.execute(taken).rowcount


def lock_recipients(connection: Connection, recipient_ids: Iterable[int]) -> None:
    """Hold these people until the transaction ends, so that nobody else counts or takes their slots meanwhile.

    On PostgreSQL it must be a statement of its own: a count in the same statement would still read the snapshot from
    before the lock was granted. All lock in the order of the ids, so that two batches never wait for each other. On
    SQLite the write transaction is immediate and has the whole database to itself.
    """
    if connection.dialect.name != "postgresql":
        return
    for ids in _chunks(sorted(set(recipient_ids))):
        statement = select(recipients.c.id).where(recipients.c.id.in_(ids)).order_by(recipients.c.id)
        # NO KEY UPDATE: a row elsewhere that refers to the person (a click, a decision) need not wait.
        connection.execute(statement.with_for_update(key_share=True))


def _chunks(values: Iterable[T]) -> Iterator[Sequence[T]]:
    unique = list(dict.fromkeys(values))
    return (unique[start : start + CHUNK] for start in range(0, len(unique), CHUNK))
