"""Delivery status notifications (RFC 3464): what a mail server says of a mail that it could not deliver."""

from collections.abc import Iterator
from email.header import Header, decode_header
from email.message import Message as Mail

from aftercart.delivery.address import as_compared
from aftercart.feedback.told import Kind, as_words, bounce_kind, code_and_status

_OF_ACTION = {"delivered": Kind.DELIVERED, "relayed": Kind.OTHER, "expanded": Kind.OTHER, "delayed": Kind.DELAYED}


def status_part(mail: Mail) -> Mail | None:
    """The part of a mail that a machine is meant to read; None: it is no such notice."""
    return next((part for part in mail.walk() if part.get_content_type() == "message/delivery-status"), None)


def read_status(part: Mail, recipient_of_ours: str) -> tuple[Kind, str, str, str]:
    """Kind, address, enhanced status and words of what it says about our recipient.

    The mail may have been forwarded. Then the address that failed is one we never wrote to: that bounce is a soft one,
    because the address that we know is there.
    """
    groups = list(_groups(part))
    ours = as_compared(recipient_of_ours)
    about = next((g for g in groups if ours in _addresses(g)), groups[0] if groups else Mail())
    said, action = _field(about, "Status"), _field(about, "Action").lower()
    words = as_words(_value(_field(about, "Diagnostic-Code")) or said)
    _, status = code_and_status(said.split()[0] if said else "", words)
    addresses = _addresses(about)
    kind = _OF_ACTION.get(action)
    if action == "failed":
        kind = bounce_kind(status, words)
        if kind is Kind.HARD_BOUNCE and ours not in addresses:
            kind = Kind.SOFT_BOUNCE
    return kind or Kind.OTHER, recipient_of_ours if ours in addresses else "", status, words


def _groups(part: Mail) -> Iterator[Mail]:
    """The groups of fields about one recipient each; the first group is about the mail (RFC 3464 §2.1)."""
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (group for group in payload if isinstance(group, Mail) and group.get("Action"))


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
    return [as_compared(_value(field)) for field in fields if field]


def _value(field: str) -> str:
    """Without its type: `rfc822; ada@example.com`, `smtp; 550 5.1.1 no such user`."""
    kind, semicolon, value = field.partition(";")
    return value.strip() if semicolon and " " not in kind.strip() else field.strip()
