"""The mailbox in which bounces arrive, read by IMAP (RFC 3501).

What was read is marked as read once it is on disk here, and stays where it is: nothing is deleted.
"""

import imaplib
import re
import ssl
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from aftercart.errors import ConfigError, UnreachableError
from aftercart.web_address import is_this_machine

SETTING = "AFTERCART_BOUNCE_MAILBOX"
EXAMPLE = "imaps://USER:PASS@HOST/INBOX"
TIMEOUT_S = 30.0
PORTS = {"imaps": 993, "imap+starttls": 143, "imap": 143}
AT_ONCE = 50
"""Mails read in one go. Their bodies are in memory together."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail in the box. `uid`: its name there."""

    uid: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where it is and how to get in."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    folder: str

    def __repr__(self) -> str:
        """Without the password, which must not reach a log."""
        return f"Mailbox({self.scheme}://{self.host}:{self.port}/{self.folder})"

    @contextmanager
    def opened(self) -> "Iterator[OpenMailbox]":
        """A connection, logged in, with the folder open. Raises UnreachableError."""
        try:
            connection = self._connect()
            try:
                self._log_in(connection)
                _checked(connection.select(f'"{_in_ascii(self.folder)}"'), f"open the folder {self.folder}")
                yield OpenMailbox(connection)
            finally:
                connection.logout()
        except (OSError, imaplib.IMAP4.error) as err:
            raise UnreachableError(f"cannot read {self.host}:{self.port} ({SETTING}): {err}") from err

    def _connect(self) -> imaplib.IMAP4:
        tls = ssl.create_default_context()  # not imaplib's own, which trusts every certificate
        if self.scheme == "imaps":
            return imaplib.IMAP4_SSL(self.host, self.port, ssl_context=tls, timeout=TIMEOUT_S)
        connection = imaplib.IMAP4(self.host, self.port, timeout=TIMEOUT_S)
        if self.scheme == "imap+starttls":
            connection.starttls(tls)
        return connection

    def _log_in(self, connection: imaplib.IMAP4) -> None:
        if f"{self.user}{self.password}".isascii():
            connection.login(self.user, self.password)
        else:  # LOGIN knows ASCII alone
            connection.authenticate("PLAIN", lambda _: f"\0{self.user}\0{self.password}".encode())


class OpenMailbox:
    """The mails that nobody has read."""

    def __init__(self, connection: imaplib.IMAP4) -> None:
        self._imap = connection

    def unread(self, max_bytes: int) -> list[Letter]:
        """The first of them; of a very large one its beginning, where the report stands."""
        found = _checked(self._imap.uid("SEARCH", "UNSEEN"), "search the folder")
        uids = found[0].decode("ascii").split()[:AT_ONCE] if found and isinstance(found[0], bytes) else []
        letters = (self._letter(uid, max_bytes) for uid in uids)
        return [letter for letter in letters if letter is not None]

    def _letter(self, uid: str, max_bytes: int) -> Letter | None:
        parts = _checked(self._imap.uid("FETCH", uid, f"(BODY.PEEK[]<0.{max_bytes}>)"), "fetch a mail")
        body = next((part[1] for part in parts if isinstance(part, tuple)), None)
        return Letter(uid, body) if body is not None else None  # None: somebody took it away meanwhile

    def mark_read(self, letters: Sequence[Letter]) -> None:
        """They are on disk; nobody needs to read them again."""
        if letters:
            uids = ",".join(letter.uid for letter in letters)
            _checked(self._imap.uid("STORE", uids, "+FLAGS.SILENT", r"(\Seen)"), "mark mails as read")


def _in_ascii(folder: str) -> str:
    """The name of a folder as the protocol writes it (RFC 3501 §5.1.3)."""
    return re.sub(r"[^\x20-\x7e]+", lambda found: f"&{_base64(found[0])}-", folder.replace("&", "&-"))


def _base64(text: str) -> str:
    return b64encode(text.encode("utf-16-be")).decode("ascii").rstrip("=").replace("/", ",")


def _checked(answer: tuple[str, Any], what: str) -> Any:
    """The data of an answer, whose shapes are many."""
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"the server does not {what}: {data!r}")
    return data


def mailbox_from_url(url: str) -> Mailbox:
    """The mailbox that a URL names. Raises ConfigError, which never shows the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its words quote the URL, with the password
        raise ConfigError(f"{SETTING}: write it as {EXAMPLE}") from None
    if parts.scheme not in PORTS or not parts.hostname or not parts.username or not parts.password:
        raise ConfigError(f"{SETTING}: write it as {EXAMPLE} (%40 for @ within the user's name)")
    if parts.scheme == "imap" and not is_this_machine(parts.hostname):
        raise ConfigError(f"{SETTING}: imap:// would send the password in the clear; use imaps:// or imap+starttls://")
    return Mailbox(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username),
        password=unquote(parts.password),
        folder=unquote(parts.path.strip("/")).replace('"', "") or "INBOX",
    )
