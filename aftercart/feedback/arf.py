"""Feedback reports (ARF, RFC 5965): a reader pressed "this is spam", and their mailbox provider tells us."""

from email.message import Message as Mail

from aftercart.feedback.told import Kind

_OF_TYPE = {
    "abuse": Kind.COMPLAINT,
    "fraud": Kind.COMPLAINT,
    "opt-out": Kind.UNSUBSCRIBE,
    "opt-out-list": Kind.UNSUBSCRIBE,
    "unsubscribe": Kind.UNSUBSCRIBE,
}
"""The others (virus, not-spam, auth-failure of RFC 6591) say nothing about what their reader wants."""


def report_part(mail: Mail) -> Mail | None:
    """The fields of the report; None: it is none."""
    for part in mail.walk():
        if part.get_content_type() == "message/feedback-report":
            payload = part.get_payload()
            return payload[0] if isinstance(payload, list) and isinstance(payload[0], Mail) else None
    return None


def kind_of(fields: Mail) -> Kind:
    """What the reader wants."""
    return _OF_TYPE.get(str(fields.get("Feedback-Type", "")).strip().lower(), Kind.OTHER)
