"""Every `{% if %}`, `{% for %}` and `{% with %}` ends in the file and in the element in which it began.

Jinja finds an unclosed block at the end of the text, and takes the end of one for that of another. A person looks for
the place where it was opened, so that is what the error names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.lexer import Kind, Segment
from aftercart.rendering.authoring.scanner import EndTag, Tag
from aftercart.rendering.compiling.holes import Holed

ENDS = {"if": "endif", "for": "endfor", "with": "endwith"}
_BELONG_TO = {
    "elif": frozenset({"if"}),
    "else": frozenset({"if", "for"}),
    **{end: frozenset({block}) for block, end in ENDS.items()},
}
_LONGEST_SHOWN = 60
_MOST_OPEN = 60
_MOST_LOOPS = 15
"""Inside one another. Python, to which Jinja translates them, has no more than twenty."""
_MOST_ELIFS = 200
"""Of one `{% if %}`. To Python each stands inside the one before it."""


def check_blocks(segments: Iterable[Segment]) -> None:
    """Raises TemplateError at the first block of a text that is not closed, or that nothing opens."""
    blocks = _OpenBlocks()
    for segment in segments:
        if segment.kind is Kind.BLOCK:
            blocks.tag(segment, ())
    blocks.text_ends()


def check_blocks_in_elements(source: Holed) -> None:
    """The same for MJML, where a block ends in the element in which it began, or a mail would be cut in a table."""
    blocks = _OpenBlocks()
    elements: list[str] = []
    for event in source.events():
        line = source.place(event.offset).line
        if isinstance(event, EndTag) and event.name.startswith("mj"):
            blocks.element_ends(event.name, line, len(elements))
            elements[-1:] = []
        for part in source.parts(event.raw):
            if isinstance(part, Segment) and part.kind is Kind.BLOCK:
                blocks.tag(part, elements)
        if isinstance(event, Tag) and event.name.startswith("mj") and not event.self_closing:
            elements.append(f"<{event.name}> of line {line}")
    blocks.text_ends()


def shown(tag: Segment) -> str:
    """The tag as a message quotes it: on one line, and not all of a long one."""
    text = " ".join(str(tag).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 6]} ... {text[-2:]}"


@dataclass(slots=True)
class _Block:
    """A block that is open, and how many elements were open around it."""

    tag: Segment
    depth: int
    elifs: int = 0

    @property
    def end(self) -> str:
        return f"{{% {ENDS[self.tag.keyword]} %}}"

    def __str__(self) -> str:
        return f"{shown(self.tag)} of line {self.tag.place.line}"

    def unclosed(self, where: str = "") -> TemplateError:
        return TemplateError(f"{shown(self.tag)} is never closed", self.tag.place, f"add {self.end}{where}")


@dataclass(slots=True)
class _OpenBlocks:
    _open: list[_Block] = field(default_factory=list)

    def tag(self, tag: Segment, elements: Sequence[str]) -> None:
        if tag.keyword in ENDS:
            self._refuse_depth(tag)
            self._open.append(_Block(tag, len(elements)))
        elif tag.keyword in _BELONG_TO:
            block = self._of(tag)
            if len(elements) > block.depth:
                message = f"{shown(tag)} ends {block} inside {elements[-1]}, which began later"
                raise TemplateError(message, tag.place, f"end {elements[-1]} first")
            if tag.keyword.startswith("end"):
                self._open.pop()
            block.elifs += tag.keyword == "elif"
            if block.elifs > _MOST_ELIFS:
                message = f"{block} has more than {_MOST_ELIFS} {{% elif %}}"
                raise TemplateError(message, tag.place, "compare less, or print the value itself")

    def _refuse_depth(self, tag: Segment) -> None:
        loops = sum(block.tag.keyword == "for" for block in self._open)
        if len(self._open) == _MOST_OPEN or (tag.keyword == "for" and loops == _MOST_LOOPS):
            raise TemplateError("this goes too deep", tag.place, "let less stand inside one another")

    def element_ends(self, name: str, line: int | None, depth: int) -> None:
        if self._open and self._open[-1].depth >= depth:
            block = self._open[-1]
            message = f"{shown(block.tag)} does not end inside its <{name}>"
            raise TemplateError(message, block.tag.place, f"add {block.end} before the </{name}> of line {line}")

    def text_ends(self) -> None:
        if self._open:
            raise self._open[-1].unclosed()

    def _of(self, tag: Segment) -> _Block:
        """The block that the tag goes on with, or ends."""
        kinds = _BELONG_TO[tag.keyword]
        here = [block for block in self._open if block.tag.place.file == tag.place.file]
        if not any(block.tag.keyword in kinds for block in here):
            raise _stray(tag, here)
        last = self._open[-1]
        if last not in here:
            raise last.unclosed()
        if last.tag.keyword not in kinds:
            raise last.unclosed(f" before the {shown(tag)} of line {tag.place.line}")
        return last


def _stray(tag: Segment, here: Sequence[_Block]) -> TemplateError:
    if tag.keyword in ("else", "elif"):
        return TemplateError(f"{shown(tag)} stands in no {{% if %}}", tag.place, "add the {% if ... %} before it")
    if here:
        message = f"{shown(tag)} closes nothing; what is open is {here[-1]}"
        return TemplateError(message, tag.place, f"write {here[-1].end}, or take it out")
    return TemplateError(f"{shown(tag)} closes nothing", tag.place, "take it out, or add the tag that opens it")
