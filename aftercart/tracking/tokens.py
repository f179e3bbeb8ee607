"""Signed tokens for the links in a mail: short, safe in a URL, and good for one purpose only.

A token holds ids and no URL, so whoever alters one gets nowhere: a link can only lead to what the
database says. Tokens do not expire, and may be used again: mail scanners open every link before the reader.
"""

import hashlib
import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from aftercart.errors import BadTokenError

_LINK = struct.Struct(">16sH")
_UNSUBSCRIBE = struct.Struct(">Q16s")

MAX_POSITION = 2**16 - 1
"""The highest position of a link in a mail."""


class TokenSigner:
    """Makes tokens with the newest key and reads those of every key. Immutable, so safe to share."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: newest first. Drop the last one when mails signed by it no longer matter."""
        if not keys:
            raise ValueError("needs at least one key")
        self._link = _signer(keys, "link")
        self._unsubscribe = _signer(keys, "unsubscribe")
        self._confirm = _signer(keys, "confirm")

    def link(self, send_id: UUID, position: int) -> str:
        """The token of one link of a send."""
        return _sign(self._link, _LINK.pack(send_id.bytes, position))

    def read_link(self, token: str) -> tuple[UUID, int]:
        """The send and the position of a link. Raises BadTokenError."""
        send_id, position = _read(self._link, _LINK, token)
        return UUID(bytes=send_id), position

    def unsubscribe(self, recipient_id: int, send_id: UUID) -> str:
        """The token with which the recipient of a send leaves."""
        return _sign(self._unsubscribe, _UNSUBSCRIBE.pack(recipient_id, send_id.bytes))

    def read_unsubscribe(self, token: str) -> tuple[int, UUID]:
        """Who leaves, and the send they leave from. Raises BadTokenError."""
        recipient_id, send_id = _read(self._unsubscribe, _UNSUBSCRIBE, token)
        return recipient_id, UUID(bytes=send_id)

    def confirm(self, recipient_id: int, confirmation_id: UUID) -> str:
        """The token with which a person confirms that they may be written to."""
        return _sign(self._confirm, _UNSUBSCRIBE.pack(recipient_id, confirmation_id.bytes))

    def read_confirm(self, token: str) -> tuple[int, UUID]:
        """Who confirms, and which question. Raises BadTokenError."""
        recipient_id, confirmation_id = _read(self._confirm, _UNSUBSCRIBE, token)
        return recipient_id, UUID(bytes=confirmation_id)


def _signer(keys: Sequence[str], purpose: str) -> Signer:
    oldest_first = list(reversed(keys))  # itsdangerous signs with the last one
    return Signer(oldest_first, salt=f"aftercart.{purpose}", digest_method=hashlib.sha256, key_derivation="hmac")


def _sign(signer: Signer, packed: bytes) -> str:
    return signer.sign(base64_encode(packed)).decode("ascii")


def _read(signer: Signer, layout: struct.Struct, token: str) -> tuple[Any, ...]:
    try:
        text = signer.unsign(token)
        packed = layout.unpack(base64_decode(text))
    except (BadData, struct.error, UnicodeError) as err:
        raise BadTokenError("this link is not one of ours, or it was cut off") from err
    # Base64 spells some bytes in several ways; only the way in which we wrote it is ours.
    signature = token.rpartition(".")[2]
    if base64_encode(base64_decode(signature)).decode("ascii") != signature:
        raise BadTokenError("this link is not spelled as we spelled it")
    return packed
