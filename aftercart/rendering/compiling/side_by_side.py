"""Columns beside each other need widths where one of them is not there for everybody.

MJML shares the room among the columns that it sees, and when a template is compiled it sees those of every branch.
"""

from dataclasses import dataclass, field

from aftercart.rendering.authoring.lexer import Segment
from aftercart.rendering.authoring.scanner import Tag

_ROWS = frozenset({"mj-section", "mj-group"})
_COLUMNS = frozenset({"mj-column", "mj-group"})
_IN_A_LOOP = '{% for row in picks|batch(2) %}<mj-section>{% for pick in row %}<mj-column width="50%">'


@dataclass(frozen=True, slots=True)
class NoWidth:
    """A column that has to say how wide it is."""

    column: Tag
    message: str
    fix: str


@dataclass(slots=True)
class _Row:
    without_width: Tag | None = None
    has_guests: bool = False
    """Whether some of it stands in a block, and so is not there for everybody."""


@dataclass(slots=True)
class SideBySide:
    """The rows that are open: sections, and groups in them."""

    _rows: list[_Row] = field(default_factory=list)

    def opened(self, name: str) -> None:
        """An element begins that has an end."""
        if name in _ROWS:
            self._rows.append(_Row())

    def closed(self, name: str) -> None:
        if name in _ROWS:
            self._rows.pop()

    def lacking(self, tag: Tag, around: Segment | None) -> NoWidth | None:
        """The column that needs a width, now that `tag` has come. `around`: the block that it stands in."""
        if tag.name not in _COLUMNS or not self._rows:
            return None
        row, has_width = self._rows[-1], any(each.name == "width" for each in tag.attributes)
        if around and not has_width:
            message = f"<{tag.name}> in a {{% {around.keyword} %}} needs a width"
            return NoWidth(tag, message, f"write, for example, {_IN_A_LOOP}")
        row.has_guests = row.has_guests or around is not None
        row.without_width = row.without_width if has_width else row.without_width or tag
        if row.has_guests and row.without_width:
            message = f"<{row.without_width.name}> needs a width: a column beside it is not there for everybody"
            return NoWidth(row.without_width, message, 'write, for example, width="50%"')
        return None
