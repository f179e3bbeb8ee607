"""Jinja tags taken out of markup, and put back.

Inside this room a tag is one character (a hole), so that markup can be scanned. On the way through MJML it travels
as something that MJML leaves alone: an HTML comment for a block between elements, a CSS comment for a block in a
style, one alphanumeric word everywhere else.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring.lexer import Kind, Segment, behind
from aftercart.rendering.authoring.scanner import FIRST_HOLE, HOLE, Event, MarkupError, scan

Part = str | Segment
"""A piece of text, or one Jinja tag."""


@dataclass(frozen=True, slots=True)
class Holed:
    """Markup in which every Jinja tag is a hole."""

    text: str
    tags: tuple[Segment, ...]
    _starts: tuple[tuple[int, Place], ...]

    def place(self, offset: int) -> Place:
        """Where the author wrote the character at `offset`."""
        start, place = self._starts[bisect_right(self._starts, offset, key=lambda at: at[0]) - 1]
        return behind(place, self.text[start:offset])

    def parts(self, text: str) -> tuple[Part, ...]:
        """A stretch of this markup as pieces of text and tags."""
        return tuple(self.tags[ord(piece) - FIRST_HOLE] if HOLE.match(piece) else piece for piece in pieces(text))

    def events(self) -> Iterator[Event]:
        """As `scan`, with faults as TemplateError."""
        try:
            yield from scan(self.text)
        except MarkupError as err:
            raise TemplateError(err.message, self.place(err.offset), err.fix) from err


def with_holes(segments: Iterable[Segment]) -> Holed:
    """The markup of a template with a hole for each tag."""
    text: list[str] = []
    tags: list[Segment] = []
    starts: list[tuple[int, Place]] = []
    length = 0
    for segment in segments:
        starts.append((length, segment.place))
        if segment.kind is Kind.DATA:
            _refuse_holes(segment)
            text.append(segment.text)
        else:
            text.append(chr(FIRST_HOLE + len(tags)))
            tags.append(segment)
        length += len(text[-1])
    return Holed("".join(text), tuple(tags), tuple(starts))


def _refuse_holes(segment: Segment) -> None:
    if found := HOLE.search(segment.text):
        place = behind(segment.place, segment.text[: found.start()])
        raise TemplateError(f"the private-use character U+{ord(found[0]):X} is not allowed here", place, "take it out")


def pieces(text: str) -> Iterator[str]:
    """`text` cut at its holes; every hole is a piece of its own, and no piece is empty."""
    done = 0
    for match in HOLE.finditer(text):
        if match.start() > done:
            yield text[done : match.start()]
        yield match[0]
        done = match.end()
    if done < len(text):
        yield text[done:]


@dataclass(slots=True)
class Placeholders:
    """What travels through MJML in place of Jinja. `nonce` must not occur in the source."""

    nonce: str
    contents: list[tuple[Part, ...]] = field(default_factory=list)
    spare: set[int] = field(default_factory=set)
    """Those that MJML may drop: defaults of elements that this mail does not have."""

    def word(self, *parts: Part) -> str:
        """An alphanumeric stand-in for the parts."""
        self.contents.append(parts)
        return f"jx{self.nonce}x{len(self.contents) - 1}z"

    def comment(self, tag: Segment) -> str:
        """A stand-in between elements, where MJML drops any text."""
        return f"<!--{self.word(tag)}-->"

    def css_comment(self, tag: Segment) -> str:
        return f"/*{self.word(tag)}*/"

    def to_holes(self, html: str) -> str:
        """MJML's result with a hole for each stand-in, numbered as `contents`."""
        word = f"jx{self.nonce}x(\\d+)z"
        pattern = re.compile(f"<!--\\s*{word}\\s*-->|/\\*{word}\\*/|{word}")
        return pattern.sub(lambda match: chr(FIRST_HOLE + int(match[1] or match[2] or match[3])), html)
