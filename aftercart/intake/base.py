"""The shape of a shop.

A shop does two things. `accept` checks the signature over the raw bytes and names the delivery; it runs while the
shop waits for an answer, so it does little else. `parse` turns a body into changes (see `changes.py`); it runs in a
worker. To add a shop see docs/add-a-shop.md.
"""

import hmac
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import ClassVar

from aftercart.errors import SignatureError, UnprocessableError
from aftercart.intake.changes import Change
from aftercart.intake.reader import read_object

SHORTEST_ROTATED_SECRET = 8
"""A comma in a generated secret must not make a guessable secret of the few characters beside it."""
SIGNATURES_LOOKED_AT = 10
KEY_LENGTH = 200
TOPIC_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook that its shop did sign. `delivery_key` is the same when the shop sends it again.

    `headers` are kept for the person who looks into a fault; never the signature.
    """

    topic: str
    delivery_key: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ping:
    """The shop only tries whether somebody answers."""


class Shop(ABC):
    """One kind of shop, opened with the secrets it may sign with (several, separated by commas, while they rotate).

    Headers come with lower-case names. Safe to use from many threads.
    """

    name: ClassVar[str]
    """As in the path of its door and in the `shop` column."""
    setting: ClassVar[str]
    """The environment variable that holds its secret."""
    kept_headers: ClassVar[tuple[str, ...]]
    """Beginnings of the header names worth keeping."""
    tells_unprocessable: ClassVar[bool] = False
    """Whether a signed body that cannot be understood is answered 422. Shops that switch a webhook off after a few
    errors are told 200 instead."""

    def __init__(self, secret: str) -> None:
        self._secrets = self.secrets_in(secret)

    def accept(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Delivery | Ping:
        """Check who sent this. Raises SignatureError when a secret, a signature or its freshness is missing."""
        if not self._secrets:
            raise SignatureError(f"{self.setting} is not set, so nothing can be accepted from {self.name}")
        if self.is_ping(headers, body):
            return Ping()
        self.check_fresh(headers, now)
        self._check_signature(headers, body)
        return Delivery(
            topic=self.topic(headers, body)[:TOPIC_LENGTH],
            delivery_key=_short(self.delivery_key(headers, body)),
            body=body,
            headers={name: value[:500] for name, value in headers.items() if self._worth_keeping(name)},
        )

    @abstractmethod
    def parse(self, topic: str, body: bytes) -> tuple[Change, ...]:
        """What a body says. A topic that we do not act on gives (). Raises UnprocessableError naming the field."""

    def order_id(self, topic: str, body: bytes) -> str | None:
        """The order that a body speaks of, found in spite of faults elsewhere in it. Never raises."""
        if not (where := self.order_id_at(topic)):
            return None
        *way, name = where
        try:
            place = read_object(body)
            for step in way:
                place = place.object(step)
            return place.id(name) or None
        except UnprocessableError:
            return None

    @abstractmethod
    def order_id_at(self, topic: str) -> tuple[str, ...]:
        """The fields that lead to the order's id in bodies of a topic; () if those are not about an order."""

    @abstractmethod
    def topic(self, headers: Mapping[str, str], body: bytes) -> str:
        """What kind of news it is, in the shop's words. Never raises, whatever the body is."""

    @abstractmethod
    def delivery_key(self, headers: Mapping[str, str], body: bytes) -> str:
        """Equal when the shop repeats itself, different for different news. Never raises."""

    @abstractmethod
    def claimed_signatures(self, headers: Mapping[str, str]) -> Iterable[str]:
        """The signatures that the headers carry, in base64."""

    @abstractmethod
    def signature(self, secret: bytes, headers: Mapping[str, str], body: bytes) -> str:
        """The right signature in base64."""

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:  # noqa: ARG002  # most shops send none
        """Whether this only tries the door."""
        return False

    def check_fresh(self, headers: Mapping[str, str], now: datetime) -> None:  # noqa: B027  # most cannot
        """Raises SignatureError when the signed time is too far from `now`."""

    def secrets_in(self, setting: str) -> tuple[bytes, ...]:
        """The secrets in a setting: the whole of it, and the parts between commas.

        A generated secret may contain a comma itself, hence the whole.
        """
        parts = [part.strip() for part in setting.split(",")]
        if not any(parts):
            return ()
        rotated = [part for part in parts if len(part) >= SHORTEST_ROTATED_SECRET]
        wanted = dict.fromkeys([setting.strip(), *rotated])
        return tuple(secret.encode() for secret in wanted if secret)

    def _check_signature(self, headers: Mapping[str, str], body: bytes) -> None:
        claimed = [s.encode(errors="replace") for s in self.claimed_signatures(headers)][:SIGNATURES_LOOKED_AT]
        if not claimed:
            raise SignatureError("the request carries no signature")
        right = [self.signature(secret, headers, body).encode() for secret in self._secrets]
        # No short cut: the time taken tells nothing about which one matched.
        if not sum(hmac.compare_digest(ours, theirs) for ours in right for theirs in claimed):
            raise SignatureError(
                f"the signature does not fit the body (is {self.setting} the secret it was signed with?)"
            )

    def _worth_keeping(self, header: str) -> bool:
        return header.startswith(self.kept_headers) and "signature" not in header and "hmac" not in header


def _short(key: str) -> str:
    """Keys come from headers, so anybody who may sign chooses their length; the database's index has a limit."""
    return key if len(key) <= KEY_LENGTH else sha256(key.encode(errors="replace")).hexdigest()
