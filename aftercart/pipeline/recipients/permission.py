"""What a recipient says about marketing mail as such: no more of it, no more of a topic, or yes again.

Whoever calls holds the person (`lock`), so that what was read stays true until the commit.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from aftercart.consent import store as consent
from aftercart.consent.standing import ConsentRules
from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.db.tables import decisions, sends, suppressions
from aftercart.ledger import store as ledger
from aftercart.outward import store as outward
from aftercart.outward.happening import Happening
from aftercart.policy import store as policy
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.consent import may_market
from aftercart.policy.reason import Reason
from aftercart.policy.suppression import Suppression, SuppressionReason, SuppressionScope
from aftercart.rights.store import is_erased


@dataclass(frozen=True, slots=True)
class Permission:
    """What a person permits. `topics_left`: topics that no mail may be about, by their own word or an operator's."""

    may_market: bool
    topics_left: frozenset[str]
    blocked_for: SuppressionReason | None
    """Why nobody may mail the address, whatever the person says; None where their word is what counts."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the brand makes of consent, and how erased addresses are known again."""

    rules: ConsentRules
    hashes: AddressHashes


def lock(connection: Connection, recipient_id: int) -> str | None:
    """Lock a person, with all addresses of theirs, until the transaction ends.

    Returns the address of this recipient; None if we do not know it (any more).
    """
    policy.lock_recipients(connection, [recipient_id])
    email = consent.lock_person(connection, recipient_id)
    return None if email is None or is_erased(email) else email


def permission(connection: Connection, recipient_id: int, terms: Terms, now: datetime) -> Permission:
    """What the person permits now."""
    person = policy.persons_of(connection, [recipient_id])
    addresses = policy.addresses_of(connection, person)
    entries = policy.suppressions_of_persons(connection, person, addresses, terms.hashes).get(recipient_id, ())
    state = consent.standings(connection, person, now, terms.rules).get(recipient_id)
    of_topics = [entry for entry in entries if entry.scope is SuppressionScope.TOPIC]
    foreign = [entry for entry in entries if entry not in of_topics and not _is_own(entry)]
    left = any(entry not in of_topics for entry in entries if _is_own(entry))
    return Permission(
        may_market=may_market(state) and not left and not foreign,
        topics_left=frozenset(entry.topic for entry in of_topics),
        blocked_for=foreign[0].reason if foreign else None,
    )


def leave(connection: Connection, recipient_id: int, email: str, way: str, now: datetime) -> None:
    """No more marketing mail of the brand. `way`: how they said so, kept as the source."""
    had_left = _has_left(connection, email)
    policy.suppress(connection, [email], SuppressionReason.UNSUBSCRIBED, way, now, SuppressionScope.BRAND)
    note_leaving(connection, way, now)
    if not had_left:
        _tell(connection, recipient_id, "", way, now)
    # Once, however often they click: the suppression stands for every further time. An older no of another place does
    # not say it: a yes from between the two may still arrive.
    said = consent.histories(connection, policy.persons_of(connection, [recipient_id]))
    newest = max((entry for history in said.values() for entry in history), key=lambda entry: entry.at, default=None)
    if not had_left or newest is None or newest.state is not ConsentState.DENIED:
        consent.record_consent(connection, recipient_id, ConsentStatement(ConsentState.DENIED, way, now), now)


def _has_left(
    connection: Connection, email: str, scope: SuppressionScope = SuppressionScope.BRAND, topic: str = ""
) -> bool:
    entry = (suppressions.c.scope == scope, suppressions.c.topic == topic)
    said = (suppressions.c.email == email, suppressions.c.reason == SuppressionReason.UNSUBSCRIBED)
    query = select(select(suppressions.c.id).where(*said, *entry).exists())
    return bool(connection.execute(query).scalar_one())


def leave_topic(
    connection: Connection, recipient_id: int, email: str, topics: Collection[str], way: str, now: datetime
) -> None:
    """No more mail about these topics; the others go on.

    Whether that is a leaving that counts (`note_leaving`), the caller knows: a topic may have been off before.
    """
    for topic in sorted(topics):
        if not _has_left(connection, email, SuppressionScope.TOPIC, topic):
            _tell(connection, recipient_id, topic, way, now)
        policy.suppress(connection, [email], SuppressionReason.UNSUBSCRIBED, way, now, SuppressionScope.TOPIC, topic)


def note_leaving(connection: Connection, way: str, now: datetime) -> None:
    """Keep, beside the mail that somebody left from, that they did; once. `way` names it: `one_click:01890…`.

    That they are suppressed may be taken back or erased; what a mail did to its reader stays true.
    """
    send_id = _left_from(way)
    if send_id is None:
        return
    known = select(decisions.c.id).where(decisions.c.send_id == send_id, decisions.c.stage == "leave").exists()
    mail = connection.execute(select(sends.c.campaign, sends.c.order_id).where(sends.c.id == send_id, ~known)).first()
    if mail is not None:
        left = ledger.Decision(
            at=now,
            stage="leave",
            campaign=mail.campaign,
            order_id=mail.order_id,
            send_id=send_id,
            outcome="left",
            reason=Reason.UNSUBSCRIBED,
            inputs={"way": way.partition(":")[0]},
        )
        ledger.keep_decisions(connection, [left])


def _left_from(way: str) -> UUID | None:
    try:
        return UUID(way.rpartition(":")[2])
    except ValueError:
        return None


def _tell(connection: Connection, recipient_id: int, topic: str, way: str, now: datetime) -> None:
    """Let others hear of it; who leaves, comes back and leaves again is told of twice."""
    key = f"{recipient_id}:{topic}:{now.isoformat()}"
    fact = outward.Fact(Happening.PERSON_UNSUBSCRIBED, key, recipient_id, now, _left_from(way), topic=topic)
    outward.note(connection, [fact], now)


def want_topic(connection: Connection, recipient_id: int, topics: Collection[str]) -> None:
    """Mail about these topics is wanted again."""
    for topic in sorted(topics):
        lift(connection, recipient_id, SuppressionScope.TOPIC, topic)


def come_back(
    connection: Connection, recipient_id: int, way: str, now: datetime, *, wording: str = "", ip: str = ""
) -> None:
    """The person wants marketing mail: they say so themself, on a page that only a mail to them leads to.

    `wording`: what the page asked them, `ip`: from where they answered.
    """
    lift(connection, recipient_id, SuppressionScope.BRAND)
    # Reached from their own mailbox, so there is nothing left to confirm.
    yes = ConsentStatement(ConsentState.GRANTED, way, now, Basis.DOUBLE_OPT_IN, wording, ip)
    consent.record_consent(connection, recipient_id, yes, now)


def lift(connection: Connection, recipient_id: int, scope: SuppressionScope, topic: str = "") -> None:
    """Take back that they left, whichever address of theirs it was said of."""
    for email in policy.addresses_of(connection, policy.persons_of(connection, [recipient_id])).values():
        policy.lift(connection, email, scope, topic)


def _is_own(entry: Suppression) -> bool:
    return entry.reason is SuppressionReason.UNSUBSCRIBED
