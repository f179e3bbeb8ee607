"""A message as an SMTP server gets it: who it is from, who it is for, and its body (RFC 5321)."""

from dataclasses import dataclass

from aftercart.delivery.address import wire_address
from aftercart.delivery.base import Message

CRLF = b"\r\n"
END = b".\r\n"
"""The final dot. What comes before it ends with a line end."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The body has CRLF line ends and is not dot-stuffed yet."""

    mail_from: str
    rcpt_to: str
    body: bytes
    needs_smtputf8: bool
    """An address or a header is written in letters outside ASCII (RFC 6531)."""


def envelope_of(message: Message, body: bytes) -> Envelope:
    """The envelope of a message and its bytes. Raises ValueError if an address cannot stand in an SMTP command.

    All line ends of the body must be CRLF: a bare LF around a dot would let it smuggle a second message past servers
    that take it for a line end.
    """
    mail_from, rcpt_to = wire_address(message.bounce_to or _bare(message.sender)), wire_address(message.recipient)
    plain = mail_from.isascii() and rcpt_to.isascii() and (body.isascii() or _head(body).isascii())
    return Envelope(mail_from, rcpt_to, body, needs_smtputf8=not plain)


def dot_stuffed(body: bytes) -> bytes:
    """A body with CRLF line ends, its leading dots doubled (RFC 5321 §4.5.2)."""
    # Base64 has no dots, so the last one stands near the top; to look for three bytes costs forty times as much.
    if body.find(b"\r\n.", 0, body.rfind(b".") + 1) < 0:
        return b"." + body if body.startswith(b".") else body
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _head(body: bytes) -> bytes:
    return body.partition(CRLF + CRLF)[0]


def _bare(address: str) -> str:
    """The address within `Name <address>`."""
    return address.rpartition("<")[2].rstrip("> ") if "<" in address else address.strip()
