"""The vocabulary of feedback: what somebody told us about one of our mails."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from aftercart.delivery.blame import Blame, blame

_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -]|$)")
_ENHANCED = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")


class Kind(StrEnum):
    """What happened to the mail."""

    TAKEN = "taken"
    """The mail service has it. We mostly know that already, and from its answer."""
    READ = "read"
    """It was opened, or a link in it, as the mail service counts them."""
    DELIVERED = "delivered"
    """The recipient's mail server has it."""
    DELAYED = "delayed"
    """It is still being tried; another report follows."""
    HARD_BOUNCE = "hard_bounce"
    """It came back, and there is no such address."""
    SOFT_BOUNCE = "soft_bounce"
    """It came back, and the address may be fine: a full mailbox, a server that was away."""
    REFUSED = "refused"
    """It came back because of us: a blocklist, a policy, our reputation. Says nothing about the address."""
    COMPLAINT = "complaint"
    """Its reader marked it as spam."""
    UNSUBSCRIBE = "unsubscribe"
    """Its reader left by a way of the mail service's own."""
    AUTO_REPLY = "auto_reply"
    """A machine answered for its reader (away, on holiday)."""
    OTHER = "other"
    """Something that we act on in no way."""


OF_DOUBTS_ONLY = frozenset({Kind.TAKEN, Kind.READ})
"""What is no news but of a mail in doubt. Aftercart counts opens and clicks itself; theirs would fill the table."""


@dataclass(frozen=True, slots=True)
class Told:
    """One report about one mail. `key`: the same when it is told again by the same source."""

    kind: Kind
    key: str
    send_id: UUID | None
    """None: it does not say."""
    recipient: str = ""
    """The address it speaks of, in its own words but in lower case; empty if it does not say."""
    status: str = ""
    """The enhanced status code (RFC 3463), where there is one."""
    words: str = ""
    at: datetime | None = None
    """None: when we hear of it."""


class UnclearError(Exception):
    """A report that changes nothing, because it is not clear whom it is about or whether it is true.

    `reason`: a word for it, which is kept.
    """

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(f"{reason}: {words}")
        self.reason = reason


def bounce_kind(status: str, words: str, *, is_hard: bool | None = None) -> Kind:
    """Which kind of bounce. `is_hard`: what a mail service makes of it; None if it does not say.

    The words have the last say where they speak of us: services, too, call a blocklist's 550 a hard bounce.
    """
    code, status = code_and_status(status, words)
    whose = blame(code, status, words) if not status.startswith("4") else Blame.NOBODY
    if whose is Blame.US:
        return Kind.REFUSED
    if is_hard is None:
        is_hard = whose is Blame.ADDRESS
    # x.2.x is the state of a mailbox that is there (full, disabled).
    return Kind.HARD_BOUNCE if is_hard and not status.startswith(("4", "5.2")) else Kind.SOFT_BOUNCE


def code_and_status(status: str, words: str) -> tuple[int, str]:
    """The plain and the enhanced code, from the words where they are not given. 0 and empty: there is none."""
    code, enhanced = _CODE.search(words), _ENHANCED.search(words)
    said = enhanced[1] if enhanced else ""
    # A relay reports a general status (5.0.0) about an answer that says more.
    return int(code[1]) if code else 0, said if said and (not status or status.endswith(".0.0")) else status
