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

    MARKETING = "marketing"
    ALL = "all"


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


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry for an address."""

    scope: SuppressionScope
    reason: SuppressionReason
    at: datetime

    def stops(self, mail: MailClass) -> bool:
        """Whether it stops this class of mail."""
        return self.scope is SuppressionScope.ALL or mail is MailClass.MARKETING


def blocks(suppressions: Iterable[Suppression], mail: MailClass) -> SuppressionReason | None:
    """Why an address with these entries must not get this class of mail (the oldest entry speaks); None if it may."""
    stopping = sorted((entry for entry in suppressions if entry.stops(mail)), key=lambda entry: entry.at)
    return stopping[0].reason if stopping else None
