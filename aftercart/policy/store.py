"""What the gate needs to know about many people at once: one query per table and chunk, never one per person."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, case, false, func, or_, select, true, update

from aftercart.db.session import insert_new
from aftercart.db.tables import clicks, consents, orders, recipients, sends, suppressions
from aftercart.db.tables import pauses as pauses_table
from aftercart.policy.competition import Rival
from aftercart.policy.consent import ConsentState
from aftercart.policy.frequency_cap import Counted
from aftercart.policy.guard import PauseScope, Toll
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
            select(sends.c.recipient_id, sends.c.counted_at, sends.c.campaign, sends.c.state)
            .where(sends.c.recipient_id.in_(ids), sends.c.counted_at.is_not(None), sends.c.counted_at > since, held)
            .order_by(sends.c.counted_at)
        )
        for recipient_id, at, campaign, state in rows:
            found[recipient_id].append(Counted(max(at, now) if state == "scheduled" else at, campaign))
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
            select(sends.c.recipient_id, sends.c.due_at, sends.c.campaign, sends.c.priority).where(
                sends.c.recipient_id.in_(ids),
                sends.c.state == "scheduled",
                sends.c.counted_at.is_(None),
                sends.c.due_at <= until,
                or_(sends.c.reason.is_(None), ~stuck),
                among,
            )
        )
        for recipient_id, due_at, campaign, priority in rows:
            found[recipient_id].append(Rival(due_at, campaign, priority))
    return {recipient_id: tuple(rivals) for recipient_id, rivals in found.items()}


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


# ---------------------------------------------------------------- the guard

REACHED = ("sent", "delivered", "complained")
"""States of mails that somebody may have read."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What has paused itself: a campaign by its `name`, or (empty) the brand. `figures`: what it rests on."""

    scope: PauseScope
    name: str
    because: str
    at: datetime
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> tuple[PauseScope, str]:
        return self.scope, self.name

    @property
    def way_out(self) -> str:
        """What a person types to end it."""
        return f"`aftercart resume {self.name or '--brand'}` lets it go on"

    def __str__(self) -> str:
        what = f"the campaign {self.name} has" if self.name else "all mail has"
        return f"{what} paused itself: {self.because}"


def pauses(connection: Connection) -> list[Pause]:
    """What is paused now."""
    names = ("scope", "name", "because", "at", "figures")
    query = select(*(pauses_table.c[name] for name in names)).where(pauses_table.c.lifted_at.is_(None))
    rows = connection.execute(query.order_by(pauses_table.c.id))
    return [Pause(PauseScope(scope), *rest) for scope, *rest in rows]


def keep_pauses(connection: Connection, new: Sequence[Pause]) -> None:
    """Pause these."""
    if new:
        connection.execute(pauses_table.insert(), [{**asdict(pause), "lifted_by": ""} for pause in new])


def lift_pause(connection: Connection, scope: PauseScope, name: str, *, by: str, now: datetime) -> None:
    """End a pause, on somebody's word."""
    mine = (pauses_table.c.scope == scope, pauses_table.c.name == name, pauses_table.c.lifted_at.is_(None))
    connection.execute(update(pauses_table).where(*mine).values(lifted_at=now, lifted_by=by))


def lifted_since(connection: Connection, since: datetime) -> dict[tuple[PauseScope, str], datetime]:
    """When pauses were last ended, of those that were since an instant."""
    last = func.max(pauses_table.c.lifted_at)
    query = select(pauses_table.c.scope, pauses_table.c.name, last).where(pauses_table.c.lifted_at > since)
    rows = connection.execute(query.group_by(pauses_table.c.scope, pauses_table.c.name))
    return {(PauseScope(scope), name): at for scope, name, at in rows}


def tolls(connection: Connection, since: datetime) -> dict[str, Toll]:
    """What the mails that left since an instant did to people, by campaign."""
    complained = func.sum(case((sends.c.state == "complained", 1), else_=0))
    reached = (sends.c.sent_at > since, sends.c.state.in_(REACHED))
    query = select(sends.c.campaign, func.count(), complained).where(*reached).group_by(sends.c.campaign)
    counted = {campaign: (mails, int(complaints)) for campaign, mails, complaints in connection.execute(query)}
    left = _left(connection, since)
    return {campaign: Toll(*numbers, left[campaign]) for campaign, numbers in counted.items()}


def _left(connection: Connection, since: datetime) -> Counter[str]:
    """By campaign, from how many of its mails since then people have left. The way that they took names the mail."""
    table = suppressions.c
    ways = select(table.source).where(table.reason == SuppressionReason.UNSUBSCRIBED, table.at > since)
    found: Counter[str] = Counter()
    for ids in _chunks(send_id for way in connection.execute(ways).scalars() if (send_id := _send_in(way))):
        query = select(sends.c.campaign, func.count()).where(sends.c.id.in_(ids), sends.c.sent_at > since)
        found.update(dict(connection.execute(query.group_by(sends.c.campaign)).all()))
    return found


def _send_in(way: str) -> UUID | None:
    """`one_click:01890…`; others (a file, the shop) name none."""
    try:
        return UUID(way.rpartition(":")[2])
    except ValueError:
        return None


def ignored(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, int]:
    """How many mails each person was sent since they last clicked in one, as a person does, or ordered."""
    found: dict[int, int] = {}
    for ids in _chunks(recipient_ids):
        clicked = _last(clicks.c.recipient_id, clicks.c.at, clicks.c.verdict == "human", ids)
        ordered = _last(orders.c.recipient_id, orders.c.placed_at, true(), ids)
        query = (
            select(sends.c.recipient_id, func.count())
            .outerjoin(clicked, clicked.c.recipient_id == sends.c.recipient_id)
            .outerjoin(ordered, ordered.c.recipient_id == sends.c.recipient_id)
            .where(
                sends.c.recipient_id.in_(ids),
                sends.c.state.in_(REACHED),
                or_(clicked.c.last.is_(None), sends.c.sent_at > clicked.c.last),
                or_(ordered.c.last.is_(None), sends.c.sent_at > ordered.c.last),
            )
            .group_by(sends.c.recipient_id)
        )
        found.update(dict(connection.execute(query).all()))
    return found


def _last(person: Any, at: Any, condition: Any, ids: Sequence[int]) -> Any:
    query = select(person.label("recipient_id"), func.max(at).label("last")).where(person.in_(ids), condition)
    return query.group_by(person).subquery()


def _chunks(values: Iterable[T]) -> Iterator[Sequence[T]]:
    unique = list(dict.fromkeys(values))
    return (unique[start : start + CHUNK] for start in range(0, len(unique), CHUNK))
