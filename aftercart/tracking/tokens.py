"""Signed tokens for the links in a mail: short, safe in a URL, and good for one purpose only.

A token holds ids and no URL, so whoever alters one gets nowhere: a link can only lead to what the
database says. Tokens do not expire, and may be used again: mail scanners open every link before the reader.
Each purpose signs with a key of its own, so that a token for one page opens no other.
"""

import hashlib
import hmac
import struct
from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode
from itsdangerous.signer import SigningAlgorithm
from pybase64 import urlsafe_b64encode

from aftercart.errors import BadTokenError

_LINK = struct.Struct(">16sH")
_PERSON = struct.Struct(">Q16s")
_PICK = struct.Struct(">Q16sH")

MAX_POSITION = 2**16 - 1
"""The highest position of a link in a mail."""


class Purpose(StrEnum):
    """What a token is good for; it also stands in the path of the link that carries it."""

    LINK = "link"
    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    VIEW = "view"
    """The mail in a browser."""
    WHY = "why"
    LESS = "less"
    """Less like this pick."""
    HAVE = "have"
    """The reader has this pick already."""
    OPEN = "open"
    """The picture that tells that a mail was opened."""
    CONFIRM = "confirm"
    """Says yes to marketing mail; in place of a send it names the question."""


PATHS = {
    Purpose.LINK: "/c/",
    Purpose.UNSUBSCRIBE: "/u/",
    Purpose.PREFERENCES: "/p/",
    Purpose.VIEW: "/v/",
    Purpose.WHY: "/w/",
    Purpose.LESS: "/l/",
    Purpose.HAVE: "/h/",
    Purpose.CONFIRM: "/y/",
    Purpose.OPEN: "/o/",
}
"""Where each kind of link leads. Mails from years ago hold them: a path is never given another meaning."""


class TokenSigner:
    """Makes tokens with the newest key and reads those of every key. Immutable, so safe to share."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: newest first. Drop the last one when mails signed by it no longer matter."""
        if not keys:
            raise ValueError("needs at least one key")
        derived = {purpose: [_derived(key, purpose) for key in keys] for purpose in Purpose}
        self._newest = {purpose: newest for purpose, (newest, *_) in derived.items()}
        self._readers = {purpose: _reader(all_of_them) for purpose, all_of_them in derived.items()}

    def link(self, send_id: UUID, position: int) -> str:
        """The token of one link of a send."""
        return self._sign(Purpose.LINK, _LINK.pack(send_id.bytes, position))

    def read_link(self, token: str) -> tuple[UUID, int]:
        """The send and the position of a link. Raises BadTokenError."""
        send_id, position = _read(self._readers[Purpose.LINK], _LINK, token)
        return UUID(bytes=send_id), position

    def unsubscribe(self, recipient_id: int, send_id: UUID) -> str:
        """The token with which the recipient of a send leaves."""
        return self.page(Purpose.UNSUBSCRIBE, recipient_id, send_id)

    def read_unsubscribe(self, token: str) -> tuple[int, UUID]:
        """Who leaves, and the send they leave from. Raises BadTokenError."""
        return self.read_page(Purpose.UNSUBSCRIBE, token)

    def page(self, purpose: Purpose, recipient_id: int, send_id: UUID) -> str:
        """The token of a page of a person's own, reached from one of their mails."""
        return self._sign(purpose, _PERSON.pack(recipient_id, send_id.bytes))

    def read_page(self, purpose: Purpose, token: str) -> tuple[int, UUID]:
        """Whose page it is, and the send it was reached from. Raises BadTokenError."""
        recipient_id, send_id = _read(self._readers[purpose], _PERSON, token)
        return recipient_id, UUID(bytes=send_id)

    def confirm(self, recipient_id: int, confirmation_id: UUID) -> str:
        """The token with which a person confirms that they may be written to."""
        return self.page(Purpose.CONFIRM, recipient_id, confirmation_id)

    def read_confirm(self, token: str) -> tuple[int, UUID]:
        """Who confirms, and which question. Raises BadTokenError."""
        return self.read_page(Purpose.CONFIRM, token)

    def pick(self, purpose: Purpose, recipient_id: int, send_id: UUID, slot: int) -> str:
        """The token with which the recipient of a send says something about one of its picks."""
        return self._sign(purpose, _PICK.pack(recipient_id, send_id.bytes, slot))

    def read_pick(self, purpose: Purpose, token: str) -> tuple[int, UUID, int]:
        """Who speaks, the send, and the slot of the pick. Raises BadTokenError."""
        recipient_id, send_id, slot = _read(self._readers[purpose], _PICK, token)
        return recipient_id, UUID(bytes=send_id), slot

    def _sign(self, purpose: Purpose, packed: bytes) -> str:
        """What `Signer.sign` makes, in half its time: a mail has two dozen tokens."""
        text = _base64(packed)
        return (text + b"." + _base64(_signature(self._newest[purpose], text))).decode("ascii")


def _derived(key: str, purpose: Purpose) -> bytes:
    """As with `key_derivation="hmac"`, but derived once."""
    return _signature(key.encode(), f"aftercart.{purpose}".encode())


def _signature(key: bytes, value: bytes) -> bytes:
    return hmac.digest(key, value, "sha256")


def _base64(value: bytes) -> bytes:
    return urlsafe_b64encode(value).rstrip(b"=")


def _reader(derived: Sequence[bytes]) -> Signer:
    newest_last = list(reversed(derived))
    return Signer(newest_last, digest_method=hashlib.sha256, key_derivation="none", algorithm=_HmacSha256())


class _HmacSha256(SigningAlgorithm):
    """As itsdangerous signs itself, in one call instead of a dozen."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return _signature(key, value)


def _read(signer: Signer, layout: struct.Struct, token: str) -> tuple[Any, ...]:
    try:
        text = signer.unsign(token)
        packed = layout.unpack(base64_decode(text))
    except (BadData, struct.error, UnicodeError) as err:
        raise BadTokenError("this link is not one of ours, or it was cut off") from err
    # Base64 spells some bytes in several ways; only the way in which we wrote it is ours.
    signature = token.rpartition(".")[2]
    if _base64(base64_decode(signature)).decode("ascii") != signature:
        raise BadTokenError("this link is not spelled as we spelled it")
    return packed
