"""What `<mj-style inline="inline">` and `<mj-html-attributes>` do to a mail: both look for their elements when a
template is compiled, and the first has the HTML read and written again as browsers do.

So a selector must not ask for what Jinja decides later, and what is put in for tidiness must not land in a block.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.lexer import Segment
from aftercart.rendering.authoring.scanner import (
    FIRST_HOLE,
    HOLE,
    Attribute,
    EndTag,
    Event,
    Tag,
    Text,
    names,
    scan,
)
from aftercart.rendering.compiling.blocks import ENDS, shown
from aftercart.rendering.compiling.holes import Part, pieces

_SELECTOR = re.compile(r"(?:^|[{};])(?P<selector>[^{};]*)(?=\{)")
_NOTE = re.compile(r"/\*.*?\*/", re.DOTALL)
_COUNTS = re.compile(r"[+~](?!=)|:(?:nth-|first-(?:child|of-type)|last-|only-|empty|has\b)")
_ASKS = re.compile(r"\[\s*([\w-]+)")
_CLASSES = ("class", "id")
_NEVER_ENDS = names("area base br col embed hr img input link meta param source track wbr")
_A_CLASS = "give the elements a class"


@dataclass(frozen=True, slots=True)
class Refused:
    offset: int
    message: str
    fix: str


@dataclass(slots=True)
class Selectors:
    """What a mail looks for, and what of it is known when it looks."""

    _asked: list[tuple[int, str]] = field(default_factory=list)
    _classes: list[tuple[str, Attribute]] = field(default_factory=list)
    _later: set[str] = field(default_factory=set)
    has_sheet: bool = False
    has_blocks: bool = False

    def sheet(self, css: str, offset: int) -> None:
        """A style sheet that is put into elements."""
        self.has_sheet = True
        plain = _NOTE.sub(lambda note: " " * len(note[0]), css)
        for found in _SELECTOR.finditer(plain):
            selector = found["selector"]
            self.path(selector.strip(), offset + found.start("selector") + len(selector) - len(selector.lstrip()))

    def path(self, selector: str, offset: int) -> None:
        self._asked.append((offset, selector))

    def filled_in_later(self, element: str, attribute: Attribute, *, by_jinja: bool) -> None:
        """An attribute whose value is not there when elements are looked for."""
        self._later.add(attribute.name)
        if by_jinja and attribute.name in _CLASSES:
            self._classes.append((element, attribute))

    def refused(self) -> Iterator[Refused]:
        """What would be looked for too soon. Asked once the whole mail is known."""
        for offset, selector in self._asked:
            if self.has_blocks and _COUNTS.search(selector):
                message = f"the selector {selector!r} counts elements before Jinja has chosen them"
                yield Refused(offset, message, _A_CLASS)
            if any(name.lower() in self._later for name in _ASKS.findall(selector)):
                message = f"the selector {selector!r} asks for values that are filled in later"
                yield Refused(offset, message, _A_CLASS)
        for element, attribute in self._classes if self._asked else ():
            message = f"{attribute.name} of <{element}> takes no Jinja where styles are put inline"
            fix = "write the element twice, each in an {% if %}, or take inline out of <mj-style>"
            yield Refused(attribute.offset, message, fix)


@dataclass(slots=True)
class _Table:
    begins: int
    """Behind its tag."""
    has_block: bool = False
    first: Tag | None = None
    """Its `<tbody>`, with nothing before it but Jinja."""
    is_begun: bool = False
    ends: list[int] = field(default_factory=list)


def with_rows_in_one_body(holed: str) -> str:
    """The HTML with each `<tbody>` that was put in behind a block set before it: `{% for %}<tbody><tr>` began one
    for each row."""
    moves: list[tuple[int, Tag]] = []
    tables: list[_Table] = []
    for event in scan(holed):
        if isinstance(event, Tag) and event.name == "table":
            for around in tables[-1:]:
                around.is_begun = True
            tables.append(_Table(event.offset + len(event.raw)))
        elif tables and isinstance(event, EndTag) and event.name == "table":
            table = tables.pop()
            if table.first and len(table.ends) == 1 and not holed[table.ends[0] : event.offset].strip():
                moves.append((table.begins, table.first))
        elif tables:
            _look_at(tables[-1], event)
    for begins, tag in sorted(moves, key=lambda move: -move[0]):
        end = tag.offset + len(tag.raw)
        holed = f"{holed[:begins]}{tag.raw}{holed[begins : tag.offset]}{holed[end:]}"
    return holed


def _look_at(table: _Table, event: Event) -> None:
    match event:
        case Tag() if not table.is_begun:
            table.is_begun = True
            table.first = event if event.name == "tbody" and table.has_block else None
        case Text() if not table.is_begun:
            table.has_block = table.has_block or bool(HOLE.search(event.raw))
            table.is_begun = bool(HOLE.sub("", event.raw).strip())
        case EndTag(name="tbody"):
            table.ends.append(event.offset + len(event.raw))


def refuse_what_moved(before: str, after: str, contents: Sequence[tuple[Part, ...]]) -> None:
    """Raises TemplateError for a block in which other elements begin and end than before styles were put inline."""
    for (tag, was), (_, is_now) in zip(_branches(before, contents), _branches(after, contents), strict=True):
        if was != is_now:
            fix = "write <tbody> around rows, end each element in its block, or take inline out of <mj-style>"
            raise TemplateError(f"putting styles inline moved what stands in {shown(tag)}", tag.place, fix)


def _branches(holed: str, contents: Sequence[tuple[Part, ...]]) -> list[tuple[Segment, dict[str, int]]]:
    """Each branch of each block: how many elements of a name begin in it, less those that end."""
    found: list[tuple[Segment, Counter[str]]] = []
    opened: list[Counter[str]] = []
    for event in scan(holed):
        if isinstance(event, Tag) and opened and not event.self_closing and event.name not in _NEVER_ENDS:
            opened[-1][event.name] += 1
        elif isinstance(event, EndTag) and opened:
            opened[-1][event.name] -= 1
        elif isinstance(event, Text):
            for tag in _tags(event.raw, contents):
                if tag.keyword in ENDS.values() or tag.keyword in ("else", "elif"):
                    opened.pop()
                if tag.keyword in ENDS or tag.keyword in ("else", "elif"):
                    opened.append(Counter())
                    found.append((tag, opened[-1]))
    return [(tag, {name: count for name, count in counts.items() if count}) for tag, counts in found]


def _tags(text: str, contents: Sequence[tuple[Part, ...]]) -> Iterator[Segment]:
    for piece in pieces(text):
        if HOLE.match(piece):
            yield from (part for part in contents[ord(piece) - FIRST_HOLE] if isinstance(part, Segment))
