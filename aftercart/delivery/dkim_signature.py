"""DKIM (RFC 6376): a signature by the domain that the mail comes from, for servers whose relay does not sign.

Mailbox providers offer one-click unsubscribing only where the two List-Unsubscribe headers are signed (RFC 8058 §4).
What is signed may not be changed on the way: a relay that writes another Date or Message-ID (Amazon SES) has to sign
itself. It costs about six milliseconds a mail.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aftercart.delivery.address import wire_address
from aftercart.delivery.base import Message
from aftercart.errors import ConfigError, MissingExtraError

FEWEST_BITS = 1_024
"""Mailbox providers take no shorter key (RFC 8301 §3.2)."""

_NEVER_MORE = (
    b"From",
    b"To",
    b"Subject",
    b"Date",
    b"Reply-To",
    b"MIME-Version",
    b"Content-Type",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
)
"""Signed once more often than they stand there, so that nobody can add another."""
_AS_THEY_STAND = (b"Message-ID", b"List-Id", b"Feedback-ID", b"Auto-Submitted")
_HEADER = re.compile(rb"^([!-9;-~]+):", re.MULTILINE)
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")

Encode = Callable[[Message], bytes]


def signed(encode: Encode, key_file: str, selector: str) -> Encode:
    """An `encode` whose mails bear a signature. Empty key and selector: the same `encode`.

    Raises ConfigError for a key or a selector that cannot be used, MissingExtraError without dkimpy.
    """
    if not key_file and not selector:
        return encode
    if not key_file or not selector:
        missing, other = ("KEY_FILE", "SELECTOR") if selector else ("SELECTOR", "KEY_FILE")
        raise ConfigError(f"AFTERCART_DKIM_{missing} is not set: set it, or leave AFTERCART_DKIM_{other} out too")
    if not _SELECTOR.fullmatch(selector):
        raise ConfigError(
            f"AFTERCART_DKIM_SELECTOR: {selector!r} can be no part of a domain name; write it as mail2026"
        )
    dkim = _dkimpy()
    key = _key(dkim, Path(key_file))

    def encode_and_sign(message: Message) -> bytes:
        mail = encode(message)
        header: bytes = dkim.sign(
            mail,
            selector.encode(),
            _domain(message).encode(),
            key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=_to_sign(mail),
            linesep=b"\r\n",
        )
        return header + mail

    return encode_and_sign


def _to_sign(mail: bytes) -> list[bytes]:
    present = [name.lower() for name in _HEADER.findall(mail.partition(b"\r\n\r\n")[0])]
    more = [name.lower() for name in _NEVER_MORE]
    as_they_stand = [name.lower() for name in _AS_THEY_STAND]
    return [name for name in present if name in (*more, *as_they_stand)] + more


def _domain(message: Message) -> str:
    """The domain of the From address: the signature must be that of who is shown (DMARC alignment)."""
    address = message.sender.rpartition("<")[2].rstrip("> ")
    return wire_address(address.strip()).rpartition("@")[2].lower()


def _dkimpy() -> Any:
    try:
        import dkim
    except ImportError as err:
        raise MissingExtraError("dkim", "signing mails by DKIM (AFTERCART_DKIM_KEY_FILE)") from err
    return dkim


def _key(dkim: Any, file: Path) -> bytes:
    """The key as PEM. What can be wrong with it is said at the start, not by 50,000 mails."""
    try:
        pem = file.read_bytes().replace(b"\r\n", b"\n")
    except OSError as err:
        raise ConfigError(f"AFTERCART_DKIM_KEY_FILE: {file} cannot be read: {err.strerror}") from err
    make = f"make one by: openssl genrsa -out {file.name} 2048"
    if b"PRIVATE KEY-----" not in pem:
        raise ConfigError(f"AFTERCART_DKIM_KEY_FILE: {file} holds no private key in PEM", fix=make)
    if b"ENCRYPTED" in pem:
        raise ConfigError(f"AFTERCART_DKIM_KEY_FILE: {file} is encrypted; take its password off (openssl rsa)")
    try:
        bits = dkim.crypto.parse_pem_private_key(pem)["modulus"].bit_length()
    except Exception as err:  # dkimpy lets whatever goes wrong in base64 and ASN.1 through
        raise ConfigError(f"AFTERCART_DKIM_KEY_FILE: {file} holds no RSA key that can be read", fix=make) from err
    if bits < FEWEST_BITS:
        raise ConfigError(
            f"AFTERCART_DKIM_KEY_FILE: {file} has {bits} bits, and mailbox providers ask for 2048 — {make}"
        )
    return pem
