"""Where things are told, read from the settings: which endpoints there are, who signs for them, what they hear of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from aftercart.errors import ConfigError
from aftercart.intake.signing import standard_key
from aftercart.outward.analytics import NAME as ANALYTICS
from aftercart.outward.happening import EVERY, Happening
from aftercart.outward.outlet import Request
from aftercart.outward.payload import body, message_id, signed_headers
from aftercart.outward.place import is_private_line
from aftercart.outward.subject import Due, Subject
from aftercart.web_address import web_address

PREFIX = "AFTERCART_"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint of the shop's own choice. Its secrets never show.

    `keys`: the newest first; every message is signed with each, so that a receiver may change its own in its own time.
    `tells_address`: whether it hears the e-mail address, beside the shop's id of the customer.
    """

    name: str
    url: str
    keys: tuple[bytes, ...]
    happenings: tuple[Happening, ...] = EVERY
    tells_address: bool = False
    lasts: timedelta | None = None

    def __repr__(self) -> str:
        return f"Webhook({self.name})"

    def compose(self, due: Due, subject: Subject) -> bytes:
        """The message, the same for every try."""
        return body(due, subject, tells_address=self.tells_address)

    def request(self, id_: UUID, content: bytes, now: datetime) -> Request:
        """How it is sent `now`."""
        return Request(self.url, signed_headers(self.keys, message_id(id_), content, now), content)


def webhooks_from(
    webhooks: str, secrets: str, events: str = "", addresses: str = "", *, to_loopback: bool = False
) -> dict[str, Webhook]:
    """The endpoints that the settings name. Raises ConfigError, which names the setting and shows no secret.

    `webhooks`: `NAME=URL` and so on, with blanks between; `secrets`: `NAME=whsec_...,whsec_...`; `events`:
    `NAME=mail.sent,link.clicked`; `addresses`: the names of those that hear addresses.
    """
    urls = _by_name("WEBHOOKS", webhooks, "URL")
    keys = _by_name("WEBHOOK_SECRETS", secrets, "whsec_...")
    heard = _by_name("WEBHOOK_EVENTS", events, "mail.sent,link.clicked")
    told = dict.fromkeys(addresses.split(), "")
    for setting, named in (("WEBHOOK_SECRETS", keys), ("WEBHOOK_EVENTS", heard), ("WEBHOOK_ADDRESSES", told)):
        _refuse_strangers(setting, named, urls)
    return {
        name: Webhook(
            name=name,
            url=_url(name, url, to_loopback),
            keys=_keys(name, keys.get(name, "")),
            happenings=_happenings(name, heard[name]) if name in heard else EVERY,
            tells_address=name in told,
        )
        for name, url in urls.items()
    }


def _by_name(setting: str, text: str, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals or not value or not _NAME.fullmatch(name):
            raise ConfigError(f"{PREFIX}{setting}: write it as NAME={example} (small letters, digits, - and _)")
        if name == ANALYTICS:
            raise ConfigError(f"{PREFIX}{setting}: {name} is Google Analytics; give the endpoint another name")
        if name in found:
            raise ConfigError(f"{PREFIX}{setting}: {name} stands there twice; put it into one")
        found[name] = value
    return found


def _refuse_strangers(setting: str, named: Mapping[str, str], urls: Mapping[str, str]) -> None:
    if strangers := sorted(set(named) - set(urls)):
        known = ", ".join(urls) or "none"
        raise ConfigError(f"{PREFIX}{setting}: {PREFIX}WEBHOOKS names no {strangers[0]} (it names {known})")


def _url(name: str, url: str, to_loopback: bool) -> str:
    parts = web_address(url)
    if parts is None or parts.fragment:
        raise ConfigError(f"{PREFIX}WEBHOOKS: the address of {name} is none; write it as {name}=https://HOST/PATH")
    if is_private_line(parts, to_loopback=to_loopback):
        return url
    raise ConfigError(
        f"{PREFIX}WEBHOOKS: {name} must be told over https:// (on your own machine http:// will do, with "
        f"{PREFIX}WEBHOOKS_TO_LOOPBACK=true)"
    )


def _keys(name: str, secrets: str) -> tuple[bytes, ...]:
    fault = ConfigError(
        f"{PREFIX}WEBHOOK_SECRETS: {name} needs a secret: {name}=whsec_ and 24 to 64 random bytes in base64 "
        "(`aftercart webhooks secret` makes one)"
    )
    try:
        keys = tuple(standard_key(secret) for secret in secrets.split(",") if secret)
    except ValueError as err:
        raise fault from err
    if not keys or not all(24 <= len(key) <= 64 for key in keys):
        raise fault
    return keys


def _happenings(name: str, text: str) -> tuple[Happening, ...]:
    try:
        return tuple(dict.fromkeys(Happening(word) for word in text.split(",")))
    except ValueError as err:
        raise ConfigError(f"{PREFIX}WEBHOOK_EVENTS: {name}: {err}; there are {', '.join(EVERY)}") from err


def shown(url: str) -> str:
    """Where an outlet is, without its path: many endpoints hold a secret there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
