"""Delivery status notifications (RFC 3464): what a mail server says of a mail that it could not deliver."""

import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.header import Header, decode_header
from email.message import Message as Mail
from email.policy import compat32

from aftercart.delivery.address import as_compared
from aftercart.delivery.words import as_words
from aftercart.feedback.plain_notice import Failed
from aftercart.feedback.told import Kind, bounce_kind, code_and_status

INTERNATIONAL = "message/global-delivery-status"
"""RFC 6533: what a server writes about a mail to an address outside ASCII. Python's reader does not know it."""
FORMS = ("message/delivery-status", INTERNATIONAL)
_OF_ACTION = {"delivered": Kind.DELIVERED, "relayed": Kind.OTHER, "expanded": Kind.OTHER, "delayed": Kind.DELAYED}
_AS_IT_IS = compat32.clone(max_line_length=None)
_BLANK_LINE = re.compile(rb"\r?\n(?:[ \t]*\r?\n)+")
_ESCAPED = re.compile(r"\\x\{([0-9a-f]{1,5}|10[0-9a-f]{4})\}", re.IGNORECASE)
"""A letter outside ASCII in an address of RFC 6533 §3, where the notice itself is kept in ASCII."""


def status_part(mail: Mail) -> Mail | None:
    """The part of a mail that a machine is meant to read; None: it is no such notice."""
    return next((part for part in mail.walk() if part.get_content_type() in FORMS), None)


def read_status(part: Mail, recipient_of_ours: str) -> tuple[Kind, str, str, str]:
    """Kind, address, enhanced status and words of what it says about our recipient.

    The mail may have been forwarded. Then the address that failed is one we never wrote to: that bounce is a soft one,
    because the address that we know is there.
    """
    groups = list(_groups(part))
    ours = as_compared(recipient_of_ours)
    about = next((g for g in groups if ours in _addresses(g)), groups[0] if groups else Mail())
    said, action = _field(about, "Status"), _field(about, "Action").partition("(")[0].strip().lower()
    words = as_words(_value(_field(about, "Diagnostic-Code")) or said)
    _, status = code_and_status(said.split()[0] if said else "", words)
    is_ours = ours in _addresses(about)
    kind = _failed(status, words, is_ours=is_ours) if action == "failed" else _OF_ACTION.get(action, Kind.OTHER)
    return kind, recipient_of_ours if is_ours else "", status, words


def read_failed(notice: Failed, recipient_of_ours: str) -> tuple[Kind, str, str, str]:
    """The same of a notice that no machine was meant to read."""
    ours = as_compared(recipient_of_ours)
    said = next((words for address, words in notice.items() if as_compared(address) == ours), None)
    words = as_words(next(iter(notice.values()), "") if said is None else said)
    _, status = code_and_status("", words)
    kind = _failed(status, words, is_ours=said is not None)
    return kind, "" if said is None else recipient_of_ours, status, words


def _failed(status: str, words: str, *, is_ours: bool) -> Kind:
    kind = bounce_kind(status, words)
    return Kind.SOFT_BOUNCE if kind is Kind.HARD_BOUNCE and not is_ours else kind


def _groups(part: Mail) -> Iterator[Mail]:
    """The groups of fields about one recipient each; the first group is about the mail (RFC 3464 §2.1)."""
    payload = part.get_payload()
    found = [group for group in payload if isinstance(group, Mail)] if isinstance(payload, list) else []
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding == "base64" or part.get_content_type() == INTERNATIONAL:  # the former is forbidden, and comes
        found = _split_anew(found, encoding)
    yield from (group for group in found if group.get("Action"))


def _split_anew(pieces: Iterable[Mail], encoding: str) -> list[Mail]:
    """What Python's reader took for something else."""
    whole = Mail()
    whole["Content-Transfer-Encoding"] = encoding
    written = b"".join(piece.as_bytes(policy=_AS_IT_IS) for piece in pieces)
    whole.set_payload(written.decode("ascii", "surrogateescape"))
    decoded = whole.get_payload(decode=True)
    groups = _BLANK_LINE.split(decoded.strip()) if isinstance(decoded, bytes) else []
    return [message_from_bytes(group) for group in groups]


def _field(group: Mail, name: str) -> str:
    """As text: a field with bytes that are no ASCII (RFC 6533) comes as an object of another kind."""
    value = group.get(name, "")
    if isinstance(value, Header):
        ((raw, _),) = decode_header(value)
        value = raw.decode("utf-8", "replace")
    return str(value).strip()


def _addresses(group: Mail) -> list[str]:
    """Both of them: the final one may be where our recipient's mail is forwarded to."""
    fields = (_field(group, name) for name in ("Original-Recipient", "Final-Recipient"))
    return [as_compared(_ESCAPED.sub(lambda of: chr(int(of[1], 16)), _value(field))) for field in fields if field]


def _value(field: str) -> str:
    """Without its type: `rfc822; ada@example.com`, `smtp; 550 5.1.1 no such user`."""
    kind, semicolon, value = field.partition(";")
    return value.strip() if semicolon and " " not in kind.strip() else field.strip()
