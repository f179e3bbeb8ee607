"""A template file as segments: markup, `{{ expressions }}` and `{% blocks %}`, each with its place.

Jinja's own lexer cuts them, so quotes, `{% raw %}`, comments and `{%-` mean exactly what they mean to Jinja. Where it
gives up, it names the character at which it did; we name the brace or the quote that somebody forgot to close.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

from aftercart.errors import Place, TemplateError

_TAGS = {"variable": "expression", "block": "block"}
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}
_OPENER = re.compile(r"\{[{%#]")
_STRING = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
_QUOTE = re.compile("[\"']")
_BRACKET_WANTED = re.compile(r"\bexpected '(.)'")
_INSTEAD = {
    "!": "write not, or != to compare",
    "&": "write and",
    "?": "write {{ a if condition else b }}",
    "“": 'write straight quotes: "',
    "”": 'write straight quotes: "',
    "„": 'write straight quotes: "',
    "‘": "write straight quotes: '",
    "’": "write straight quotes: '",
}


class Kind(StrEnum):
    DATA = "data"
    EXPRESSION = "expression"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Segment:
    """`text` is the markup, or what stands between the braces of a tag, trimmed; there it begins at `place`."""

    kind: Kind
    text: str
    place: Place

    @property
    def keyword(self) -> str:
        """The first word of a tag: `for`, `endif`, `include` ..."""
        return self.text.split(maxsplit=1)[0] if self.text else ""

    def __str__(self) -> str:
        return f"{{% {self.text} %}}" if self.kind is Kind.BLOCK else f"{{{{ {self.text} }}}}"


@lru_cache(maxsize=256)
def segments(source: str, file: Path) -> tuple[Segment, ...]:
    """The segments of a file, comments left out. Raises TemplateError with the place where Jinja cannot read it.

    Once for each file as it stands: every template includes the shared ones, and is read in each of its languages.
    """
    cutter = _Cutter(source, file)
    try:
        found = tuple(cutter.segments())
    except TemplateSyntaxError as err:
        raise cutter.unreadable(err.message or "") from err
    if cutter.opened is not None:
        raise cutter.unreadable("")
    return found


def behind(place: Place, text: str) -> Place:
    """The place behind a text that begins at `place`."""
    *before, last = text.split("\n")
    line, column = place.line or 1, place.column or 1
    return Place(place.file, line + len(before), len(last) + (1 if before else column))


def unclosed_quote(tag: str) -> int | None:
    """Where in the text of a tag a quote opens a string that does not end."""
    blanked = _STRING.sub(lambda found: " " * len(found[0]), tag)
    return found.start() if (found := _QUOTE.search(blanked)) else None


@dataclass(slots=True)
class _Cutter:
    source: str
    file: Path
    opened: int | None = None
    """Where the tag or comment that is being read began."""
    _done: int = 0
    """How far it has been read."""
    _line_starts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line_starts = [0, *accumulate(len(line) + 1 for line in self.source.split("\n"))]

    def segments(self) -> Iterator[Segment]:
        inside = 0
        for _, token, value in Environment(keep_trailing_newline=True).lex(self.source):
            start = self.source.index(value, self._done)  # `{%-` drops the white space before it
            self._done = start + len(value)
            name, _, edge = token.partition("_")
            if token == "data":
                yield Segment(Kind.DATA, value, self._place(start))
            elif edge == "begin":
                self.opened, inside = start, self._done
            elif edge == "end":
                self.opened = None
                if name in _TAGS:
                    yield self._tag(Kind(_TAGS[name]), inside, start)

    def unreadable(self, problem: str) -> TemplateError:
        """What is wrong with the tag that was being read, when Jinja gave up or the file ended."""
        begin = self.opened or 0
        brace = self.source[begin : begin + 2]
        if problem == "Missing end of raw directive":
            return TemplateError("{% raw %} is never closed", self._place(begin), "add {% endraw %}")
        end, another = self.source.find(_CLOSERS[brace], begin + 2), _OPENER.search(self.source, begin + 2)
        if brace == "{#" or end < 0 or (another and another.start() < end):
            return TemplateError(f"this {brace} is never closed", self._place(begin), f"end it with {_CLOSERS[brace]}")
        quote = unclosed_quote(self.source[begin + 2 : end])
        if quote is not None:
            sign = self.source[begin + 2 + quote]
            return TemplateError(f"this {sign} is never closed", self._place(begin + 2 + quote), f"end it with {sign}")
        if self._done == len(self.source):  # a bracket took in the end of the tag, and all the rest
            fix = f"close each bracket before the {_CLOSERS[brace]}"
            return TemplateError(f"a bracket in this {brace} is never closed", self._place(begin), fix)
        return self._odd_character(problem)

    def _odd_character(self, problem: str) -> TemplateError:
        found = self.source[self._done]
        if wanted := _BRACKET_WANTED.search(problem):
            return TemplateError(
                f"found {found} where {wanted[1]} was expected", self._place(self._done), "close the bracket"
            )
        fix = _INSTEAD.get(found, "take it out, or put it in quotes")
        return TemplateError(f"the character {found} means nothing here", self._place(self._done), fix)

    def _tag(self, kind: Kind, start: int, end: int) -> Segment:
        text = self.source[start:end]
        return Segment(kind, text.strip(), self._place(start + len(text) - len(text.lstrip())))

    def _place(self, offset: int) -> Place:
        line = bisect_right(self._line_starts, offset)
        return Place(self.file, line, offset - self._line_starts[line - 1] + 1)
