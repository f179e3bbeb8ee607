"""The text part, compiled from the same MJML: paragraphs, `Label: address` for buttons, rows for tables.

People read it on watches and in terminals, spam filters compare it with the HTML, and a mail without it looks
careless. A link that comes back later in the same card is printed there and not before, so that a picture, a title and
a button to one product do not print its address three times.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby

from aftercart.errors import Place
from aftercart.rendering.authoring.lexer import Kind, Segment
from aftercart.rendering.authoring.locales import direction
from aftercart.rendering.authoring.scanner import (
    Attribute,
    Comment,
    Conditional,
    Declaration,
    EndTag,
    Event,
    Tag,
    Text,
    names,
)
from aftercart.rendering.authoring.written import Writer, Written
from aftercart.rendering.compiling.addresses import is_tracked, unescaped, url_expression, without_entities
from aftercart.rendering.compiling.blocks import ENDS
from aftercart.rendering.compiling.holes import Holed, Part
from aftercart.rendering.compiling.mjml_places import WORDLESS
from aftercart.rendering.running.lines import BULLET, CELL_END, ITEM, LIST_ENDS, SOFT_END, list_begins

_PARAGRAPH = names(
    "mj-text mj-button mj-image mj-table mj-section mj-navbar mj-social mj-raw "
    "mj-accordion-title mj-accordion-text mj-carousel-image "
    "p div h1 h2 h3 h4 h5 h6 ul ol dl pre table blockquote center section article header footer main nav aside address "
    "figure figcaption form fieldset"
)
_LINE = names("tr br dt dd option mj-navbar-link mj-social-element")
_SILENT = frozenset({"mj-head", "style", "script", "title"})
_LISTS = frozenset({"ul", "ol"})
_RULES = frozenset({"mj-divider", "hr"})
_PICTURES = frozenset({"mj-image", "mj-carousel-image", "img"})
_LABELED = frozenset({"mj-button", "mj-navbar-link", "mj-social-element"})
HTML_ONLY = "html-only"
"""An element with this css-class has no counterpart in the text part."""
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CAN_HIDE = names("div span table a")
"""Elements of HTML whose end nobody leaves out; others hide what stands in them if they have one."""

_ISOLATES = ("\u2068", "\u2069")
"""What `<bdi>` is in plain text."""

_SPACE = re.compile(r"[ \t\r\n\f]+")
_INDENT = re.compile(r"(?<=\n) +| {2,}")
_LINE_END = re.compile(r"[ \t]*\n[ \t]*")
_GAP = re.compile(r"\n{3,}")
_SET = re.compile(r"\s*set\s+(\w+)\s*=")
_BINDS = re.compile(r"for\s+(?P<loop>.+?)\s+in\s|set\s+(?P<set>[\w\s,]+)=|with\s+(?P<with>.*)", re.DOTALL)
_WORD = re.compile(r"\w+")
_SOFT_ENDS = re.compile(r"\v[ \t\v]*\v")


def text_template(source: Holed, locale: str) -> Written:
    """A Jinja template of the text part."""
    events = list(_with_defaults(source.events()))
    colon = "\u00a0: " if locale.partition("_")[0] == "fr" else ": "
    isolates = _ISOLATES if direction(locale) == "rtl" else ("", "")
    links, ended = _Links(), _ended(events)
    for last_links in (None, links):
        writer = _TextWriter(source, ended, last_links.last() if last_links else set(), colon, isolates, links)
        for event in events:
            writer.event(event)
    return _joined(_without_idle_sets(writer.pieces))


def _with_defaults(events: Iterable[Event]) -> Iterator[Event]:
    """The events, with the attributes that `<mj-attributes>` gives to elements of MJML."""
    given: dict[str, dict[str, Attribute]] = {}
    parents: list[str] = []
    for event in events:
        if isinstance(event, EndTag) and event.name.startswith("mj"):
            parents[-1:] = []
        if not isinstance(event, Tag) or not event.name.startswith("mj"):
            yield event
            continue
        if parents[-1:] == ["mj-attributes"]:
            name = f".{_value(event, 'name')}" if event.name == "mj-class" else event.name
            given.setdefault(name, {}).update({each.name: each for each in event.attributes if each.name != "name"})
        parents += [] if event.self_closing else [event.name]
        classes = [f".{name}" for name in _value(event, "mj-class").split()]
        found = {
            name: each for source in ("mj-all", event.name, *classes) for name, each in given.get(source, {}).items()
        }
        if event.name not in _LABELED | _PICTURES:
            found.pop("href", None)
        own = {each.name: each for each in event.attributes}
        yield replace(event, attributes=tuple({**found, **own}.values())) if found else event


def _ended(events: Iterable[Event]) -> set[int]:
    """The offsets of the tags of HTML that have an end of their own."""
    found: set[int] = set()
    opened: list[tuple[str, int]] = []
    for event in events:
        if isinstance(event, Tag | EndTag) and event.name.startswith("mj"):
            opened.clear()
        elif isinstance(event, Tag):
            opened.append((event.name, event.offset))
        elif isinstance(event, EndTag) and any(name == event.name for name, _ in opened):
            while opened[-1][0] != event.name:
                opened.pop()
            found.add(opened.pop()[1])
    return found


def _without_idle_sets(pieces: list[Part]) -> list[Part]:
    """Without what is set for the HTML alone. A `{% set %}` acts on what follows it, so this begins at the end."""
    kept: list[Part] = []
    used: set[str] = set()
    for piece in reversed(pieces):
        tag = "" if isinstance(piece, str) else piece.text
        found = _SET.match(tag)
        if found is None or found[1] in used:
            kept.append(piece)
            used.update(_WORD.findall(tag))
    return kept[::-1]


def _joined(pieces: list[Part]) -> Written:
    """With no more line ends than `tidy` would leave, which has to look at each of them in every mail."""
    writer = Writer()
    for is_text, group in groupby(pieces, lambda piece: isinstance(piece, str)):
        if is_text:
            writer.literal(_SOFT_ENDS.sub(SOFT_END, _GAP.sub("\n\n", _LINE_END.sub("\n", "".join(map(str, group))))))
        else:
            writer.tags(_finished(piece) for piece in group if isinstance(piece, Segment))
    return writer.result()


Target = tuple[Part, ...]


def _target(source: Holed, tag: Tag) -> Target:
    return without_entities(source.parts(_value(tag, "href")))


def _value(tag: Tag, name: str) -> str:
    """Of two attributes of one name MJML takes the last."""
    return next((each.value for each in reversed(tag.attributes) if each.name == name and each.value), "")


def _same(target: Target) -> str:
    """Two links with one spelling go to one place."""
    return "".join(str(part) for part in target)


def _said(pieces: Iterable[Part]) -> str:
    return "".join(str(piece) for piece in pieces).strip()


@dataclass(frozen=True, slots=True)
class _Seen:
    """A link that a reader sees: in which column, in which branches of which blocks, and where it leads."""

    offset: int
    column: int
    branches: tuple[tuple[int, int], ...]
    leads_to: tuple[str, ...]


@dataclass(slots=True)
class _Links:
    """The links of a mail, among the blocks that decide whether they are there and what their names stand for."""

    seen: list[_Seen] = field(default_factory=list)
    _column: int = 0
    _blocks: list[tuple[int, int, dict[str, int]]] = field(default_factory=list)
    """Of each one that is open: its number, the number of its branch, and what names stood for before it."""
    _bound: dict[str, int] = field(default_factory=dict)
    """By which block a name got the value that it has here."""
    _number: int = 0

    def column_ends(self) -> None:
        self._column += 1

    def link(self, offset: int, target: Target) -> None:
        branches = tuple((block, branch) for block, branch, _ in self._blocks)
        tags = (part.text for part in target if isinstance(part, Segment))
        values = (f"{name} {self._bound[name]}" for tag in tags for name in _WORD.findall(tag) if name in self._bound)
        self.seen.append(_Seen(offset, self._column, branches, (_same(target), *values)))

    def block(self, tag: Segment) -> None:
        self._number += 1
        if tag.keyword in ENDS:
            self._blocks.append((self._number, 0, dict(self._bound)))
        elif tag.keyword in ("else", "elif") and self._blocks:
            block, branch, before = self._blocks.pop()
            self._blocks.append((block, branch + 1, before))
        elif tag.keyword in ENDS.values() and self._blocks:
            before = self._blocks.pop()[2]
            self._bound = self._bound if tag.keyword == "endif" else before
        if found := _BINDS.match(tag.text):
            names_in = found["loop"] or found["set"] or found["with"] or ""
            bound = [*_WORD.findall(names_in), *(["loop"] if found["loop"] else [])]
            self._bound = {**self._bound, **dict.fromkeys(bound, self._number)}

    def last(self) -> set[int]:
        """The offsets of the links that no later one repeats, in the same column and for whoever sees the first."""
        kept: dict[tuple[int, tuple[str, ...]], list[_Seen]] = {}
        for link in reversed(self.seen):
            later = kept.setdefault((link.column, link.leads_to), [])
            if not any(link.branches[: len(other.branches)] == other.branches for other in later):
                later.append(link)
        return {link.offset for links in kept.values() for link in links}


def _as_laid_out(text: str) -> str:
    """Text of a `<pre>`: its lines, and spaces that `tidy` does not take for gaps."""
    lines = html.unescape(text).replace("\r", "").replace("\t", "    ")
    return _INDENT.sub(lambda spaces: "\u00a0" * len(spaces[0]), lines)


def _finished(tag: Segment) -> Segment:
    """An expression with the filter for text, unless it is an address."""
    if tag.kind is Kind.BLOCK or tag.text.endswith("|_link"):
        return tag
    return replace(tag, text=f"({tag.text})|_plain")


@dataclass(frozen=True, slots=True)
class _Link:
    """A link whose words are being written."""

    element: str
    target: Target
    """Empty where a later one repeats it."""
    place: Place
    begins: int
    """How many pieces stood before its words."""
    alt: list[Part] = field(default_factory=list)
    """What stands for its pictures, if it has no words."""


@dataclass(slots=True)
class _TextWriter:
    source: Holed
    ended: set[int]
    """Where the tags stand that have an end."""
    last_links: set[int]
    colon: str
    """What stands behind a label."""
    isolates: tuple[str, str]
    """What stands around a name of whatever script, which would turn a line that is read from the right."""
    links: _Links
    """What was seen, for those who ask which links come back."""
    pieces: list[Part] = field(default_factory=list)
    _silent: list[str] = field(default_factory=list)
    _set_unseen: list[Part] = field(default_factory=list)
    """The blocks of what is left out: some of what they set may be asked for below."""
    _open_links: list[_Link] = field(default_factory=list)
    _in_card: bool = False
    _hidden: bool = False
    _parents: list[str] = field(default_factory=list)
    _lists: list[str] = field(default_factory=list)
    _in_pre: bool = False

    def event(self, event: Event) -> None:
        match event:
            case Conditional():
                self._hidden = event.hides and not event.ends
            case Comment() | Declaration():
                pass
            case _ if self._hidden:
                pass
            case Tag():
                self._tag(event)
            case EndTag():
                self._end(event.name)
            case Text():
                self._text(event)

    def _tag(self, tag: Tag) -> None:
        if tag.name.startswith("mj") and not tag.self_closing:
            self._parents.append(tag.name)
        if self._silent:
            if tag.name == self._silent[-1] and not tag.self_closing:
                self._silent.append(tag.name)
            return
        if self._is_silent(tag):
            self._silent += [] if tag.self_closing else [tag.name]
            return
        if tag.name == "mj-column":
            self._in_card = bool(_value(tag, "width"))
        self._break_before(tag.name)
        self._begin(tag)
        target = _target(self.source, tag)
        if target:
            self.links.link(tag.offset, target)
        if tag.name in _PICTURES:
            self._image(tag)
        elif target:
            shown = target if tag.offset in self.last_links else ()
            self._open_links.append(
                _Link(tag.name, shown, self.source.place(tag.offset), len(self.pieces), self._alt(tag))
            )
            if tag.self_closing or tag.name == "area":
                self._close_link(self._open_links.pop())

    def _begin(self, tag: Tag) -> None:
        if tag.name == "bdi":
            self.pieces.append(self.isolates[0])
        elif tag.name in _LISTS:
            self._lists.append(tag.name)
            start = _value(tag, "start")
            self.pieces.append(list_begins(int(start) if start.isdecimal() else 1) if tag.name == "ol" else "")
        elif tag.name == "pre":
            self._in_pre = True

    def _is_silent(self, tag: Tag) -> bool:
        if tag.name in _SILENT or HTML_ONLY in _value(tag, "css-class").split():
            return True
        is_hidden = _HIDDEN.search(_value(tag, "style")) or any(each.name == "hidden" for each in tag.attributes)
        return bool(is_hidden) and (tag.name in _CAN_HIDE or tag.offset in self.ended)

    def _break_before(self, name: str) -> None:
        if name in _PARAGRAPH:
            self._paragraph(name)
        elif name in _LINE:
            self.pieces.append("\n")
        elif name == "li":
            self.pieces += ["\n", ITEM if self._lists[-1:] == ["ol"] else BULLET]
        elif name in _RULES:
            self.pieces.append("\n\n----\n\n")

    def _image(self, tag: Tag) -> None:
        """A linked picture is its alternative text and its address; any other picture says nothing here."""
        target = _target(self.source, tag)
        if not target and self._open_links:
            self._open_links[-1].alt.extend(self._alt(tag))
        if not target or tag.offset not in self.last_links:
            return
        alt = self._alt(tag)
        self.pieces += [*alt, self.colon if alt else ""]
        self._address(target, self.source.place(tag.offset))

    def _alt(self, tag: Tag) -> list[Part]:
        parts = self.source.parts(_value(tag, "alt"))
        return [unescaped(part) if isinstance(part, str) else part for part in parts]

    def _end(self, name: str) -> None:
        if name.startswith("mj"):
            self._parents[-1:] = []
        if name in ("mj-column", "mj-body"):
            self.links.column_ends()
        if self._silent:
            self._end_of_silence(name)
            return
        if self._open_links and self._open_links[-1].element == name:
            self._close_link(self._open_links.pop())
        self._in_pre = self._in_pre and name not in ("pre", *self._parents[-1:])
        if name in _LISTS and self._lists:
            self.pieces.append(LIST_ENDS if self._lists.pop() == "ol" else "")
        if name == "bdi":
            self.pieces.append(self.isolates[1])
        elif name in ("td", "th"):
            self.pieces.append(CELL_END)
        elif name in _PARAGRAPH or name == "mj-column":
            self._paragraph(name)

    def _end_of_silence(self, name: str) -> None:
        if name.startswith("mj"):  # which ends what is open in it
            while self._silent and not self._silent[-1].startswith("mj"):
                self._silent.pop()
        if self._silent and self._silent[-1] == name:
            self._silent.pop()
        if not self._silent:
            if any(isinstance(tag, Segment) and tag.keyword == "set" for tag in self._set_unseen):
                self.pieces += self._set_unseen
            self._set_unseen.clear()

    def _paragraph(self, name: str) -> None:
        """An empty line; within a card, a column beside others, its elements follow line by line."""
        written = (piece for piece in reversed(self.pieces) if not isinstance(piece, str) or not piece.isspace())
        if next(written, "") in (ITEM, BULLET):  # the mark stands beside its words
            return
        self.pieces.append(SOFT_END if self._in_card and name != "mj-column" else "\n\n")

    def _close_link(self, link: _Link) -> None:
        if link.target and not _said(self.pieces[link.begins :]):
            self.pieces += link.alt
        if not link.target or str(link.target[0]).startswith(("mailto:", "tel:", "sms:")):
            return
        said = _said(self.pieces[link.begins :])
        around = "" if said else " "
        if said == _same(link.target):  # the address itself, which stands there once
            del self.pieces[link.begins :]
            said = ""
        before, after = (around, around) if not said else (self.colon, "") if link.element in _LABELED else (" (", ")")
        self.pieces.append(before)
        self._address(link.target, link.place)
        self.pieces.append(after)

    def _text(self, text: Text) -> None:
        for tag in self.source.parts(text.raw):
            if isinstance(tag, Segment) and tag.kind is Kind.BLOCK:
                self.links.block(tag)
        if self._silent:
            parts = self.source.parts(text.raw)
            self._set_unseen += [part for part in parts if isinstance(part, Segment) and part.kind is Kind.BLOCK]
            return
        is_shown = not self._parents or self._parents[-1] not in WORDLESS
        for part in self.source.parts(text.raw):
            if not isinstance(part, str):
                self.pieces.append(part)
            elif is_shown or not part.strip():
                self.pieces.append(_as_laid_out(part) if self._in_pre else html.unescape(_SPACE.sub(" ", part)))

    def _address(self, target: Target, place: Place) -> None:
        tag = next((part for part in target if isinstance(part, Segment)), None)
        if tag is None and not is_tracked(str(target[0])):
            self.pieces.append(str(target[0]))
            return
        source = f"({url_expression(target)})|_link"
        self.pieces.append(Segment(Kind.EXPRESSION, source, tag.place if tag else place))
