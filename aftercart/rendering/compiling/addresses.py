"""Addresses in a template: what may stand in an href or src, and the expression that builds it.

A value at the start of an address must be a whole safe URL, in the path it is percent-encoded, in the query every
reserved character is, so that no product title adds a parameter of its own.
"""

import html
import re
from collections.abc import Sequence

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring.lexer import Segment
from aftercart.rendering.authoring.scanner import names
from aftercart.rendering.compiling.blocks import shown
from aftercart.rendering.compiling.holes import Part

_URL_ATTRIBUTES = names("href src background action formaction poster cite longdesc data background-url")

_START = re.compile(r"https?://|mailto:|tel:|sms:|cid:|#", re.IGNORECASE)
_IN_HOST = re.compile(r"\s*(?:https?:)?//[^/?#]*", re.IGNORECASE)
_HOST_ENDS = re.compile("[/?#]")
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);")


def holds_address(attribute: str) -> bool:
    """Whether an attribute is an address, also as one of a namespace: `xlink:href`, Outlook's `o:href`."""
    return attribute.rpartition(":")[2] in _URL_ATTRIBUTES


def check_address(parts: Sequence[Part], place: Place) -> None:
    """Raises TemplateError for an address that the author wrote and no mail program should follow, or that leads to
    another host with another value."""
    parts = without_entities(parts)
    start = parts[0] if parts else ""
    if isinstance(start, str) and not _START.match(start):
        fix = "write the whole address, beginning with https://"
        raise TemplateError(f"{start.strip()!r} leads nowhere in a mail", place, fix)
    before = ""
    for part in parts:
        if isinstance(part, Segment):
            refuse_in_host(part, before)
        before += part if isinstance(part, str) else "x"


def refuse_in_host(tag: Segment, before: str) -> None:
    """Raises TemplateError for a value that stands in the host of an address. `before`: what stands before it, in which
    a backslash may be anything in a style."""
    if _IN_HOST.fullmatch(before) or "\\" in before:
        fix = "write the whole host, and a / before the value; or begin with a whole address, as {{ brand.url }} is"
        raise TemplateError(f"{shown(tag)} would decide to which host this leads", tag.place, fix)


def is_tracked(url: str) -> bool:
    """Whether it is an address on the web, and so one that the caller may rewrite."""
    return url[:8].lower().startswith(("http://", "https://"))


def url_expression(parts: Sequence[Part]) -> str:
    """A Jinja expression for the whole address: the author's text as it is, values escaped for their place in it."""
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0].text  # what takes it looks at the start of an address itself
    terms: list[str] = []
    before = ""
    for part in parts:
        if isinstance(part, str):
            terms.append(_quoted(part))
            before += part
        elif before.strip() and not isinstance(parts[0], str) and not _HOST_ENDS.search(before):
            terms.append(f"({part.text})|_url_behind({' ~ '.join(terms)})")
            before += "x"
        else:
            terms.append(f"({part.text})|{filter_after(before)}")
            before += "x"
    return " ~ ".join(terms)


def filter_after(before: str) -> str:
    """The filter for a value that stands in an address after `before`."""
    if not before.strip():
        return "_url_start"
    return "_url_query" if "?" in before or "#" in before else "_url_path"


def unescaped(text: str) -> str:
    """An attribute's text without entities. `&copy=1` stays: HTML asks for a semicolon there, `html` does not."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)


def without_entities(parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(unescaped(part) if isinstance(part, str) else part for part in parts)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")
    return f'"{escaped}"'
