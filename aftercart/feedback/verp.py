"""The address that a mail's bounces return to, one for each mail (variable envelope return path).

It carries the send's id and a signature, so that a bounce names its mail whatever the server that wrote it quotes, and
nobody makes one up. The token is case-blind, because servers may change the case of what stands before the @; the
mailbox name stays within the 64 characters of RFC 5321 §4.5.3.1.1.
"""

import hmac
from base64 import b32decode, b32encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from uuid import UUID

from aftercart.delivery.address import wire_address
from aftercart.errors import ConfigError

SIGNATURE_BYTES = 10
TOKEN_LENGTH = 42
"""16 bytes of the id and 10 of the signature, in base 32."""
LONGEST_LOCAL_PART = 64
_PLACE = "*"


class BounceAddresses:
    """Makes and reads the addresses. Immutable, so safe to share."""

    def __init__(self, address: str, keys: Sequence[str]) -> None:
        """`address`: with a `*` for the token (`bounce-*@shop.example`), or plain: then it follows a `+`.

        `keys`: secrets, newest first. Raises ConfigError for an address in which no token fits.
        """
        local, at, domain = address.rpartition("@")
        if at and _PLACE not in local:
            local = f"{local}+{_PLACE}"
        try:
            wire_address(f"{local.replace(_PLACE, 'x')}@{domain}")
        except ValueError as err:
            raise ConfigError(f"AFTERCART_BOUNCE_ADDRESS: {err}") from err
        if local.count(_PLACE) != 1 or not local.isascii():
            raise ConfigError("AFTERCART_BOUNCE_ADDRESS: write one * where the token goes, as in bounce-*@shop.example")
        longest = LONGEST_LOCAL_PART - TOKEN_LENGTH
        if len(local) - 1 > longest:
            raise ConfigError(f"AFTERCART_BOUNCE_ADDRESS: only {longest} characters may stand before the @")
        self._before, self._after = local.lower().split(_PLACE)
        self._domain = wire_address(f"x@{domain}").partition("@")[2]
        self._keys = [hmac.digest(key.encode(), b"aftercart.bounce", "sha256") for key in keys]

    def of(self, send_id: UUID) -> str:
        """The address for one mail."""
        token = b32encode(send_id.bytes + _signature(self._keys[0], send_id)).decode("ascii").rstrip("=").lower()
        return f"{self._before}{token}{self._after}@{self._domain}"

    def read(self, address: str) -> UUID | None:
        """The mail that an address was made for; None if it is not one of ours."""
        local = address.rpartition("@")[0].strip().lower()
        token = local.removeprefix(self._before).removesuffix(self._after)
        if len(token) != TOKEN_LENGTH or local != f"{self._before}{token}{self._after}":
            return None
        try:
            packed = b32decode(token.upper() + "=" * (-len(token) % 8))
        except ValueError:
            return None
        if b32encode(packed).decode("ascii").rstrip("=").lower() != token:  # its last letter has bits to spare
            return None
        send_id, signature = UUID(bytes=packed[:16]), packed[16:]
        genuine = [hmac.compare_digest(_signature(key, send_id), signature) for key in self._keys]
        return send_id if any(genuine) else None

    def first(self, addresses: Iterable[str]) -> UUID | None:
        """The mail that the first of our addresses among these was made for."""
        return next((found for address in addresses if (found := self.read(address))), None)


def _signature(key: bytes, send_id: UUID) -> bytes:
    return hmac.digest(key, send_id.bytes, sha256)[:SIGNATURE_BYTES]
