"""Addresses that must not be mailed, why, and for which mail."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MailClass(StrEnum):
    """What a mail is for. Transactional mail (a receipt, a login link) is owed to its reader."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class SuppressionScope(StrEnum):
    """Which mail a suppression stops."""

    TOPIC = "topic"
    """Marketing mail of one topic of the brand."""
    BRAND = "brand"
    """All marketing mail of the brand."""
    ALL = "all"
    """Every mail, receipts too."""


class SuppressionReason(StrEnum):
    """How an address came to be suppressed."""

    UNSUBSCRIBED = "unsubscribed"
    COMPLAINT = "complaint"
    """Its reader marked a mail of ours as spam."""
    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCES = "soft_bounces"
    MANUAL = "manual"
    IMPORTED = "imported"
    ERASED = "erased"
    """The person asked to be forgotten; all that is kept is that they must not be mailed."""

    @property
    def may_be_lifted(self) -> bool:
        """Whether it may be taken back at all. What a mail server, a mailbox provider or the law says stands."""
        return self in (SuppressionReason.UNSUBSCRIBED, SuppressionReason.MANUAL, SuppressionReason.IMPORTED)


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry for an address."""

    scope: SuppressionScope
    reason: SuppressionReason
    at: datetime
    topic: str = ""
    """Which one, where the scope is a topic."""

    def stops(self, mail: MailClass, topic: str = "") -> bool:
        """Whether it stops this class of mail, about this topic."""
        match self.scope:
            case SuppressionScope.ALL:
                return True
            case SuppressionScope.BRAND:
                return mail is MailClass.MARKETING
            case SuppressionScope.TOPIC:
                return mail is MailClass.MARKETING and topic == self.topic


def of_person(reason: SuppressionReason) -> bool:
    """Whether it goes with the person to another address of theirs. A mailbox that takes no mail is left behind."""
    return reason not in (SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCES)


def blocks(suppressions: Iterable[Suppression], mail: MailClass, topic: str = "") -> SuppressionReason | None:
    """Why an address with these entries must not get this class of mail, about this topic; None if it may.

    The oldest entry speaks.
    """
    stopping = sorted((entry for entry in suppressions if entry.stops(mail, topic)), key=lambda entry: entry.at)
    return stopping[0].reason if stopping else None
