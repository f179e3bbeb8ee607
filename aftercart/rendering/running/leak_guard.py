"""The last look at a mail before it may be handed over: nothing of another person's stands in it.

Nothing is shared between renders, so this finds nothing. It is for the day on which somebody changes that, and for
what a shop puts into its product data.
"""

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from aftercart.errors import TemplateError
from aftercart.rendering.running.runtime import Rendered

_NOT_IN_AN_ADDRESS = r"\s<>\"'():;,&?=\[\]\\/@"
_DOMAIN = re.compile(rf"[^{_NOT_IN_AN_ADDRESS}]+")
_BETWEEN = re.compile(rf"[{_NOT_IN_AN_ADDRESS}]")
_NEVER_IN_AN_ADDRESS = re.compile(r"[\s<>\"]")
_LONGEST_LOCAL_PART = 3 * 64
"""Of 64 characters, each of which three may stand for."""
_ATS = ("@", "%40")
"""As it stands in text, and in the query of an address."""
_PERSONAL_PATH = re.compile(r"/[a-z]/[A-Za-z0-9_.~-]+")


class People:
    """The recipients of a batch, by their addresses."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self.locals: dict[str, set[str]] = defaultdict(set)
        """By domain, what stands before the @, in small letters."""
        for address in addresses:
            local, _, domain = address.lower().rpartition("@")
            self.locals[domain].add(local)


def refuse_what_is_others(rendered: Rendered, own: str, base_url: str, links: frozenset[str], people: People) -> None:
    """Raises TemplateError if a mail holds a personal link that is not its own, or an address of somebody else.

    `own`: the address that it goes to. `base_url`: where personal links begin, without a slash behind it. `links`: the
    mail's own.
    """
    for text in (rendered.html, rendered.text, rendered.subject, rendered.preheader):
        if not links.issuperset(_personal_links(text, base_url)):
            raise TemplateError("a link of another mail stands in this one", fix="report this: it was not sent")
        for at_sign in _ATS:
            at = text.rfind(at_sign)  # from behind: a third of the time for one that is not there
            while at >= 0:
                if _recipient_around(text, at, at + len(at_sign), people) not in ("", own.lower()):
                    message = "the address of another recipient stands in this mail"
                    raise TemplateError(message, fix="look for it in your product data")
                at = text.rfind(at_sign, 0, at)


def _recipient_around(text: str, at: int, behind: int, people: People) -> str:
    """Whose address has its @ there; empty if nobody's: nearly every @ is the shop's or a style's."""
    domain = _DOMAIN.match(text, behind)
    if domain is None or (found := domain[0].rstrip(".").lower()) not in people.locals:
        return ""
    written = _NEVER_IN_AN_ADDRESS.split(text[max(at - _LONGEST_LOCAL_PART, 0) : at])[-1]
    before = unquote(html.unescape(written)).lower()
    # o'neil is not neil, though a quote begins an address as well: the longest that it can be is the one
    starts = (0, *(one.end() for one in _BETWEEN.finditer(before)))
    return next((f"{before[start:]}@{found}" for start in starts if before[start:] in people.locals[found]), "")


def _personal_links(text: str, base_url: str) -> Iterator[str]:
    """Paths of one letter and a signed token, as all personal links have them."""
    at = text.find(base_url)  # a pattern that began with the address would take five times as long
    while at >= 0:
        behind = at + len(base_url)
        if found := _PERSONAL_PATH.match(text, behind):
            yield text[at : found.end()]
        at = text.find(base_url, behind)
