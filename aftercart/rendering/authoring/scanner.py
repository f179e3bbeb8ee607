"""Follows MJML or HTML source: which text, which tag, which attribute, which comment comes next.

The Jinja tags in it are single characters of a private-use plane ("holes"), so they can stand anywhere and are never
mistaken for markup. The scanner knows no elements and repairs nothing: what it yields, put together, is the input.
Conditional comments for Outlook are transparent: their two ends are events, and what stands between is scanned.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FIRST_HOLE = 0xF0000
LAST_HOLE = 0xFFFFD
HOLE = re.compile(f"[{chr(FIRST_HOLE)}-{chr(LAST_HOLE)}]")


def names(listed: str) -> frozenset[str]:
    """A set of element or attribute names, written as one line of words."""
    return frozenset(listed.split())


RAW_TEXT = frozenset({"style", "mj-style", "script", "title"})

_TOKEN = re.compile(
    r"""(?P<conditional><!--\[if[^\]]*\]>(?:<!-->)?|(?:<!--)?<!\[endif\]-->)
      | (?P<comment><!--.*?-->)
      | (?P<declaration><[!?][^>]*>)
      | (?P<end></[a-zA-Z][^>]*>)
      | (?P<tag><[a-zA-Z](?:[^"'>]|"[^"]*"|'[^']*')*>)
      | (?P<text>[^<]+)""",
    re.VERBOSE | re.DOTALL,
)
_BEGUN = re.compile(r"</?[a-zA-Z][^\s/>]*")
_TAG_NAME = re.compile(r"<([^\s/>]+)")
_ATTRIBUTE = re.compile(
    r"""(?P<space>[\s/]*)(?P<name>[^\s"'>/=]+)
        (?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'>]+)))?""",
    re.VERBOSE,
)


class MarkupError(Exception):
    """The source is not markup from `offset` on."""

    def __init__(self, message: str, offset: int, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Attribute:
    """`value` as written, entities and all; None for an attribute without one. `raw` includes the space before."""

    name: str
    value: str | None
    quoted: bool
    raw: str
    offset: int


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    attributes: tuple[Attribute, ...]
    self_closing: bool
    raw: str
    offset: int


@dataclass(frozen=True, slots=True)
class EndTag:
    name: str
    raw: str
    offset: int


@dataclass(frozen=True, slots=True)
class Text:
    """`within` is the raw-text element around it (`style`, `title` ...), else empty."""

    raw: str
    offset: int
    within: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    raw: str
    offset: int


@dataclass(frozen=True, slots=True)
class Conditional:
    """One end of an Outlook comment. `hides`: from here on only Outlook reads; `ends`: everybody does again."""

    raw: str
    offset: int
    hides: bool
    ends: bool


@dataclass(frozen=True, slots=True)
class Declaration:
    raw: str
    offset: int


Event = Tag | EndTag | Text | Comment | Conditional | Declaration


def scan(source: str) -> Iterator[Event]:
    """The events of `source` in order. Raises MarkupError where a tag does not close."""
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise _no_tag(source, position)
        event = _event(match)
        position = match.end()
        yield event
        if isinstance(event, Tag) and event.name in RAW_TEXT and not event.self_closing:
            end = _end_of_raw_text(source, event.name, position)
            yield Text(source[position:end], position, event.name)
            position = end


def _no_tag(source: str, position: int) -> MarkupError:
    if tag := _BEGUN.match(source, position):
        return MarkupError(f"{tag[0]} never comes to its >", position, "look at its quotes; each has to be closed")
    if source.startswith("<!--", position):
        return MarkupError("this comment is never closed", position, "end it with -->")
    return MarkupError("this < opens no tag", position, "write &lt; for a plain less-than")


def _event(match: re.Match[str]) -> Event:
    raw, offset = match[0], match.start()
    match match.lastgroup:
        case "conditional":
            return Conditional(raw, offset, hides=raw.endswith("]>") and "if" in raw[:7], ends="endif" in raw)
        case "comment":
            return Comment(raw, offset)
        case "declaration":
            return Declaration(raw, offset)
        case "end":
            return EndTag(raw[2:-1].strip().lower(), raw, offset)
        case "tag":
            return _tag(raw, offset)
        case _:
            return Text(raw, offset)


def _tag(raw: str, offset: int) -> Tag:
    head = _TAG_NAME.match(raw)
    if head is None:  # the pattern of a tag begins with a letter
        raise MarkupError("a tag without a name", offset, "write &lt; for a plain less-than")
    self_closing = raw.endswith("/>")
    inside = raw[: -2 if self_closing else -1]
    found = tuple(_attribute(match, offset) for match in _ATTRIBUTE.finditer(inside, head.end()))
    return Tag(head[1].lower(), found, self_closing, raw, offset)


def _attribute(match: re.Match[str], offset: int) -> Attribute:
    quoted = match["double"] if match["double"] is not None else match["single"]
    value = quoted if quoted is not None else match["bare"]
    return Attribute(
        match["name"].lower(), value, quoted is not None or value is None, match[0], offset + match.start("name")
    )


def _end_of_raw_text(source: str, name: str, position: int) -> int:
    end = re.compile(f"</{re.escape(name)}[\\s>]", re.IGNORECASE).search(source, position)
    if end is None:
        raise MarkupError(f"<{name}> is never closed", position, f"add </{name}>")
    return end.start()
