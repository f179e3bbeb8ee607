"""What a server's reply means for the message and for its recipient. Pure.

Codes: RFC 5321 §4.2; enhanced codes: RFC 3463.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from aftercart.delivery.base import Outcome, Receipt

SERVICE_CLOSING = 421
MESSAGE_TOO_BIG = 552
RESPONSE_LIMIT = 500

AUTH_CODES = frozenset({454, 530, 534, 535, 538})
"""Replies about our login (RFC 4954 §4, §6)."""
NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
"""No such mailbox, no such domain, bad syntax, moved away, null MX (RFC 7505)."""
PLAIN_NO_SUCH_ADDRESS = frozenset({550, 551, 553})

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})(?!\S)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Phase(StrEnum):
    """Where in the conversation a reply came."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    """After the final dot."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the server. `code` lies outside 200 to 599 when the server talks no SMTP."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code, or an empty string."""
        match = _ENHANCED.match(self.text)
        return match[1] if match else ""

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_refusal(self) -> bool:
        return 400 <= self.code < 600

    def __str__(self) -> str:
        return as_response(f"{self.code} {self.text}")


def as_response(words: str) -> str:
    """Words of a provider as they are stored: one line, at most 500 characters."""
    return _CONTROL.sub(" ", words).strip()[:RESPONSE_LIMIT]


def refusal(send_id: UUID, reply: Reply, phase: Phase) -> Receipt:
    """The receipt of a message that the server refused with a 4xx or 5xx reply.

    A refusal while connecting is about us: the message can be tried again once the operator has mended it.
    """
    for_good = reply.code >= 500 and phase is not Phase.CONNECT
    return Receipt(
        send_id=send_id,
        outcome=Outcome.REJECTED if for_good else Outcome.DEFERRED,
        response=str(reply),
        code=reply.code,
        hard_bounce=for_good and _is_hard_bounce(reply, phase),
        fault_is_ours=_is_our_fault(reply, phase),
    )


def _is_hard_bounce(reply: Reply, phase: Phase) -> bool:
    if phase is Phase.MAIL:  # speaks of the sender's address
        return False
    if reply.enhanced:
        return reply.enhanced in NO_SUCH_ADDRESS
    return phase is Phase.RCPT and reply.code in PLAIN_NO_SUCH_ADDRESS


def _is_our_fault(reply: Reply, phase: Phase) -> bool:
    if phase is Phase.CONNECT or reply.code == SERVICE_CLOSING or reply.code in AUTH_CODES:
        return True
    if phase is Phase.MAIL:
        return reply.code >= 500 and reply.code != MESSAGE_TOO_BIG
    return reply.enhanced.startswith("5.7.")
