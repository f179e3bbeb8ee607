"""Elements of HTML that begin in one branch of a block and end in another, or nowhere.

MJML's parser sees all branches one behind the other, and closes what it thinks is open, drops ends that it thinks
are stray: `{% if a %}<div>{% else %}<div class="b">{% endif %} ... </div>` would get a second `</div>`. As long as
begins and ends match in the order in which they are written it changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from aftercart.rendering.authoring.lexer import Segment
from aftercart.rendering.authoring.scanner import EndTag, Tag, names
from aftercart.rendering.compiling.blocks import ENDS

_ENDS_BY_ITSELF = names("li dt dd td th tr tbody thead tfoot option")
"""Of which nobody sees an end too many."""
_FIX = "begin and end it in one branch, or choose its attributes with {{ a if condition else b }}"

_Branches = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Half:
    """A tag without its other half."""

    offset: int
    message: str
    fix: str = _FIX


@dataclass(slots=True)
class Halves:
    """The elements of HTML that are open, each with the branches of blocks in which it began."""

    _open: list[tuple[Tag, _Branches]] = field(default_factory=list)
    _branches: _Branches = ()
    _around: _Branches = ()
    """Those in which the content as a whole stands."""
    _crossing: set[str] = field(default_factory=set)
    """The names of elements that ended in another branch than they began in."""
    _number: int = 0

    def block(self, tag: Segment) -> None:
        self._number += 1
        if tag.keyword in ENDS:
            self._branches = (*self._branches, self._number)
        elif tag.keyword in ("else", "elif"):
            self._branches = (*self._branches[:-1], self._number)
        elif tag.keyword in ENDS.values():
            self._branches = self._branches[:-1]

    def content_begins(self) -> None:
        self._around = self._branches
        self._open.clear()
        self._crossing.clear()

    def begins(self, tag: Tag) -> None:
        self._open.append((tag, self._branches))

    def ends(self, end: EndTag) -> Iterator[Half]:
        if all(tag.name != end.name for tag, _ in self._open):
            if self._branches != self._around and end.name not in _ENDS_BY_ITSELF:
                yield Half(end.offset, f"</{end.name}> ends nothing that began in its branch")
            return
        while self._open[-1][0].name != end.name:
            yield from self._closed_by_mjml()
        if self._open.pop()[1] != self._branches:
            self._crossing.add(end.name)

    def content_ends(self) -> Iterator[Half]:
        while self._open:
            yield from self._closed_by_mjml()

    def _closed_by_mjml(self) -> Iterator[Half]:
        tag, branches = self._open.pop()
        if (branches != self._branches or tag.name in self._crossing) and tag.name not in _ENDS_BY_ITSELF:
            yield Half(tag.offset, f"<{tag.name}> does not end in the branch in which it began")
