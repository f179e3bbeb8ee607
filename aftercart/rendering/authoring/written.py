"""Jinja source that we wrote, and from which line of which file each of its tags came.

A line break inside a tag prints nothing, so every tag is written onto a line of its own: a line number in an error
of Jinja then names one tag, and the tag knows its place in the author's file.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from aftercart.errors import Place
from aftercart.rendering.authoring.lexer import Kind, Segment, behind

_OPENER = re.compile(r"\{(?=[{%#])|\{\Z")


@dataclass(frozen=True, slots=True)
class Origin:
    """Lines `first` to `last` of the written source come from `place`."""

    first: int
    last: int
    place: Place


@dataclass(frozen=True, slots=True)
class Written:
    """Jinja source with the origins of its tags, in order."""

    source: str
    origins: tuple[Origin, ...]

    def place(self, line: int, word: str = "") -> Place | None:
        """Where the author wrote what stands in `line`, and there the `word`; None before the first tag."""
        index = bisect_right(self.origins, line, key=lambda origin: origin.first) - 1
        if index < 0:
            return None
        origin = self.origins[index]
        lines = self.source.split("\n")[origin.first - 1 : min(line, origin.last)]
        found = re.search(rf"\b{re.escape(word)}\b", lines[-1]) if word else None
        return behind(origin.place, "\n".join([*lines[:-1], lines[-1][: found.start() if found else 0]]))


class Writer:
    """Puts Jinja source together."""

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._origins: list[Origin] = []
        self._line = 1

    def literal(self, text: str) -> None:
        """Text that Jinja must print as it is, whatever braces it holds."""
        self._put(_OPENER.sub("{{ '{' }}", text))

    def block(self, tag: Segment) -> None:
        """A `{% %}` tag."""
        self._tag("{%", tag.text, "%}", tag.place)

    def expression(self, source: str, place: Place | None) -> None:
        """A `{{ }}` tag; no place for one that the author did not write as such."""
        self._tag("{{", source, "}}", place)

    def tags(self, tags: Iterable[Segment]) -> None:
        """Tags as their author wrote them."""
        for tag in tags:
            if tag.kind is Kind.BLOCK:
                self.block(tag)
            else:
                self.expression(tag.text, tag.place)

    def result(self) -> Written:
        return Written("".join(self._chunks), tuple(self._origins))

    def _tag(self, opener: str, source: str, closer: str, place: Place | None) -> None:
        self._put(f"{opener}\n")
        first = self._line
        self._put(source)
        if place:
            self._origins.append(Origin(first, self._line, place))
        self._put(f" {closer}")

    def _put(self, text: str) -> None:
        self._chunks.append(text)
        self._line += text.count("\n")


def plainly(segments: Iterable[Segment]) -> Written:
    """The segments as they stand, with no filter added."""
    writer = Writer()
    for segment in segments:
        if segment.kind is Kind.DATA:
            writer.literal(segment.text)
        else:
            writer.tags([segment])
    return writer.result()
