"""What the gate needs to know about many people at once: one query per table and chunk, never one per person."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select, true

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
            select(table.email, table.scope, table.reason, table.at)
            .where(table.email.in_(chunk))
            .order_by(table.at, table.id)
        )
        for email, scope, reason, at in rows:
            found[email].append(Suppression(SuppressionScope(scope), SuppressionReason(reason), at))
    return {email: tuple(entries) for email, entries in found.items()}


def persons_of(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, int]:
    """Recipient id → the id that stands for the person, for these recipients and the other addresses of theirs.

    Two addresses are one person since a shop's customer went from one to the other.
    """
    found: dict[int, int] = {}
    wanted = set(recipient_ids)
    while wanted:  # once, or twice where one of them was merged into another
        for ids in _chunks(wanted, CHUNK // 2):
            rows = connection.execute(select(recipients.c.id, recipients.c.merged_into).where(_are_or_were(ids)))
            found |= {id_: id_ if into is None else into for id_, into in rows}
        wanted = set(found.values()) - found.keys()
    return found


def _are_or_were(ids: Sequence[int]) -> ColumnElement[bool]:
    """These recipients, and those that were merged into them."""
    return or_(recipients.c.id.in_(ids), recipients.c.merged_into.in_(ids))


def counted_sends(
    connection: Connection, persons: Mapping[int, int], since: datetime, now: datetime, boot_id: str | None = None
) -> dict[int, tuple[Counted, ...]]:
    """The mails of each person that hold a frequency-cap slot, those after `since`, the oldest first.

    `persons`: as `persons_of` gives it; the answer is by person. A claim whose lease ran out before its mail was
    handed over holds none: else the mail would be in its own way. One of an earlier boot than `boot_id` does: its
    mail may have left. One that is on its way counts as of now, because it may leave at any instant from its claim
    on: over midnight it takes a slot of the new day.
    """
    of_another_boot = and_(sends.c.boot_id.is_not(None), sends.c.boot_id != (boot_id or ""))
    held = or_(sends.c.state != "scheduled", sends.c.lease_until > now, of_another_boot)
    found: defaultdict[int, list[Counted]] = defaultdict(list)
    for ids in _chunks(persons):
        rows = connection.execute(
            select(sends.c.recipient_id, sends.c.counted_at, sends.c.campaign, sends.c.topic, sends.c.state)
            .where(sends.c.recipient_id.in_(ids), sends.c.counted_at.is_not(None), sends.c.counted_at > since, held)
            .order_by(sends.c.counted_at)
        )
        for recipient_id, at, campaign, topic, state in rows:
            at_last = max(at, now) if state == "scheduled" else at
            found[persons[recipient_id]].append(Counted(at_last, campaign, topic))
    return {person: tuple(sorted(mails, key=lambda mail: mail.at)) for person, mails in found.items()}


def planned_sends(
    connection: Connection,
    persons: Mapping[int, int],
    until: datetime,
    now: datetime,
    campaigns: Collection[str] | None = None,
    but_not: Collection[str] = (),
) -> dict[int, tuple[Rival, ...]]:
    """The mails of each person that nobody has claimed and that ask to go out by `until`: rivals for a slot.

    `campaigns`: only mails of these (the active ones). `but_not`: reasons for waiting that may last; such a mail must
    not hold others.
    """
    stuck = sends.c.reason.in_(sorted(but_not)) if but_not else false()
    among = true() if campaigns is None else sends.c.campaign.in_(sorted(campaigns))
    unclaimed = or_(sends.c.lease_until.is_(None), sends.c.lease_until <= now)
    columns = (sends.c.id, sends.c.due_at, sends.c.campaign, sends.c.topic, sends.c.priority)
    found: defaultdict[int, list[Rival]] = defaultdict(list)
    for ids in _chunks(persons):
        rows = connection.execute(
            select(sends.c.recipient_id, *columns).where(
                sends.c.recipient_id.in_(ids),
                sends.c.state == "scheduled",
                unclaimed,
                sends.c.due_at <= until,
                or_(sends.c.reason.is_(None), ~stuck),
                among,
            )
        )
        for recipient_id, *about in rows:
            found[persons[recipient_id]].append(Rival(*about))
    return {person: tuple(rivals) for person, rivals in found.items()}


def suppress(
    connection: Connection,
    emails: Iterable[str],
    reason: SuppressionReason,
    source: str,
    now: datetime,
    scope: SuppressionScope = SuppressionScope.ALL,
) -> None:
    """Never mail these addresses again, within the scope. An entry that is there already stays as it is."""
    rows = [
        {"email": email, "scope": scope, "reason": reason, "source": source, "at": now} for email in sorted(set(emails))
    ]
    insert_new(connection, suppressions, rows, unique=("email", "scope", "reason"))


def lock_recipients(connection: Connection, recipient_ids: Iterable[int]) -> None:
    """Hold these people until the transaction ends, so that nobody else counts or takes their slots meanwhile; with
    all addresses of theirs.

    On PostgreSQL it must be a statement of its own: a count in the same statement would still read the snapshot from
    before the lock was granted. All lock in the order of the ids, so that two batches never wait for each other. On
    SQLite the write transaction is immediate and has the whole database to itself.
    """
    if connection.dialect.name != "postgresql":
        return
    wanted, held = set(recipient_ids), set[int]()
    while wanted:  # once, or twice where one of them was merged into another
        found: dict[int, int | None] = {}
        for ids in _chunks(sorted(wanted), CHUNK // 2):
            columns = select(recipients.c.id, recipients.c.merged_into).where(_are_or_were(ids))
            # NO KEY UPDATE: a row elsewhere that refers to the person (a click, a decision) need not wait.
            rows = connection.execute(columns.order_by(recipients.c.id).with_for_update(key_share=True))
            found |= dict(rows.all())
        held |= wanted | found.keys()
        wanted = {into for into in found.values() if into is not None} - held


def _chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    unique = list(dict.fromkeys(values))
    return (unique[start : start + size] for start in range(0, len(unique), size))
