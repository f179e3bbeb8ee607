"""What a server's reply means for the message and for its recipient. Pure.

Codes: RFC 5321 §4.2; enhanced codes: RFC 3463. Whose fault a refusal for good is: `blame.py`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from uuid import UUID

from aftercart.delivery.base import Outcome, Receipt
from aftercart.delivery.blame import Blame, blame
from aftercart.delivery.words import as_words

SERVICE_CLOSING = 421
MESSAGE_TOO_BIG = 552
NO_LOGIN_NOW = 454
"""RFC 4954 §6, RFC 3207 §4; Postfix: relay access denied."""
OF_THE_MAIL = frozenset({"5.2.3", "5.3.4", "5.6.7"})
"""Too big, or addressed in letters that the server does not take."""

_ENHANCED = re.compile(r"^#?([245]\.\d{1,3}\.\d{1,3})(?!\S)|\(#([245]\.\d{1,3}\.\d{1,3})\b")
"""At the start (RFC 2034), or where qmail and its kin put it: `sorry, no mailbox here by that name (#5.1.1)`."""


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

    @classmethod
    def of(cls, code: int, text: bytes | str) -> Self:
        """The reply whose text came in bytes."""
        return cls(code, text.decode("utf-8", "replace") if isinstance(text, bytes) else text)

    @property
    def enhanced(self) -> str:
        """The enhanced status code, or an empty string."""
        match = _ENHANCED.search(self.text)
        return (match[1] or match[2]) if match else ""

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_refusal(self) -> bool:
        return 400 <= self.code < 600

    def __str__(self) -> str:
        return as_words(f"{self.code} {self.text}")


def refusal(send_id: UUID, reply: Reply, phase: Phase) -> Receipt:
    """The receipt of a message that the server refused with a 4xx or 5xx reply.

    A refusal while connecting is about us: the message can be tried again once the operator has mended it.
    """
    for_good = reply.code >= 500 and phase is not Phase.CONNECT
    whose = _blame(reply, phase) if for_good else None
    return Receipt(
        send_id=send_id,
        outcome=Outcome.REJECTED if for_good else Outcome.DEFERRED,
        response=str(reply),
        code=reply.code,
        hard_bounce=whose is Blame.ADDRESS,
        fault_is_ours=whose is Blame.US if for_good else _is_about_the_line(reply, phase),
    )


def _blame(reply: Reply, phase: Phase) -> Blame:
    if phase is Phase.MAIL:  # it names the sender and what the mail needs, and no recipient
        of_the_mail = reply.code == MESSAGE_TOO_BIG or reply.enhanced in OF_THE_MAIL
        return Blame.NOBODY if of_the_mail else Blame.US
    return blame(reply.code, reply.enhanced, reply.text)


def _is_about_the_line(reply: Reply, phase: Phase) -> bool:
    """Of a refusal for now. One recipient's greylisting or throttling (4.7.x) is not: others may get through."""
    return phase is Phase.CONNECT or reply.code in (SERVICE_CLOSING, NO_LOGIN_NOW)
