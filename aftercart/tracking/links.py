"""Which links of a mail are tracked, and where they lead.

The URL is never in the request: a tracked link is a token, and the redirect goes to what was stored at render time.
A link in is the redirect's location out, byte for byte, apart from the UTM parameters behind it.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote_plus
from uuid import UUID

from aftercart.tracking.hosts import is_listed
from aftercart.tracking.tokens import MAX_POSITION, PATHS, Purpose, TokenSigner
from aftercart.web_address import NEVER_IN_A_URL, ascii_host, web_address

UNSAFE = "#unsafe-url"
"""Stands in a mail where a link was unsafe: it leads nowhere, and a reader of the source sees why."""

TRAP = MAX_POSITION
"""The position of a link that no reader sees: only what opens every link of a mail opens it."""

_HARMLESS = re.compile(r"(mailto:|tel:|#)", re.IGNORECASE)
"""Leads to no page, so it can lead to no wrong one."""
_UNSEEN = 'style="display:none" tabindex="-1" aria-hidden="true"'
_OUR_PATHS = tuple(PATHS.values())


class LinkBook:
    """The links of one send: collects where they lead and says what stands in the mail instead."""

    def __init__(
        self, base_url: str, tokens: TokenSigner, send_id: UUID, hosts: Iterable[str], utm: Mapping[str, str]
    ) -> None:
        """`hosts`: where links are tracked, each with its subdomains. `utm`: parameters for links that lack them."""
        self._base_url = base_url.rstrip("/")
        self._tokens = tokens
        self._send_id = send_id
        self._hosts = tuple(hosts)
        self._utm = tuple(utm.items())
        self._positions: dict[str, int] = {}
        self._stands: dict[str, str] = {}

    @property
    def links(self) -> list[tuple[int, str]]:
        """Position and URL of every tracked link so far. The same URL twice has one position."""
        return [(position, url) for url, position in self._positions.items()]

    @property
    def stands(self) -> Collection[str]:
        """What stands in the mail for its links so far."""
        return self._stands.values()

    @property
    def base_url(self) -> str:
        """Where links begin, without a slash behind it."""
        return self._base_url

    def trapped(self, html: str, url: str) -> str:
        """The mail with a link in it that no reader sees, nor hears read out; it leads to `url`."""
        self._positions.setdefault(f"{url}#", TRAP)
        token = self._tokens.link(self._send_id, TRAP)
        trap = f'<a href="{self._base_url}{PATHS[Purpose.LINK]}{token}" {_UNSEEN}></a>'
        before, end, after = html.rpartition("</body>")
        return f"{before}{trap}{end}{after}" if end else html

    def watched(self, html: str, recipient_id: int) -> str:
        """The mail with a picture of one pixel at its end that tells when it is opened."""
        token = self._tokens.page(Purpose.OPEN, recipient_id, self._send_id)
        pixel = f'<img src="{self._base_url}{PATHS[Purpose.OPEN]}{token}" width="1" height="1" alt="">'
        before, end, after = html.rpartition("</body>")
        return f"{before}{pixel}{end}{after}" if end else html

    def track(self, url: str) -> str:
        """What stands in the mail for a link; the same link stands in a mail several times.

        - http(s) to one of the shop's hosts: a tracked link; from the 65,536th on as it is
        - http(s) to another host, `mailto:`, `tel:` and `#place`: the link as it is
        - a link to our own pages: as it is; wrapped twice it would lead in a circle
        - anything else (another scheme, a user name in it, backslashes, control characters): `#unsafe-url`
        """
        stands = self._stands.get(url)
        if stands is None:
            stands = self._stands[url] = self._judged(url.strip(" "))
        return stands

    def _judged(self, url: str) -> str:
        if _is_ours(url, self._base_url) and not NEVER_IN_A_URL.search(url):
            return url  # before the cache: tokens are as many as mails
        target = _target(url, self._hosts, self._utm)
        if target.untracked is not None:
            return target.untracked
        if len(self._positions) >= TRAP:
            return url
        position = self._positions.setdefault(target.url, len(self._positions))
        return f"{self._base_url}{PATHS[Purpose.LINK]}{self._tokens.link(self._send_id, position)}"


class _Target(NamedTuple):
    """Where a tracked link leads, or what stands in the mail instead."""

    url: str = ""
    untracked: str | None = None


@lru_cache(maxsize=8192)  # a shop's products come again in every batch
def _target(url: str, hosts: tuple[str, ...], utm: tuple[tuple[str, str], ...]) -> _Target:
    if NEVER_IN_A_URL.search(url):
        return _Target(untracked=UNSAFE)
    if _HARMLESS.match(url):
        return _Target(untracked=url)
    parts = web_address(url)
    if parts is None:
        return _Target(untracked=UNSAFE)
    if not is_listed(parts.hostname or "", hosts):
        return _Target(untracked=url)
    return _Target(with_parameters(_ascii(url, parts), dict(utm)))


def _is_ours(url: str, base_url: str) -> bool:
    return url.startswith(_our_pages(base_url))


@lru_cache(maxsize=16)
def _our_pages(base_url: str) -> tuple[str, ...]:
    return tuple(base_url + path for path in _OUR_PATHS)


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with parameters appended to its query; none that it has already, and nothing else changed."""
    before, hash_sign, fragment = url.partition("#")
    address, _, query = before.partition("?")
    present = {unquote_plus(pair.partition("=")[0]) for pair in query.split("&")}
    new = "&".join(f"{_quoted(k)}={_quoted(v)}" for k, v in parameters.items() if k not in present)
    if not new:
        return url
    joint = "" if not query or query.endswith("&") else "&"
    return f"{address}?{query}{joint}{new}{hash_sign}{fragment}"


def leads_to(link: str, page: str) -> bool:
    """Whether a tracked link is one to this page of the shop: it, with what was appended to it here."""
    plain, address = link.partition("#")[0], _address(page)
    return plain == address or plain.startswith((f"{address}?", f"{address}&"))


@lru_cache(maxsize=8192)
def _address(page: str) -> str:
    parts = web_address(page.strip(" "))
    return (_ascii(page.strip(" "), parts) if parts else page).partition("#")[0].rstrip("?&")


@lru_cache(maxsize=1024)  # the names of a few campaigns
def _quoted(text: str) -> str:
    return quote(text, safe="")


def _ascii(url: str, parts: SplitResult) -> str:
    """The URL in ASCII (RFC 3987 §3.1), as a Location header needs it. ASCII characters stay as they are."""
    if url.isascii():
        return url
    start = url.index("//") + 2
    rest = url[start + len(parts.netloc) :]
    host = parts.netloc if parts.netloc.isascii() else _ascii_netloc(parts)
    return url[:start] + host + "".join(c if c.isascii() else quote(c) for c in rest)


def _ascii_netloc(parts: SplitResult) -> str:
    host = ascii_host(parts.hostname or "")
    return f"{host}:{parts.port}" if parts.port is not None else host
