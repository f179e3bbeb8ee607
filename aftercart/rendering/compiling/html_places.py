"""Where each expression stands in the finished HTML, and so which filter escapes it.

A value is escaped for text, for an attribute, for the start, the path or the query of a URL, or for CSS, as Go's
html/template does. The links that a recipient may click are marked here too: `_link` hands them to the caller.
"""

import html
import re
from collections.abc import Sequence
from itertools import zip_longest

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.lexer import Kind, Segment
from aftercart.rendering.authoring.scanner import FIRST_HOLE, HOLE, Attribute, Event, Tag, Text, scan
from aftercart.rendering.authoring.written import Writer, Written
from aftercart.rendering.compiling.addresses import (
    filter_after,
    holds_address,
    is_tracked,
    refuse_in_host,
    unescaped,
    url_expression,
    without_entities,
)
from aftercart.rendering.compiling.blocks import shown
from aftercart.rendering.compiling.holes import Part, pieces

_NEW_DECLARATION = re.compile(r"(?:^|[;{])\s*(?:/\*[^*]*\*/\s*)*[\w-]*\Z")
_DECLARATION_BEGINS = re.compile(r"[;{]\s*(?:/\*[^*]*\*/\s*)*\Z")
_COLON = re.compile(r"[\w-]*\s*:(?!:)")
_OPEN_CSS_URL = re.compile(r"""url\(\s*["']?(?P<url>[^)"']*)\Z""", re.IGNORECASE)


def to_template(holed_html: str, contents: Sequence[tuple[Part, ...]]) -> Written:
    """The HTML with its Jinja back in place, every expression filtered for where it stands."""
    writer = _HtmlWriter(contents)
    for event in scan(holed_html):
        writer.event(event)
    return writer.jinja.result()


class _HtmlWriter:
    def __init__(self, contents: Sequence[tuple[Part, ...]]) -> None:
        self._contents = contents
        self.jinja = Writer()

    def event(self, event: Event) -> None:
        match event:
            case Tag():
                self._tag(event)
            case Text(within="style"):
                self._css(self._parts(event.raw), in_attribute=False)
            case Text(within="" | "title"):
                self._text(event.raw)
            case _:
                self._verbatim(event.raw)

    def _parts(self, text: str) -> list[Part]:
        """Text and tags; what one hole stands for may itself be several."""
        found: list[Part] = []
        for piece in pieces(text):
            found.extend(self._contents[ord(piece) - FIRST_HOLE] if HOLE.match(piece) else (piece,))
        return found

    def _verbatim(self, raw: str) -> None:
        for part in self._parts(raw):
            if isinstance(part, Segment):
                fix = "print it in <mj-text>, or in an attribute of an element"
                raise TemplateError(f"{shown(part)} ended up where no value can be printed safely", part.place, fix)
            self.jinja.literal(part)

    def _text(self, raw: str) -> None:
        for part in self._parts(raw):
            if isinstance(part, str):
                self.jinja.literal(part)
            elif part.kind is Kind.BLOCK:
                self.jinja.block(part)
            else:
                self.jinja.expression(f"({part.text})|_text", part.place)

    def _tag(self, tag: Tag) -> None:
        if not HOLE.search(tag.raw) and not any(_clickable(tag, attribute) for attribute in tag.attributes):
            self.jinja.literal(tag.raw)
            return
        self.jinja.literal(f"<{tag.name}")
        for attribute in tag.attributes:
            self._attribute(tag, attribute)
        self.jinja.literal(" />" if tag.self_closing else ">")

    def _attribute(self, tag: Tag, attribute: Attribute) -> None:
        clickable = _clickable(tag, attribute)
        if not HOLE.search(attribute.raw) and not clickable:
            self.jinja.literal(attribute.raw)
            return
        parts = self._parts(attribute.value or "")
        self.jinja.literal(f' {attribute.name}="')
        if holds_address(attribute.name):
            self._url(without_entities(parts), clickable=clickable)
        elif attribute.name in ("style", "bgcolor", "color"):
            self._css(parts, in_attribute=True, before="" if attribute.name == "style" else "color:")
        else:
            self._plain_attribute(parts)
        self.jinja.literal('"')

    def _plain_attribute(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if isinstance(part, str):
                self.jinja.literal(_quotable(part))
            else:
                self.jinja.expression(f"({part.text})|_text", part.place)

    def _url(self, parts: Sequence[Part], *, clickable: bool) -> None:
        first_tag = next((part for part in parts if isinstance(part, Segment)), None)
        literal = "".join(part for part in parts if isinstance(part, str))
        if first_tag is None and not (clickable and is_tracked(literal)):
            self.jinja.literal(html.escape(literal))
            return
        source = f"({url_expression(parts)})|{'_link' if clickable else '_url'}"
        self.jinja.expression(source, first_tag.place if first_tag else None)

    def _css(self, parts: Sequence[Part], *, in_attribute: bool, before: str = "") -> None:
        """`before`: what stands before the parts, for an attribute that is one value of a style."""
        for part, following in zip_longest(parts, parts[1:]):
            if isinstance(part, str):
                before += unescaped(part) if in_attribute else part
                self.jinja.literal(_quotable(part) if in_attribute else part)
            elif part.kind is Kind.BLOCK:
                self.jinja.block(part)
            else:
                if _names_a_property(before, following):
                    message = f"{shown(part)} would choose the property of a style"
                    raise TemplateError(message, part.place, "write out its name, and choose with {% if %}")
                if _DECLARATION_BEGINS.search(f"{{{before}" if in_attribute else before):
                    message = f"{shown(part)} would be a whole declaration of a style"
                    raise TemplateError(message, part.place, "write its property out, as in color: {{ brand.color }}")
                if url := _OPEN_CSS_URL.search(before):
                    refuse_in_host(part, url["url"])
                self.jinja.expression(f"({part.text})|{_css_filter(before, in_attribute)}", part.place)
                before += "x"


def _names_a_property(before: str, following: Part | None) -> bool:
    return isinstance(following, str) and bool(_COLON.match(following) and _NEW_DECLARATION.search(before))


def _css_filter(before: str, in_attribute: bool) -> str:
    match = _OPEN_CSS_URL.search(before)
    if match is None:
        return "_css"
    if match["url"].strip():
        return filter_after(match["url"])
    return "_css_url" if in_attribute else "_sheet_url"


def _clickable(tag: Tag, attribute: Attribute) -> bool:
    return tag.name in ("a", "area") and attribute.name == "href" and bool(unescaped(attribute.value or ""))


def _quotable(text: str) -> str:
    return text.replace('"', "&quot;").replace("<", "&lt;")
