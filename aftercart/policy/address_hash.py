"""What is kept of an address that was erased: a hash with a key, by which it is found again and from which it cannot be
read.

Without a key a hash of an address hides nothing, because all addresses there are can be tried. The key is the
installation's; a hash names the key it was made with, so that hashes survive a rotation: new ones are made with the
newest key, old ones are found by the key of their time, which has to be kept for that (docs/decisions/0011).
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256

PREFIX = "hmac:"
"""No address begins so: a colon cannot stand unquoted in one (RFC 5321, Dot-string)."""
_ID_DIGITS = 8


class AddressHashes:
    """Hashes addresses with the newest of some keys, and with each to look one up. Immutable, so safe to share."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: newest first."""
        derived = [_derived(key) for key in dict.fromkeys(keys)]
        self._by_id = {sha256(key).hexdigest()[:_ID_DIGITS]: key for key in derived}

    def of(self, email: str) -> str:
        """The hash of a normalized address."""
        return self.all_of(email)[0]

    def all_of(self, email: str) -> list[str]:
        """The hashes under which a normalized address may be kept."""
        return [
            f"{PREFIX}{id_}:{hmac.new(key, email.encode(), sha256).hexdigest()}" for id_, key in self._by_id.items()
        ]

    def knows(self, key_id: str) -> bool:
        """Whether hashes made with that key can be found."""
        return key_id in self._by_id


def key_id_of(hashed: str) -> str:
    """With which key a hash was made."""
    return hashed.removeprefix(PREFIX).partition(":")[0]


def is_hash(email: str) -> bool:
    """Whether what stands for an address is a hash."""
    return email.startswith(PREFIX)


def _derived(key: str) -> bytes:
    """A key for this purpose alone: the installation's own also signs links."""
    return hmac.new(key.encode(), b"aftercart.erased", sha256).digest()
