"""Layouts: `{% extends "_layout/mail.mjml" %}` and the `{% block %}`s that fill it, put in place before anything else.

MJML needs the whole document at once, so a layout is not looked up when a mail is rendered: the blocks of the template
take the places of those of its layout here, and what comes out knows of neither.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.growth import DEEPEST, Growth, bounded
from aftercart.rendering.authoring.lexer import Kind, Segment

_EXTENDS = re.compile(r"""extends\s+(["'])(?P<path>[^"']+)\1""")
_BLOCK = re.compile(r"block\s+(?P<name>[A-Za-z]\w*)")
_SUPER = re.compile(r"super\s*\(\s*\)")

Read = Callable[[Segment, str], Sequence[Segment]]
"""Reads the file that a tag names, with its includes. Raises TemplateError at the tag."""


@dataclass(frozen=True, slots=True)
class _Block:
    name: str
    tag: Segment
    inside: tuple["_Node", ...]


_Node = Segment | _Block


def laid_out(segments: Sequence[Segment], read: Read, growth: Growth) -> list[Segment]:
    """The segments with every layout and block put in place.

    Raises TemplateError where a block is not closed, where one stands twice, or for what stands beside the blocks of a
    template that has a layout: it would be lost. So it does for more than a mail has room for.
    """
    nodes = _parsed(segments)
    versions: dict[str, list[_Block]] = defaultdict(list)
    macros: list[Segment] = []
    seen: set[str] = set()
    while layout := _layout_of(nodes):
        path, tag, rest = layout
        if path in seen:
            raise TemplateError(f"{path} is its own layout", tag.place, "take the extends out of it")
        growth.step(tag, len(seen))
        seen.add(path)
        macros += _beside_blocks(rest)
        _collect(rest, versions)
        nodes = _parsed(read(tag, path))
    _refuse_unused(versions, nodes)
    _collect(nodes, versions)
    return [*macros, *bounded(_flat(nodes, versions, (), growth, 0))]


def _parsed(segments: Iterable[Segment]) -> list[_Node]:
    """The segments with every block as one node."""
    levels: list[list[_Node]] = [[]]
    opened: list[tuple[str, Segment]] = []
    for segment in segments:
        if segment.kind is Kind.BLOCK and segment.keyword == "block":
            if len(opened) > DEEPEST:
                raise TemplateError("this goes too deep", segment.place, "let less stand inside one another")
            opened.append((_name_of(segment), segment))
            levels.append([])
        elif segment.kind is Kind.BLOCK and segment.keyword == "endblock":
            if not opened:
                raise TemplateError("{% endblock %} closes nothing", segment.place, "take it out, or add its block")
            name, tag = opened.pop()
            inside = tuple(levels.pop())
            levels[-1].append(_Block(name, tag, inside))
        else:
            levels[-1].append(segment)
    if opened:
        tag = opened[-1][1]
        raise TemplateError(f"{tag} is never closed", tag.place, "add {% endblock %}")
    return levels[0]


def _name_of(tag: Segment) -> str:
    match = _BLOCK.fullmatch(tag.text)
    if match is None:
        raise TemplateError(f"{tag} cannot be read", tag.place, "write it as {% block content %}")
    return match["name"]


def _layout_of(nodes: Sequence[_Node]) -> tuple[str, Segment, list[_Node]] | None:
    """The file that a template extends, the tag that says so, and all that stands beside it."""
    found = [node for node in nodes if isinstance(node, Segment) and _is_tag(node) and node.keyword == "extends"]
    if not found:
        return None
    tag, *more = found
    match = _EXTENDS.fullmatch(tag.text)
    if match is None:
        fix = 'write {% extends "_layout/mail.mjml" %}'
        raise TemplateError("a layout is one file, named in quotes", tag.place, fix)
    if more:
        raise TemplateError("a template has one layout", more[0].place, "keep one of the two")
    return match["path"], tag, [node for node in nodes if node is not tag]


def _is_tag(segment: Segment) -> bool:
    return segment.kind is Kind.BLOCK


def _beside_blocks(nodes: Iterable[_Node]) -> Iterator[Segment]:
    """Macros and imports of a template that has a layout; anything else there would be lost."""
    in_macro = False
    for node in nodes:
        if isinstance(node, _Block):
            continue
        keyword = node.keyword if _is_tag(node) else ""
        in_macro = in_macro or keyword == "macro"
        if in_macro or keyword in ("import", "from"):
            yield node
        elif keyword or node.text.strip():
            shown = node.text.strip().split("\n")[0][:40] if node.kind is Kind.DATA else str(node)
            message = f"{shown} stands beside the blocks of a template with a layout, and would be lost"
            raise TemplateError(message, node.place, "put it into a {% block %}")
        in_macro = in_macro and keyword != "endmacro"


def _collect(nodes: Iterable[_Node], versions: dict[str, list[_Block]]) -> None:
    """Adds each block to its versions, of which that of the template comes before that of its layout."""
    here: set[str] = set()
    for block in _blocks(nodes):
        if block.name in here:
            message = f"there are two blocks {block.name}"
            raise TemplateError(message, block.tag.place, "give one of them another name")
        here.add(block.name)
        versions[block.name].append(block)


def _blocks(nodes: Iterable[_Node]) -> Iterator[_Block]:
    for node in nodes:
        if isinstance(node, _Block):
            yield node
            yield from _blocks(node.inside)


def _refuse_unused(versions: Mapping[str, Sequence[_Block]], layout: Sequence[_Node]) -> None:
    """A block that neither the layout nor another block has is a typing error: what stands in it would be lost."""
    known = {block.name for block in _blocks(layout)}
    known |= {inner.name for found in versions.values() for block in found for inner in _blocks(block.inside)}
    for name, found in versions.items():
        if name not in known:
            fix = f"it has {', '.join(sorted(known)) or 'none'}"
            raise TemplateError(f"the layout has no block {name}", found[0].tag.place, fix)


def _flat(
    nodes: Iterable[_Node],
    versions: Mapping[str, Sequence[_Block]],
    above: Sequence[_Block],
    growth: Growth,
    depth: int,
) -> Iterator[Segment]:
    """`above`: what `super()` stands for here."""
    for node in nodes:
        if isinstance(node, _Block):
            first, *others = versions[node.name]
            growth.step(node.tag, depth)
            yield from _flat(first.inside, versions, others, growth, depth + 1)
        elif node.kind is Kind.EXPRESSION and _SUPER.fullmatch(node.text):
            if not above:
                raise TemplateError("no layout has this block, so super() is nothing", node.place, "take it out")
            growth.step(node, depth)
            yield from _flat(above[0].inside, versions, above[1:], growth, depth + 1)
        else:
            yield node
