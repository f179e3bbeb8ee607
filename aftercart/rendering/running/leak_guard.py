"""The last look at a mail before it may be handed over: nothing of another person's stands in it.

Nothing is shared between renders, so this finds nothing. It is for the day on which somebody changes that, and for
what a shop puts into its product data.
"""

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, unquote

from aftercart.errors import TemplateError
from aftercart.rendering.running.runtime import Rendered

_NOT_IN_AN_ADDRESS = r"\s<>\"'():;,&?=\[\]\\/@"
_DOMAIN = re.compile(rf"[^{_NOT_IN_AN_ADDRESS}]+")
_BETWEEN = re.compile(rf"[{_NOT_IN_AN_ADDRESS}]")
_NEVER_IN_AN_ADDRESS = re.compile(r"[\s<>\"]")
_LONGEST_LOCAL_PART = 3 * 64
"""Of 64 characters, each of which three may stand for."""
_LONGEST_DOMAIN = 256
_AT_BY_NAME = re.compile(r"&(?:#0*64|#x0*40|commat);", re.IGNORECASE)
_PERSONAL_PATH = re.compile(r"(?:/|%2[Ff])[a-z](?:/|%2[Ff])[A-Za-z0-9_.~-]+")
_BEFORE_A_HOST = ("//", "%2F%2F", "%2f%2f")
_SHOWN_OTHERWISE = str.maketrans({0x2011: "-", **dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))})
"""The hyphen that does not break a line, and what nobody sees."""


class People:
    """The recipients of a batch, by their addresses."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self.locals: dict[str, set[str]] = defaultdict(set)
        """By domain, what stands before the @, in small letters."""
        for address in addresses:
            local, _, domain = address.lower().rpartition("@")
            self.locals[_in_ascii(domain)].add(local)
        self.nobodys: set[tuple[str, str]] = set()
        """What stands before and behind an @ of none of theirs: a style's or the shop's own, in each mail again."""


def refuse_what_is_others(rendered: Rendered, own: str, base_url: str, links: frozenset[str], people: People) -> None:
    """Raises TemplateError if a mail holds a personal link that is not its own, or an address of somebody else.

    `own`: the address that it goes to. `base_url`: where personal links begin, without a slash behind it. `links`: the
    mail's own.
    """
    local, _, domain = own.lower().rpartition("@")
    own = f"{local}@{_in_ascii(domain)}"
    for text in (rendered.html, f"{rendered.subject}\n{rendered.preheader}\n{rendered.text}"):
        _refuse_links(text, base_url, links)
        _refuse_addresses(text, own, people)


def _refuse_links(text: str, base_url: str, links: frozenset[str]) -> None:
    """Looked for from behind, as everything here: a pattern takes ten times as long, and forwards it is five times.

    Also within another address (`?url=https%3A%2F%2F...`), and by http:// instead of https://.
    """
    scheme, homes = _homes(base_url)
    for home in homes:
        length = len(home)
        at = text.rfind(home)
        while at >= 0:
            found = _PERSONAL_PATH.match(text, at + length)
            if found and text[at - scheme : found.end()] not in links:
                _refuse_link(text[max(at - 6, 0) : at], f"{base_url}{unquote(found[0])}", links)
            at = text.rfind(home, 0, at)


@lru_cache(maxsize=64)
def _homes(base_url: str) -> tuple[int, frozenset[str]]:
    """How many characters its scheme takes, with the slashes, and what follows: as it is, and as in another address."""
    home = base_url.partition("://")[2]
    return len(base_url) - len(home), frozenset((home, quote(home, safe="")))


def _refuse_link(before: str, link: str, links: frozenset[str]) -> None:
    if before.endswith(_BEFORE_A_HOST) and link not in links:
        raise TemplateError("a link of another mail stands in this one", fix="report this: it was not sent")


def _refuse_addresses(text: str, own: str, people: People) -> None:
    for at, behind in _at_signs(text):
        around = (text[max(at - _LONGEST_LOCAL_PART, 0) : at], text[behind : behind + _LONGEST_DOMAIN])
        if around in people.nobodys:
            continue
        address = _recipient(*around, people)
        if not address:
            people.nobodys.add(around)
        elif address != own:
            message = "the address of another recipient stands in this mail"
            raise TemplateError(message, fix="look for it in your product data")


def _at_signs(text: str) -> Iterator[tuple[int, int]]:
    """Where each begins and ends: as it stands in text, in the query of an address, and in HTML by name or number."""
    at = text.rfind("@")
    while at >= 0:
        yield at, at + 1
        at = text.rfind("@", 0, at)
    at = text.rfind("%40")
    while at >= 0:
        yield at, at + 3
        at = text.rfind("%40", 0, at)
    at = text.rfind("&")
    while at >= 0:
        if named := _AT_BY_NAME.match(text, at):
            yield at, named.end()
        at = text.rfind("&", 0, at)


def _recipient(before: str, behind: str, people: People) -> str:
    """Whose address has its @ between them; empty if nobody's."""
    domain = _DOMAIN.match(_plain(behind))
    if domain is None or (found := _in_ascii(domain[0].rstrip(".").lower())) not in people.locals:
        return ""
    local = _plain(_NEVER_IN_AN_ADDRESS.split(before)[-1]).lower()
    # o'neil is not neil, though a quote begins an address as well: the longest that it can be is the one
    starts = (0, *(one.end() for one in _BETWEEN.finditer(local)))
    return next((f"{local[start:]}@{found}" for start in starts if local[start:] in people.locals[found]), "")


def _plain(written: str) -> str:
    """What stands for it in HTML, in the query of an address, or unbroken."""
    return unquote(html.unescape(written)).translate(_SHOWN_OTHERWISE)


def _in_ascii(domain: str) -> str:
    """As addresses are kept: münchen.de is xn--mnchen-3ya.de."""
    try:
        return domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain
