"""The last look at a mail before it may be handed over: nothing of another person's stands in it.

Nothing is shared between renders, so this finds nothing. It is for the day on which somebody changes that, and for
what a shop puts into its product data.
"""

import re
from collections.abc import Iterable, Iterator

from aftercart.errors import TemplateError
from aftercart.rendering.running.runtime import Rendered

_NOT_IN_AN_ADDRESS = r"\s<>\"'():;,&?=\[\]\\/@"
_DOMAIN = re.compile(rf"[^{_NOT_IN_AN_ADDRESS}]+")
_BETWEEN = re.compile(rf"[{_NOT_IN_AN_ADDRESS}]")
_LONGEST_LOCAL_PART = 64
_PERSONAL_PATH = re.compile(r"/[a-z]/[A-Za-z0-9_.~-]+")


class People:
    """The recipients of a batch, by their addresses."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self.addresses = frozenset(address.lower() for address in addresses)
        self.domains = frozenset(address.rpartition("@")[2] for address in self.addresses)


def refuse_what_is_others(rendered: Rendered, own: str, base_url: str, links: frozenset[str], people: People) -> None:
    """Raises TemplateError if a mail holds a personal link that is not its own, or an address of somebody else.

    `own`: the address that it goes to. `base_url`: where personal links begin, without a slash behind it. `links`: the
    mail's own.
    """
    for text in (rendered.html, rendered.text, rendered.subject, rendered.preheader):
        if not links.issuperset(_personal_links(text, base_url)):
            raise TemplateError("a link of another mail stands in this one", fix="report this: it was not sent")
        at = text.find("@")
        while at >= 0:
            address = _address_around(text, at, people)
            if address in people.addresses and address != own.lower():
                message = "the address of another recipient stands in this mail"
                raise TemplateError(message, fix="look for it in your product data")
            at = text.find("@", at + 1)


def _address_around(text: str, at: int, people: People) -> str:
    """The address with its @ there, if its domain is one of theirs: nearly every @ is the shop's or a style's."""
    domain = _DOMAIN.match(text, at + 1)
    if domain is None or (found := domain[0].rstrip(".").lower()) not in people.domains:
        return ""
    local = _BETWEEN.split(text[max(at - _LONGEST_LOCAL_PART, 0) : at])[-1]
    return f"{local.lower()}@{found}"


def _personal_links(text: str, base_url: str) -> Iterator[str]:
    """Paths of one letter and a signed token, as all personal links have them."""
    at = text.find(base_url)  # a pattern that began with the address would take five times as long
    while at >= 0:
        behind = at + len(base_url)
        if found := _PERSONAL_PATH.match(text, behind):
            yield text[at : found.end()]
        at = text.find(base_url, behind)
