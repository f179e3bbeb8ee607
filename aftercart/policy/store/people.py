"""What the gate needs to know about many people at once: one query per table and chunk, never one per person."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, and_, false, func, or_, select, true

from aftercart.db.among import among
from aftercart.db.chunks import chunks
from aftercart.db.session import insert_new
from aftercart.db.tables import sends, suppressions
from aftercart.policy.address_hash import PREFIX, AddressHashes, is_hash, key_id_of
from aftercart.policy.competition import Rival
from aftercart.policy.frequency_cap import Counted
from aftercart.policy.suppression import Suppression, SuppressionReason, SuppressionScope


def suppressions_of(
    connection: Connection, emails: Iterable[str], hashes: AddressHashes
) -> dict[str, tuple[Suppression, ...]]:
    """All entries of each normalized address, also of one that was erased. An address without any is missing."""
    kept_as = {kept: email for email in emails for kept in (email, *hashes.all_of(email))}
    found: defaultdict[str, list[Suppression]] = defaultdict(list)
    table = suppressions.c
    for chunk in chunks(kept_as):
        rows = connection.execute(
            select(table.email, table.scope, table.reason, table.at, table.topic)
            .where(among(table.email, chunk))
            .order_by(table.at, table.id)
        )
        for kept, scope, reason, at, topic in rows.all():
            found[kept_as[kept]].append(Suppression(SuppressionScope(scope), SuppressionReason(reason), at, topic))
    return {email: tuple(entries) for email, entries in found.items()}


def keys_missing(connection: Connection, hashes: AddressHashes) -> set[str]:
    """Keys by which erased addresses are kept and which are not there any more: these people would be mailed again."""
    width = len(PREFIX) + 8
    kept = select(func.substr(suppressions.c.email, 1, width)).where(
        suppressions.c.email >= PREFIX, suppressions.c.email < PREFIX.replace(":", ";")
    )
    found = {key_id_of(text) for text in connection.execute(kept.distinct()).scalars() if is_hash(text)}
    return {key_id for key_id in found if not hashes.knows(key_id)}


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
    # A claim may be older than a short cap reaches back, and its mail leaves all the same.
    lately = or_(sends.c.counted_at > since, sends.c.lease_until.is_not(None))
    found: defaultdict[int, list[Counted]] = defaultdict(list)
    for ids in chunks(persons):
        rows = connection.execute(
            select(sends.c.recipient_id, sends.c.counted_at, sends.c.campaign, sends.c.topic, sends.c.state)
            .where(among(sends.c.recipient_id, ids), sends.c.counted_at.is_not(None), lately, held)
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
    not hold others, nor may one that is over when its turn comes (the next step of its campaign is due then).
    """
    stuck = sends.c.reason.in_(sorted(but_not)) if but_not else false()
    chosen = true() if campaigns is None else sends.c.campaign.in_(sorted(campaigns))
    unclaimed = or_(sends.c.lease_until.is_(None), sends.c.lease_until <= now)
    columns = (sends.c.id, sends.c.due_at, sends.c.campaign, sends.c.topic, sends.c.priority)
    found: defaultdict[int, list[Rival]] = defaultdict(list)
    for ids in chunks(persons):
        rows = connection.execute(
            select(sends.c.recipient_id, *columns).where(
                among(sends.c.recipient_id, ids),
                sends.c.state == "scheduled",
                unclaimed,
                sends.c.due_at <= until,
                sends.c.valid_until > sends.c.due_at,
                sends.c.valid_until > now,
                or_(sends.c.reason.is_(None), ~stuck),
                chosen,
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
