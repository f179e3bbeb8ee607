"""What a mail service's answer means for the message and for its recipient. Pure.

Vendors agree on little but the meaning of HTTP's status codes (RFC 9110 §15). Who is at fault, where a code does not
say so, their words must say clearly; else it is us, and the mail is tried again once somebody has mended it.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from aftercart.delivery.address import wire_address
from aftercart.delivery.base import Outcome
from aftercart.delivery.limits.breaker import OF_ONE_MAIL

LONGEST_WAIT = timedelta(days=1)
MOST_DIGITS = len("86400")
"""Of seconds. Python refuses to read a number of thousands of digits."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The outcome, and whose fault it is (as in `Receipt`)."""

    outcome: Outcome
    fault_is_ours: bool = False
    hard_bounce: bool = False


_ACCEPTED = Meaning(Outcome.ACCEPTED)
_IN_DOUBT = Meaning(Outcome.UNKNOWN, fault_is_ours=True)
_LATER = Meaning(Outcome.DEFERRED)
_ONCE_MENDED = Meaning(Outcome.DEFERRED, fault_is_ours=True)
_NOT_A_MAIL = Meaning(Outcome.REJECTED, fault_is_ours=True)
_NOT_TO_THEM = Meaning(Outcome.REJECTED)
_NEVER_TO_THEM = Meaning(Outcome.REJECTED, hard_bounce=True)

TOOK_NOTHING = frozenset({501, 503, 505, 507, 511, 521, 523, 525, 526})
"""Of the 5xx, those that say that nothing was begun. 52x: Cloudflare's, of a vendor that it could not reach.

All others (500, 502, 504, 520, 524 ...) come after the request was passed on: its mail may have been taken.
"""
_SPEAKS_OF_US = re.compile(
    r"\bfrom\b|\bsender|reply[-_ ]?to|domain|verif|auth|api[-_ ]?key|token|credential|permission|forbidden|denied"
    r"|suspend|paused|quota|limit|plan\b|account|subscription|unsigned|test[-_ ]?mode|stream",
    re.IGNORECASE,
)
_SPEAKS_OF_THE_RECIPIENT = re.compile(
    r"\brecipient|(?:^|[\s'\"`.\[(])to(?:\.\d+|\[\d+\])?(?:\.?email)?['\"`\])]*\s*"
    r"(?:[.\[:'\"`]|address|field|parameter|e-?mail|is |must )|\bin to\b",
    re.IGNORECASE,
)
_NAMES_THE_FIELD_TO = re.compile(
    r"['\"`]to['\"`]|(?:^|[\s'\"`.\[(])to(?:\.\d+|\[\d+\]|(?<!reply to) (?:field|parameter)\b)", re.IGNORECASE
)
_NAMES_THE_SENDER = re.compile(r"\bfrom\b|\bsender|reply[-_ ]?to", re.IGNORECASE)
_GONE_FOR_GOOD = re.compile(
    r"hard[-_ ]?bounce|permanent[-_ ]?unavailable|spam[-_ ]?complaint"
    r"|inactive (?:address|recipient)|marked as inactive",
    re.IGNORECASE,
)
_FOR_NOW = re.compile(r"\btemporar", re.IGNORECASE)
_KNOWN_ALREADY = re.compile(r'"code"\s*:\s*"duplicate_request"')
"""Brevo does not answer a mail that was given twice as it did before, but says this."""
_WRONG_DOOR = re.compile(r"magnificent api", re.IGNORECASE)
"""What Mailgun answers, with 200, to a POST at an address that it does not know."""
_NOT_TAKEN = re.compile(r'"status"\s*:\s*"(?:parameter-)?error"')
"""Postal answers 200 whatever happened, and says so inside."""

_SAYS_WHY_NOT = re.compile(r'"status"\s*:\s*"error"(?=.*"name"\s*:\s*"(?!GeneralError))', re.DOTALL)
"""Mandrill answers 500 whatever is wrong, and gives it a name; this one: it does not know itself."""


