"""Whether the HTML in a text ends as it began: a program that has to guess draws what follows in its own way.

Nothing is said where only Outlook reads, and of a text in which an `{% else %}` decides what begins.
"""

from collections.abc import Iterator

from aftercart.rendering.authoring.lexer import Kind, Segment
from aftercart.rendering.authoring.scanner import Conditional, EndTag, Tag, Text, names
from aftercart.rendering.compiling.holes import Holed
from aftercart.rendering.compiling.mjml_places import CONTENT
from aftercart.rendering.fault import TemplateFault

_NEVER_ENDS = names("area base br col embed hr img input link meta param source track wbr")
_WHOLE = CONTENT - {"mj-raw"}
"""Elements whose HTML is whole in itself; of `<mj-raw>` one may begin what another ends."""
_MAY_STAY_OPEN = names("p li dt dd tr td th thead tbody tfoot colgroup option")


def nesting_faults(body: Holed) -> Iterator[TemplateFault]:
    """Each is a warning: the mail goes out."""
    walk = _Walk(body)
    for event in body.events():
        match event:
            case Conditional():
                walk.is_outlooks = not event.ends
            case Tag() if event.name in _WHOLE and not event.self_closing:
                walk.begin()
            case EndTag() if event.name in _WHOLE:
                yield from walk.leave()
            case Tag() if not walk.is_outlooks and not event.self_closing and event.name not in _NEVER_ENDS:
                walk.open.append(event)
            case EndTag() if not walk.is_outlooks and event.name not in _NEVER_ENDS:
                walk.end(event)
            case Text():
                walk.is_told_by_data |= any(_chooses(part) for part in body.parts(event.raw))


def _chooses(part: object) -> bool:
    return isinstance(part, Segment) and part.kind is Kind.BLOCK and part.keyword in ("else", "elif")


class _Walk:
    def __init__(self, source: Holed) -> None:
        self._source = source
        self.is_outlooks = False
        self.begin()

    def begin(self) -> None:
        self.open: list[Tag] = []
        self.is_told_by_data = False
        self._crossed: list[str] = []
        self._found: list[TemplateFault] = []

    def end(self, end: EndTag) -> None:
        if end.name in self._crossed:
            self._crossed.remove(end.name)
        elif all(tag.name != end.name for tag in self.open):
            message = f"</{end.name}> ends nothing that is open"
            self._found.append(self._fault(end.offset, message, "take it out"))
        else:
            while (tag := self.open.pop()).name != end.name:
                self._left_open(tag)
                self._crossed.append(tag.name)

    def leave(self) -> Iterator[TemplateFault]:
        for tag in self.open:
            self._left_open(tag)
        if not self.is_told_by_data:
            yield from self._found
        self.begin()

    def _left_open(self, tag: Tag) -> None:
        if tag.name not in _MAY_STAY_OPEN:
            message = f"<{tag.name}> does not end where it should"
            fix = f"write </{tag.name}> before what is around it ends"
            self._found.append(self._fault(tag.offset, message, fix))

    def _fault(self, offset: int, message: str, fix: str) -> TemplateFault:
        return TemplateFault(self._source.place(offset), message, fix, warning=True)
