"""What a mail says behind the encodings it travels in (RFC 2045, 2047): base64, quoted-printable, encoded words."""

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes
from email.message import Message as Mail
from quopri import decodestring

import pybase64

_HIDES = re.compile(rb"base64|quoted-printable|=\?[^?\s]+\?[bq]\?", re.IGNORECASE)
_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bq])\?([^?\s]*)\?=", re.IGNORECASE)
_BETWEEN_WORDS = re.compile(r"\?=\s+=\?")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_FOR_HOSTS = frozenset({"punycode", "idna"})
"""Python takes their names for charsets. No mail is in them, and to read the former takes the square of its length."""
_DEEPEST = 4
"""Mails within mails, each of them encoded as a whole (RFC 6532 §3.7 lets a `message/global` be so)."""


def hides_text(body: bytes) -> bool:
    """Whether a mail may hold text that nobody finds by looking for it: cheap, and never wrongly no."""
    return _HIDES.search(body) is not None


def hidden_text(body: bytes, depth: int = 0) -> Iterator[str]:
    """Every text in it that is encoded, as it reads. A mail that nobody can read says nothing."""
    if depth > _DEEPEST or not hides_text(body):
        return
    with suppress(RecursionError):
        for part in message_from_bytes(body).walk():
            yield from _encoded_words(part)
            content = _content(part)
            yield _text(content, part.get_content_charset("utf-8"))
            yield from hidden_text(content, depth + 1)


def _encoded_words(part: Mail) -> Iterator[str]:
    """Headers with encoded words in them, as they read. Not by `email.header`: it takes the square of their length."""
    for value in map(str, part.values()):
        if "=?" in value:
            yield _WORD.sub(lambda word: _word(*word.groups()), _BETWEEN_WORDS.sub("?==?", value))


def _word(charset: str, encoding: str, text: str) -> str:
    letters = text.encode("ascii", "ignore")
    is_base64 = encoding.lower() == "b"
    return _text(_from_base64(letters) if is_base64 else decodestring(letters, header=True), charset)


def _content(part: Mail) -> bytes:
    content = part.get_payload(decode=True)
    if isinstance(content, bytes):
        return content
    inner = part.get_payload()
    is_base64 = str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64"
    if not (is_base64 and isinstance(inner, list) and len(inner) == 1):
        return b""
    text = inner[0].get_payload() if isinstance(inner[0], Mail) else ""
    return _from_base64(text.encode("ascii", "ignore")) if isinstance(text, str) else b""


def _from_base64(letters: bytes) -> bytes:
    """Whatever can be read of it: reports are cut off anywhere."""
    kept = _NO_BASE64.sub(b"", letters)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return pybase64.b64decode(kept + b"=" * (-len(kept) % 4))


def _text(content: bytes, charset: str) -> str:
    try:
        known = codecs.lookup(charset).name
        return content.decode("utf-8" if known in _FOR_HOSTS else known, errors="replace")
    except (LookupError, ValueError):  # letters of which nobody knows: an address is written in ASCII all the same
        return content.decode("utf-8", errors="replace")
