"""A mail with one piece of it given to Jinja, which must come out as if nothing were changed.

A literal becomes `{{ v }}` with the literal as its value; an element is put into `{% if t %}`, which lets it through,
or takes it out as if it had never been written.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aftercart.rendering.authoring.scanner import EndTag, Tag, Text, scan
from aftercart.rendering.compiling.mjml_places import CONTENT, FREE_ATTRIBUTES

_ENTITY = re.compile("&#?[0-9A-Za-z]+;")  # in an attribute one without its semicolon is none: `&copy=3` in a link
_WHOLE = frozenset({"mjml", "mj-body", "mj-head"})


@dataclass(frozen=True)
class Lifted:
    """Two ways to write one mail: as `plain` MJML, and as a `template` for which `values` stand."""

    what: str
    plain: str
    template: str
    values: dict[str, Any]


def lifted(mjml: str) -> Iterator[Lifted]:
    """Every literal of a document given to Jinja, one at a time."""
    inside: list[str] = []
    for event in scan(mjml):
        if isinstance(event, Tag):
            yield from _attributes(mjml, event)
            if not event.self_closing:
                inside.append(event.name)
        elif isinstance(event, EndTag):
            inside[-1:] = []
        elif isinstance(event, Text) and CONTENT.intersection(inside) and event.raw.strip() and not event.within:
            words = event.raw.strip()
            at = event.offset + event.raw.index(words)
            plain = html.unescape(words)
            yield Lifted(f"text {words[:30]!r}", mjml, _put(mjml, at, len(words), "{{ v }}"), {"v": plain})


def _attributes(mjml: str, tag: Tag) -> Iterator[Lifted]:
    for attribute in tag.attributes:
        if attribute.name not in FREE_ATTRIBUTES or not attribute.value or not attribute.quoted:
            continue
        if attribute.value == "#":  # an author's; as a value it is no address, and becomes one that is counted
            continue
        at = mjml.index(attribute.value, attribute.offset + len(attribute.name))
        template = _put(mjml, at, len(attribute.value), "{{ v }}")
        yield Lifted(
            f"{attribute.name} of {tag.name}",
            mjml,
            template,
            {"v": _ENTITY.sub(lambda found: html.unescape(found[0]), attribute.value)},
        )


def wrapped(mjml: str) -> Iterator[Lifted]:
    """Every element of a document put into a condition that holds, and into one that does not."""
    opened: list[Tag] = []
    for event in scan(mjml):
        if isinstance(event, Tag) and not event.self_closing:
            opened.append(event)
            continue
        if isinstance(event, EndTag):
            while opened and opened[-1].name != event.name:  # HTML that leaves its ends out
                opened.pop()
            if not opened:
                return
            start, name = opened.pop().offset, event.name
        elif isinstance(event, Tag):
            start, name = event.offset, event.name
        else:
            continue
        end = event.offset + len(event.raw)
        if name in _WHOLE or not name.startswith("mj-") or any(tag.name == "mj-head" for tag in opened):
            continue
        element = mjml[start:end]
        template = _put(mjml, start, end - start, f"{{% if t %}}{element}{{% endif %}}")
        yield Lifted(f"{name} kept", mjml, template, {"t": True})
        yield Lifted(f"{name} left out", _put(mjml, start, end - start, ""), template, {"t": False})


def _put(text: str, at: int, length: int, new: str) -> str:
    return text[:at] + new + text[at + length :]


def tokens(mail: str) -> list[str]:
    """Tags and words of the body, without the white space that tags leave behind, characters for their entities.

    The head is left aside: it holds styles for elements that a condition took out, which then apply to nothing. Two
    comments for Outlook side by side are one: MJML joins them where no Jinja stands between. Carousels and navbars have
    chance ids.
    """
    body = mail[mail.index("<body") :]
    squeezed = re.sub(r"[ \t\r\n\f]+", " ", body).replace(" >", ">").replace(" />", "/>")
    squeezed = re.sub(r"<!\[endif\]--> ?<!--\[if mso \| IE\]>", "", squeezed)
    squeezed = re.sub(r"(?<![0-9a-z])[0-9a-f]{16}(?![0-9a-z])", "id", squeezed)
    found = re.findall(r"<[^>]*>|[^<]+", squeezed)
    return [unquote(html.unescape(token.strip(" "))) for token in found if token.strip(" ")]
