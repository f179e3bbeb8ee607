"""Google Analytics 4, told by its Measurement Protocol: custom events of mails, never a purchase.

The shop's own tag reports its purchases; a second report of one would count its revenue twice. An event needs the
browser that it belongs to, the client id of the shop's `_ga` cookie: a shop tells it with the order where the buyer
agreed to be measured. Of an order without one nothing is told.

Limits: https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events (limitations).
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from aftercart.errors import ConfigError
from aftercart.outward.happening import Happening
from aftercart.outward.outlet import Request
from aftercart.outward.place import is_private_line
from aftercart.outward.subject import Due, Subject
from aftercart.web_address import web_address

NAME = "ga4"
"""Among the outlets; a webhook may not be called so."""
VALUE_LENGTH = 100
"""Of a parameter; Google drops a longer one."""
BACKDATED = timedelta(hours=72)
"""How long after it happened an event may come."""
EVENTS = {
    Happening.MAIL_SENT: "email_sent",
    Happening.MAIL_DELIVERED: "email_delivered",
    Happening.LINK_CLICKED: "email_link_clicked",
    Happening.PERSON_UNSUBSCRIBED: "email_unsubscribed",
}
"""None of Google's reserved names, and at most 40 characters. A credited order is none: its purchase was reported."""
DENIED = {"ad_user_data": "DENIED", "ad_personalization": "DENIED"}
"""Nobody agreed with an order to be followed by advertising."""
_MEASUREMENT_ID = re.compile(r"G-[A-Z0-9]{4,20}")
_CLIENT_ID = re.compile(r"[\w.+/=-]{3,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Analytics:
    """A property of Google Analytics. Its secret never shows."""

    url: str
    measurement_id: str
    api_secret: str
    happenings: tuple[Happening, ...] = tuple(EVENTS)
    name: str = NAME
    lasts: timedelta | None = BACKDATED

    def __repr__(self) -> str:
        return f"Analytics({self.measurement_id})"

    def compose(self, due: Due, subject: Subject) -> bytes | None:
        """One event of one browser; None where the order told none."""
        client_id = subject.mail.analytics_id if subject.mail else None
        if not client_id or not _CLIENT_ID.fullmatch(client_id):
            return None
        told: dict[str, Any] = {
            "client_id": client_id,
            "timestamp_micros": int(due.happened_at.timestamp() * 1_000_000),
            "consent": DENIED,
            "events": [{"name": EVENTS[due.happening], "params": _parameters(due, subject)}],
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def request(self, id_: UUID, content: bytes, now: datetime) -> Request:  # noqa: ARG002  # Google knows no ids
        """How it is sent."""
        asked = urlencode({"measurement_id": self.measurement_id, "api_secret": self.api_secret})
        return Request(f"{self.url}?{asked}", {"content-type": "application/json"}, content)


def analytics_from(
    measurement_id: str, api_secret: str, url: str, events: str, *, to_loopback: bool = False
) -> Analytics | None:
    """What the settings say; None: nobody is told. Raises ConfigError."""
    if not measurement_id:
        return None
    if not _MEASUREMENT_ID.fullmatch(measurement_id):
        raise ConfigError("AFTERCART_ANALYTICS_ID: write the measurement id of a web stream, as G-XXXXXXXXXX")
    if not api_secret:
        raise ConfigError(
            "AFTERCART_ANALYTICS_SECRET: make one in Google Analytics: Admin, Data streams, Measurement Protocol"
        )
    parts = web_address(url)
    if parts is None or parts.query or parts.fragment:
        raise ConfigError("AFTERCART_ANALYTICS_URL: write it as https://www.google-analytics.com/mp/collect")
    if not is_private_line(parts, to_loopback=to_loopback):  # its secret stands in the address
        raise ConfigError(
            "AFTERCART_ANALYTICS_URL: Google Analytics must be told over https:// (on your own machine http:// will "
            "do, with AFTERCART_WEBHOOKS_TO_LOOPBACK=true)"
        )
    return Analytics(url, measurement_id, api_secret, _happenings(events))


def _happenings(events: str) -> tuple[Happening, ...]:
    words = [word.strip() for word in events.split(",") if word.strip()]
    if strangers := [word for word in words if word not in EVENTS]:
        raise ConfigError(
            f"AFTERCART_ANALYTICS_EVENTS: {strangers[0]} is not told there; there are {', '.join(EVENTS)}"
        )
    return tuple(Happening(word) for word in dict.fromkeys(words))


def _parameters(due: Due, subject: Subject) -> dict[str, Any]:
    """Names of our own: `campaign` and `source` would claim the reader's whole session."""
    found: dict[str, Any] = {"email_id": str(due.send_id), "engagement_time_msec": 1}
    if mail := subject.mail:
        found |= {"email_campaign": mail.campaign, "email_step": mail.step, "email_topic": mail.topic}
    if due.happening is Happening.LINK_CLICKED:
        found["email_link"] = subject.url
    if due.happening is Happening.PERSON_UNSUBSCRIBED:
        found["email_left"] = due.topic or "everything"
    return {name: value[:VALUE_LENGTH] if isinstance(value, str) else value for name, value in found.items() if value}
