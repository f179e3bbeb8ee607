"""From the events of mail services, as Anymail words them, to our vocabulary. Pure: plain values in and out.

Anymail calls every bounce `bounced`. Whether its address is gone stands in each vendor's own words.
"""

from collections.abc import Callable, Mapping
from typing import Any

from aftercart.feedback.told import Kind, bounce_kind

_OF_TYPE: Mapping[str, Kind] = {
    "queued": Kind.TAKEN,
    "sent": Kind.TAKEN,
    "opened": Kind.READ,
    "clicked": Kind.READ,
    "delivered": Kind.DELIVERED,
    "deferred": Kind.DELAYED,
    "complained": Kind.COMPLAINT,
    "unsubscribed": Kind.UNSUBSCRIBE,
    "autoresponded": Kind.AUTO_REPLY,
}
_OF_REJECTION: Mapping[str, Kind] = {
    "bounced": Kind.HARD_BOUNCE,  # the vendor keeps a list of addresses that bounced, and this one is on it
    "invalid": Kind.HARD_BOUNCE,
    "spam": Kind.COMPLAINT,
    "unsubscribed": Kind.UNSUBSCRIBE,
}
"""Why a vendor itself did not send what it had taken."""


def kind_of(vendor: str, event_type: str, rejection: str | None, words: str, raw: Any) -> Kind:
    """`event_type` and `rejection`: Anymail's; `raw`: the event in the vendor's own form."""
    if event_type == "bounced" or (event_type, vendor) == ("failed", "postal"):
        return bounce_kind("", words, is_hard=_says_hard(vendor, raw))
    if event_type == "rejected":
        return _OF_REJECTION.get(rejection or "", Kind.REFUSED)
    if event_type == "failed":  # it could not even be put together
        return Kind.REFUSED
    return _OF_TYPE.get(event_type, Kind.OTHER)


def _says_hard(vendor: str, raw: Any) -> bool | None:
    try:
        return _HARD[vendor](raw) if vendor in _HARD else None
    except (KeyError, TypeError, AttributeError):  # it says less than its documents do
        return None


def _ses(raw: Any) -> bool | None:
    kind = raw["bounce"]["bounceType"]
    return None if kind == "Undetermined" else kind == "Permanent"


def _sparkpost(raw: Any) -> bool:
    (event,) = raw["msys"].values()
    return str(event["bounce_class"]) in ("10", "30")  # invalid recipient; no such recipient


def _unisender_go(raw: Any) -> bool:
    return raw["delivery_info"]["delivery_status"] in ("err_user_unknown", "err_user_inactive", "err_mailbox_discarded")


_HARD: Mapping[str, Callable[[Any], bool | None]] = {
    "brevo": lambda raw: raw["event"] in ("hard_bounce", "invalid_email"),
    "mailersend": lambda raw: raw["data"]["type"] == "hard_bounced",
    "mailjet": lambda raw: bool(raw["hard_bounce"]),
    "mailtrap": lambda raw: raw["event"] == "bounce",
    "mandrill": lambda raw: raw["event"] == "hard_bounce",
    "postmark": lambda raw: raw["Type"] in ("HardBounce", "BadEmailAddress"),
    "resend": lambda raw: raw["data"]["bounce"]["type"] == "Permanent",
    "sendgrid": lambda raw: raw.get("type", "bounce") == "bounce",
    "ses": _ses,
    "sparkpost": _sparkpost,
    "unisender_go": _unisender_go,
}
"""Mailgun and Postal say it by the mail server's words alone."""
