"""A mail that came to the bounce address, or to the one of a feedback loop: what it tells about which of our mails.

Also by a reader whose mail program leaves by mail: the address is the one that List-Unsubscribe names.

Whose it is must be signed by us: by the address it came to, by the one that the report quotes as the mail's return
path, or by the unsubscribe link among the quoted headers. Anybody may write to these mailboxes.
"""

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message as Mail
from email.utils import getaddresses
from hashlib import sha256
from uuid import UUID

from aftercart.delivery.words import as_words
from aftercart.errors import BadTokenError
from aftercart.feedback.arf import kind_of, report_part
from aftercart.feedback.dsn import read_failed, read_status, status_part
from aftercart.feedback.plain_notice import read_plain
from aftercart.feedback.told import Kind, Told, UnclearError
from aftercart.feedback.verp import BounceAddresses

ReadUnsubscribe = Callable[[str], tuple[int, UUID]]
RecipientOf = Callable[[UUID], str | None]
"""The address that a mail went to; None: there is no such mail."""

CAME_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To")
"""Where mail servers write the address that a mail was delivered for; RFC 5321 leaves it open."""
_OUR_MAIL = ("message/rfc822", "message/global", "message/global-headers")
"""The latter two by RFC 6533; Python reads headers alone as a mail without a body."""
_UNSUBSCRIBE = re.compile(r"/u/([\w.-]+)")
_LEAVES = re.compile(r"(re:\s*)?unsubscribe\b", re.IGNORECASE)
"""The subject that the `mailto:` of List-Unsubscribe asks for (RFC 2369 §3.2)."""
_SUBJECT_READ = 1_000
"""So many characters tell what it is about. Python takes the square of their number, and some write a megabyte."""


class MailReader:
    """Reads mails. Safe to share."""

    def __init__(self, addresses: BounceAddresses, read_unsubscribe: ReadUnsubscribe) -> None:
        self._addresses = addresses
        self._read_unsubscribe = read_unsubscribe

    def read(self, body: bytes, recipient_of: RecipientOf) -> Told:
        """What it tells. Raises UnclearError."""
        mail = message_from_bytes(body)
        fields = report_part(mail)
        send_id = self._whose(mail, fields)
        recipient = recipient_of(send_id)
        if recipient is None:
            raise UnclearError("no_such_mail", "it is signed by us, and there is no such mail any more")
        key = sha256(body).hexdigest()
        if fields is not None:
            words = as_words(f"{fields.get('Feedback-Type', '')} {fields.get('User-Agent', '')}")
            return Told(kind_of(fields), key, send_id, recipient, words=words)
        if (found := _notice(mail, recipient)) is not None:
            kind, address, code, words = found
            return Told(kind, key, send_id, address or recipient, code, words)
        leaves = self._leaves(mail, send_id)
        if _is_automatic(mail) and not (leaves and _is_written_for_its_reader(mail)):
            return Told(Kind.AUTO_REPLY, key, send_id, recipient, words=as_words(str(mail.get("Subject", ""))))
        if leaves:
            return Told(Kind.UNSUBSCRIBE, key, send_id, recipient, words="by a mail with this subject")
        raise UnclearError(
            "no_report",
            "it is no delivery notice (RFC 3464), feedback report (RFC 5965), auto-reply or mail that says unsubscribe",
        )

    def _leaves(self, mail: Mail, send_id: UUID) -> bool:
        """Whether a person writes to leave: to the address that only their own mail names."""
        return self._addresses.first(_came_to(mail)) == send_id and bool(_LEAVES.match(_subject(mail)))

    def _whose(self, mail: Mail, fields: Mail | None) -> UUID:
        send_id = self._addresses.first(_came_to(mail)) if fields is None else None
        quoted = list(_quoted(mail))
        places = [str(fields.get("Original-Mail-From", ""))] if fields is not None else []
        places += [str(original.get("Return-Path", "")) for original in quoted]
        send_id = send_id or self._addresses.first(place.strip("<> ") for place in places)
        send_id = send_id or next((found for original in quoted if (found := self._by_link(original))), None)
        if send_id is None:
            raise UnclearError("not_signed", "nothing in it proves which of our mails it is about")
        return send_id

    def _by_link(self, original: Mail) -> UUID | None:
        """By the unsubscribe link in a quoted header: whoever has it could have left by it, too."""
        for token in _UNSUBSCRIBE.findall("".join(str(original.get("List-Unsubscribe", "")).split())):
            try:
                return self._read_unsubscribe(token)[1]
            except BadTokenError:
                continue
        return None


def _notice(mail: Mail, recipient: str) -> tuple[Kind, str, str, str] | None:
    """Kind, address, enhanced status and words; None: it is no delivery notice."""
    status = status_part(mail)
    if status is not None:
        return read_status(status, recipient)
    plain = read_plain(mail)
    return read_failed(plain, recipient) if plain else None


def _is_written_for_its_reader(mail: Mail) -> bool:
    """Whether a mail program sent it at the press of its own button: with the very subject that we ask for, and no
    answer of a machine to our mail, though some say that a machine wrote it."""
    is_answer = str(mail.get("Auto-Submitted", "")).strip().lower().startswith("auto-replied")
    return _subject(mail).lower() == "unsubscribe" and not is_answer


def _subject(mail: Mail) -> str:
    """As it reads: it may be encoded (RFC 2047)."""
    try:
        return str(make_header(decode_header(str(mail.get("Subject", ""))[:_SUBJECT_READ]))).strip()
    except (ValueError, LookupError, HeaderParseError):  # encoded in a way that nobody knows, or wrongly
        return ""


def _came_to(mail: Mail) -> list[str]:
    fields = [str(value) for name in CAME_TO for value in mail.get_all(name, [])]
    return [address for _, address in getaddresses(fields)]


def _quoted(mail: Mail) -> Iterator[Mail]:
    """The headers of our mail that the report brings back, whole or alone (RFC 3462 §2)."""
    for part in mail.walk():
        kind, payload = part.get_content_type(), part.get_payload()
        if kind in _OUR_MAIL and isinstance(payload, list) and isinstance(payload[0], Mail):
            yield payload[0]
        elif kind == "text/rfc822-headers":
            found = part.get_payload(decode=True)
            if isinstance(found, bytes):
                yield message_from_bytes(found)


def _is_automatic(mail: Mail) -> bool:
    """RFC 3834 §5, and what came before it."""
    if str(mail.get("Auto-Submitted", "no")).partition(";")[0].strip().lower() != "no":
        return True
    names = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress", "X-Autoresponder")
    return any(mail.get(name) for name in names) or str(mail.get("Precedence", "")).lower() == "auto_reply"
