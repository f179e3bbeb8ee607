"""Delivery notices that are older than RFC 3464, or written as if they were: those of qmail and of Exim before 4.85.

Other servers' texts are left alone: from prose nobody can tell a refusal from a delay.
"""

import re
from email.message import Message as Mail
from email.utils import getaddresses

Failed = dict[str, str]
"""Whom it failed, and the words about each."""

_QMAIL_BEGINS = "hi. this is the"
"""Every notice in qmail's format does (QSBMF, https://cr.yp.to/proto/qsbmf.txt)."""
_QMAIL_RECIPIENT = re.compile(r"<(.+)>:\s*(.*)", re.DOTALL)
_BLANK_LINE = re.compile(r"\n(?:[ \t]*\n)+")


def read_plain(mail: Mail) -> Failed | None:
    """Whom a mail server gave up on; None: it is no such notice."""
    text = _text(mail)
    failed = str(mail.get("X-Failed-Recipients", ""))  # Exim's own header, on no other mail than this
    if failed:
        return {address: _exim_says(text, address) for _, address in getaddresses([failed])}
    return _of_qmail(text) if text.lower().startswith(_QMAIL_BEGINS) else None


def _of_qmail(text: str) -> Failed | None:
    found: Failed = {}
    for paragraph in _BLANK_LINE.split(text):
        if paragraph.startswith("-"):  # the copy of our mail
            break
        if recipient := _QMAIL_RECIPIENT.match(paragraph):
            found[recipient[1]] = recipient[2]
    return found or None


def _exim_says(text: str, address: str) -> str:
    """The lines below the one that names the address, up to a blank one."""
    _, _, below = text.partition(f"  {address}\n")
    return _BLANK_LINE.split(below, maxsplit=1)[0]


def _text(mail: Mail) -> str:
    part = next((part for part in mail.walk() if part.get_content_type() == "text/plain"), None)
    content = part.get_payload(decode=True) if part else None
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    return text.replace("\r\n", "\n").lstrip()
