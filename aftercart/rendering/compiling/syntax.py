"""What Jinja and the policy say about one part of a template: each tag that cannot be read, at its own place.

Jinja stops at the first tag that it cannot read, and names a line of the text that we put together. Here each tag is
tried by itself first, so all of them are told, and a block that is not closed is looked for where it began.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache

from jinja2 import Environment, TemplateSyntaxError, nodes

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring import policy
from aftercart.rendering.authoring.includes import BODY, TEXT
from aftercart.rendering.authoring.lexer import Kind, Segment, behind, unclosed_quote
from aftercart.rendering.authoring.scanner import names
from aftercart.rendering.authoring.source import Source
from aftercart.rendering.authoring.written import Written, plainly
from aftercart.rendering.compiling.blocks import check_blocks, check_blocks_in_elements, shown
from aftercart.rendering.compiling.holes import with_holes

_FRAMES = {
    "if": ("", "{% endif %}"),
    "elif": ("{% if x %}", "{% endif %}"),
    "else": ("{% if x %}", "{% endif %}"),
    "endif": ("{% if x %}", ""),
    "for": ("", "{% endfor %}"),
    "endfor": ("{% for x in x %}", ""),
    "with": ("", "{% endwith %}"),
    "endwith": ("{% with x = x %}", ""),
    "set": ("", ""),
}
"""What stands before and behind a tag, so that Jinja can read it by itself."""
_WRITTEN = {
    "if": "{% if pick.image_url %}",
    "elif": "{% elif pick.category %}",
    "else": "{% else %}, or {% elif pick.category %}",
    "for": "{% for pick in picks %}",
    "with": "{% with best = picks[0] %}",
    "set": "{% set best = picks[0] %}",
}
_MEANT = {"elseif": "elif", "elsif": "elif", "foreach": "for"}
_REFUSED = names("call endcall filter endfilter autoescape endautoescape do trans endtrans")
_THERE_ARE = "there are if, for, set, with, include, macro, extends and block"
_JINJA_SAYS = {
    "expected token": "expected",
    "end of statement block": "%}",
    "end of print statement": "}}",
    "end of template": "the end",
}


def jinja_faults(part: Source) -> Iterator[TemplateError]:
    """Everything in a part of a template that Jinja cannot read, or else that the policy does not allow."""
    unreadable = [*_unreadable_tags(part.segments)]
    if unreadable:
        yield from unreadable
        return
    written = plainly(part.segments)
    extra = frozenset({"link"}) if part.file.name == TEXT else frozenset[str]()
    try:
        _check_blocks(part)
        tree = parsed(written)
    except TemplateError as err:
        yield err
        return
    for line, message, fix in policy.faults(tree, extra):
        yield TemplateError(message, written.place(line) or Place(part.file), fix)


def parsed(written: Written) -> nodes.Template:
    """The syntax tree, to be read only: whoever asks for the same text gets it, too. Raises TemplateError where there
    is none."""
    try:
        return _tree(written.source)
    except TemplateSyntaxError as err:
        raise TemplateError(
            _in_words(err), written.place(err.lineno), "look at this tag and the one before it"
        ) from err


@lru_cache(maxsize=1)
def _jinja() -> Environment:
    return Environment()


@lru_cache(maxsize=64)
def _tree(source: str) -> nodes.Template:
    return _read(source)


@lru_cache(maxsize=4096)
def _try(source: str) -> None:
    """Once for each tag: the languages of a template share most of theirs. Raises TemplateSyntaxError."""
    _read(source)


def _read(source: str) -> nodes.Template:
    try:
        return _jinja().parse(source)
    except RecursionError as err:
        raise TemplateSyntaxError("it goes too deep", 1) from err


def _unreadable_tags(segments: Iterable[Segment]) -> Iterator[TemplateError]:
    for segment in segments:
        if segment.kind is not Kind.DATA and (fault := _tag_fault(segment)):
            yield fault


def _tag_fault(tag: Segment) -> TemplateError | None:
    if tag.kind is Kind.BLOCK and tag.keyword not in _FRAMES:
        return _unknown_tag(tag)
    if not tag.text:
        return TemplateError("there is nothing in {{ }}", tag.place, "write a value such as {{ order.id }}")
    before, after = _FRAMES[tag.keyword] if tag.kind is Kind.BLOCK else ("", "")
    opener, closer = ("{%", "%}") if tag.kind is Kind.BLOCK else ("{{", "}}")
    try:
        _try(f"{before}{opener} {tag.text}\n{closer}{after}")
    except TemplateSyntaxError as err:
        return _misread(tag, closer, err)
    return None


def _unknown_tag(tag: Segment) -> TemplateError:
    if not tag.keyword:
        return TemplateError("there is nothing in {% %}", tag.place, _THERE_ARE)
    if tag.keyword in _REFUSED:
        return TemplateError(f"{shown(tag)}: {tag.keyword} is not available in templates", tag.place, _THERE_ARE)
    close = [_MEANT[tag.keyword]] if tag.keyword in _MEANT else get_close_matches(tag.keyword, _FRAMES, 1)
    fix = f"did you mean {{% {close[0]} %}}?" if close else _THERE_ARE
    return TemplateError(f"there is no tag {{% {tag.keyword} %}}", tag.place, fix)


def _misread(tag: Segment, closer: str, err: TemplateSyntaxError) -> TemplateError:
    if closer in tag.text:  # a string took in the end of its tag, and all up to the next quote
        quote = unclosed_quote(tag.text.partition(closer)[0])
        if quote is not None:
            message = f"this {tag.text[quote]} is never closed"
            return TemplateError(message, behind(tag.place, tag.text[:quote]), f"end it with {tag.text[quote]}")
    lines = tag.text.split("\n")
    above = lines[: min(err.lineno, len(lines)) - 1]
    place = behind(tag.place, "".join(f"{line}\n" for line in above))
    return TemplateError(f"{shown(tag)} cannot be read: {_in_words(err)}", place, _way_to_write(tag, err))


def _way_to_write(tag: Segment, err: TemplateSyntaxError) -> str:
    if "got '='" in (err.message or ""):
        return "compare with =="
    example = _WRITTEN.get(tag.keyword) if tag.kind is Kind.BLOCK else "{{ order.id }} or {{ pick.price|money }}"
    return f"write it as {example}" if example else f"write {{% {tag.keyword} %}} and nothing else"


def _in_words(err: TemplateSyntaxError) -> str:
    words = err.message or "not valid Jinja"
    for theirs, ours in _JINJA_SAYS.items():
        words = words.replace(theirs, ours)
    return words[:1].lower() + words[1:]


def _check_blocks(part: Source) -> None:
    if part.file.name == BODY:
        check_blocks_in_elements(with_holes(part.segments))
    else:
        check_blocks(part.segments)