def of_status(status: str, code: int, words: str) -> Meaning:
    """Of what Anymail made of the answer about the one recipient (`queued`, `rejected` ...)."""
    match status:
        case "sent" | "queued":
            return _ACCEPTED
        case "rejected":
            return _rejected(words)
        case "invalid":
            return _NOT_TO_THEM
        case "failed":
            return _LATER if _FOR_NOW.search(words) else of_code(code if code >= 400 else 422, words)
        case _:  # Postmark's, where Anymail looks in vain for the address that its refusal speaks of
            return of_code(code, words) if code >= 400 else _IN_DOUBT


def of_code(code: int, words: str, *, is_idempotent: bool = False, is_repeat: bool = False) -> Meaning:
    """Of an answer that is no receipt.

    `is_idempotent`: the vendor knows a mail again that it has taken. `is_repeat`: it was given this very one before.
    """
    if 200 <= code < 300:
        return _without_receipt(words)
    if code >= 500 and code not in TOOK_NOTHING and not _SAYS_WHY_NOT.search(words):
        return _IN_DOUBT
    if is_idempotent and code in OF_ONE_MAIL and _KNOWN_ALREADY.search(words):
        return _ACCEPTED if is_repeat else _IN_DOUBT  # it may have taken another mail under this key
    if code == HTTPStatus.CONFLICT and "idempoten" in words.lower():
        # Another request with this key: it is still under way, or it was taken with other content.
        return _LATER if "concurrent" in words.lower() else _IN_DOUBT
    if code in OF_ONE_MAIL:
        return _about_this_mail(words)
    return _ONCE_MENDED  # keys, money, the address we ask at, too many requests, or the vendor is out of order


def _without_receipt(words: str) -> Meaning:
    if _WRONG_DOOR.search(words):
        return _ONCE_MENDED
    return _about_this_mail(words) if _NOT_TAKEN.search(words) else _IN_DOUBT


def _about_this_mail(words: str) -> Meaning:
    if _is_about_the_recipient(words):
        return _NEVER_TO_THEM if _GONE_FOR_GOOD.search(words) else _NOT_TO_THEM
    return _ONCE_MENDED if _SPEAKS_OF_US.search(words) else _NOT_A_MAIL


def _is_about_the_recipient(words: str) -> bool:
    """The field To at fault is theirs, whatever else is said; "recipients" may be all that we may not write to."""
    if _NAMES_THE_FIELD_TO.search(words):
        return not _NAMES_THE_SENDER.search(words)
    return bool(_SPEAKS_OF_THE_RECIPIENT.search(words)) and not _SPEAKS_OF_US.search(words)


def without_address(words: str, recipient: str) -> str:
    """The vendor's words without the recipient's address that they quote: `author@...` says nothing about "auth"."""
    try:
        forms = {recipient, wire_address(recipient)}
    except ValueError:
        forms = {recipient}
    return re.sub("|".join(map(re.escape, forms)), "", words, flags=re.IGNORECASE)


def _rejected(words: str) -> Meaning:
    """The vendor keeps this address on a list of its own, or it refuses us beside the 200 of the request."""
    if _GONE_FOR_GOOD.search(words):
        return _NEVER_TO_THEM
    return _ONCE_MENDED if re.search(r"invalid-sender|unsigned|test-mode", words) else _NOT_TO_THEM


def retry_after(value: str, date: str) -> timedelta | None:
    """How long a vendor asks us to wait, at most a day. `value`: the header Retry-After; `date`: the answer's Date."""
    seconds = value.strip()
    if seconds.isdecimal():
        digits = seconds.lstrip("0")
        return LONGEST_WAIT if len(digits) > MOST_DIGITS else min(timedelta(seconds=int(digits or 0)), LONGEST_WAIT)
    until, now = _instant(value), _instant(date)
    return min(max(until - now, timedelta(0)), LONGEST_WAIT) if until and now else None


def _instant(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter: a year that no date has
        return None
    return found if found.tzinfo else None
