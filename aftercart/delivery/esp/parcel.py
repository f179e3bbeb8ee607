"""A message as Anymail takes it: one recipient, one tag, the send's id, and no tracking but our own."""

from email.utils import format_datetime, formataddr
from typing import Any

from anymail.message import AnymailMessage

from aftercart.delivery.address import wire_address
from aftercart.delivery.base import Message
from aftercart.delivery.esp.vendors import Idempotency, Vendor

SEND_ID = "send_id"
"""The name under which the send's id travels; webhooks bring it back."""


def parcel(message: Message, vendor: Vendor) -> Any:
    """The message for one vendor. Raises ValueError for an address that is none."""
    mail = AnymailMessage(
        subject=message.subject,
        body=message.text,
        from_email=_mailbox(message.sender),
        to=[wire_address(message.recipient)],
        headers=_headers(message, vendor),
    )
    mail.attach_alternative(message.html, "text/html")
    mail.tags = _tags(message, vendor)
    if vendor.keeps_metadata:
        mail.metadata = {SEND_ID: str(message.send_id)}
    if vendor.switches_tracking:
        mail.track_clicks = mail.track_opens = False
    return mail


def _tags(message: Message, vendor: Vendor) -> list[str]:
    """The campaign. Where there is no metadata, also the send's id, or only that if there is room for one."""
    campaign = [message.campaign] if message.campaign else []
    if vendor.keeps_metadata:
        return campaign
    return [*campaign, str(message.send_id)][-vendor.most_tags :]


def _headers(message: Message, vendor: Vendor) -> dict[str, str]:
    headers = {"Message-ID": message.message_id, **message.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in vendor.sets_itself}
    for name in [name for name in headers if name.lower() == "reply-to"]:
        headers[name] = _mailbox(headers[name])
    if vendor.is_ses:  # takes the mail as it stands; the others date it themselves
        headers["Date"] = format_datetime(message.date)
    if vendor.idempotency is Idempotency.MAIL_HEADER:
        headers["idempotencyKey"] = str(message.send_id)
    return headers


def _mailbox(value: str) -> str:
    """`Name <address>` with its name quoted where it must be: a comma in it would begin a second address."""
    name, bracket, address = value.strip().rpartition("<")
    if not bracket:
        return wire_address(value.strip())
    return formataddr((name.strip().strip('"'), wire_address(address.rstrip("> "))), charset="utf-8")
