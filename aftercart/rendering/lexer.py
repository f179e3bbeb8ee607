"""A template file as segments: markup, `{{ expressions }}` and `{% blocks %}`, each with its place.

Jinja's own lexer cuts them, so quotes, `{% raw %}`, comments and `{%-` mean exactly what they mean to Jinja.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

from aftercart.errors import Place, TemplateError

_TAGS = {"variable": "expression", "block": "block"}


class Kind(StrEnum):
    DATA = "data"
    EXPRESSION = "expression"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Segment:
    """`text` is the markup, or what stands between the braces of a tag, trimmed."""

    kind: Kind
    text: str
    place: Place

    @property
    def keyword(self) -> str:
        """The first word of a tag: `for`, `endif`, `include` ..."""
        return self.text.split(maxsplit=1)[0] if self.text else ""

    def __str__(self) -> str:
        return f"{{% {self.text} %}}" if self.kind is Kind.BLOCK else f"{{{{ {self.text} }}}}"


def segments(source: str, file: Path) -> list[Segment]:
    """The segments of a file, comments left out. Raises TemplateError with the line where Jinja cannot read it."""
    try:
        return list(_segments(source, file))
    except TemplateSyntaxError as err:
        raise TemplateError(err.message or "not valid Jinja", Place(file, err.lineno)) from err


def _segments(source: str, file: Path) -> Iterator[Segment]:
    inside: list[str] = []
    opened: int | None = None
    for line, token, value in Environment(keep_trailing_newline=True).lex(source):
        name, _, edge = token.partition("_")
        if token == "data":
            yield Segment(Kind.DATA, value, Place(file, line))
        elif name in _TAGS and edge == "begin":
            inside, opened = [], line
        elif name in _TAGS and edge == "end":
            yield _tag(Kind(_TAGS[name]), "".join(inside), Place(file, opened))
            opened = None
        else:
            inside.append(value)
    if opened is not None:
        raise TemplateError("this Jinja tag is never closed", Place(file, opened))


def _tag(kind: Kind, source: str, place: Place) -> Segment:
    lines_before = source[: len(source) - len(source.lstrip())].count("\n")
    return Segment(kind, source.strip(), Place(place.file, (place.line or 1) + lines_before))
