"""From `AFTERCART_SENDER_URL` to the senders it names. Opens no connection."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from aftercart.delivery.base import Message, Sender
from aftercart.delivery.console import ConsoleSender
from aftercart.delivery.esp.from_url import EXAMPLE, esp_from_url
from aftercart.delivery.file import FileSender
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.smtp.opening import Security, Server
from aftercart.delivery.smtp.sender import CONNECTIONS, SmtpSender
from aftercart.errors import ConfigError
from aftercart.web_address import is_this_machine

PORTS = {Security.NONE: 25, Security.TLS: 465, Security.STARTTLS: 587}
KNOWN = (
    f"smtp://HOST:PORT, smtps://USER:PASS@HOST:PORT, smtp+starttls://USER:PASS@HOST:PORT, {EXAMPLE}, file:DIR, console:"
)


_CONNECTIONS = re.compile(r"connections=([1-9]\d?)")

Encode = Callable[[Message], bytes]


def senders_from_urls(
    urls: str, encode: Encode = to_bytes, environment: Mapping[str, str] | None = None
) -> list[Sender]:
    """The senders that one or several URLs name, with blanks or line ends between them; the first is used first.

    Raises ConfigError, which never shows a password.
    """
    senders = [sender_from_url(url, encode, environment=environment) for url in urls.split() or [urls]]
    seen: Counter[str] = Counter()
    for sender in senders:
        seen[sender.name] += 1
        if seen[sender.name] > 1:  # another account at the same server
            sender.name = f"{sender.name}#{seen[sender.name]}"
    return senders


def sender_from_url(url: str, encode: Encode = to_bytes, *, environment: Mapping[str, str] | None = None) -> Sender:
    """The sender that a URL names. Raises ConfigError, which never shows the password.

    `encode`: makes the bytes of a mail, where the sender takes bytes. `environment`: where a mail service's key is
    looked for that is not in the URL.
    """
    scheme, colon, rest = url.strip().partition(":")
    scheme = scheme.lower()
    if not colon:
        raise ConfigError(f"the sender URL has no scheme; known are {KNOWN}")
    if scheme == "console":
        return _console(rest)
    if scheme == "file":
        return FileSender(_folder(rest), encode=encode)
    if scheme in tuple(Security):
        server, connections = _server(Security(scheme), url.strip())
        return SmtpSender(server, connections=connections, encode=encode)
    if scheme == "esp":
        return esp_from_url(url.strip(), environment or {})
    raise ConfigError(f"{scheme}: is no sender that Aftercart knows; known are {KNOWN}")


def _console(rest: str) -> Sender:
    if rest.strip("/"):
        raise ConfigError("console: takes nothing behind the colon")
    return ConsoleSender()


def _folder(rest: str) -> Path:
    path = rest.removeprefix("//") if rest.startswith("///") else rest
    if not path or path.startswith("//"):
        raise ConfigError("file: needs a folder, as in file:outbox or file:///var/spool/outbox")
    return Path(path)


def _server(security: Security, url: str) -> tuple[Server, int]:
    """The server, and how many connections to it there may be."""
    parts = _split(security, url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    host, port = parts.hostname or "", _port(security, parts)
    shown = f"{security}://{host or '?'}"
    if not host:
        raise ConfigError(f"{shown}: the host is missing, as in {security}://mail.example.com")
    wanted = _CONNECTIONS.fullmatch(parts.query or f"connections={CONNECTIONS}")
    if parts.path.strip("/") or wanted is None or parts.fragment:
        # A '/', '?' or '#' that is not encoded cuts a password in two, so the rest is not shown.
        raise ConfigError(
            f"{shown}: nothing but ?connections=N (1 to 99) may follow the port "
            "(write %2F for / in a password, %23 for #, %3F for ?)"
        )
    if bool(user) != bool(password):
        raise ConfigError(f"{shown}: needs both a user and a password, or neither")
    if user and security is Security.NONE and not is_this_machine(host):
        raise ConfigError(f"{shown}: would send the password in the clear; use smtp+starttls:// or smtps://")
    return Server(host, port, security, user, password), int(wanted[1])


def _split(security: Security, url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # its words quote the URL, with the password
        raise ConfigError(f"{security}: the URL cannot be read (an IPv6 address needs both brackets)") from None


def _port(security: Security, parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:  # its words quote the port, and a ':' or '/' that is not encoded puts part of a password there
        raise ConfigError(
            f"{security}: the port must be a number up to 65535 (write %3A for : in a password)"
        ) from None
    if port == 0:
        raise ConfigError(f"{security}: there is no port 0")
    return port or PORTS[security]
