"""What each Jinja tag may do at its place in the MJML, and which stand-in it gets on the way through the compiler.

MJML computes widths and hoists heads while it compiles, so Jinja that would change a layout only when the mail is
rendered comes too late. Such places are refused, naming the line and how to write it instead.
"""

import html
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.lexer import Kind, Segment
from aftercart.rendering.authoring.scanner import (
    HOLE,
    Attribute,
    Comment,
    Conditional,
    Declaration,
    EndTag,
    Event,
    Tag,
    Text,
    names,
)
from aftercart.rendering.compiling.addresses import check_address, holds_address
from aftercart.rendering.compiling.blocks import ENDS, shown
from aftercart.rendering.compiling.halves import Half, Halves
from aftercart.rendering.compiling.holes import Holed, Placeholders
from aftercart.rendering.compiling.inlined import Selectors
from aftercart.rendering.compiling.side_by_side import SideBySide

CONTENT = names(
    "mj-text mj-button mj-table mj-raw mj-navbar-link mj-social-element mj-accordion-title mj-accordion-text"
)
"""Elements that hold HTML."""
STRUCTURE = names("mj-body mj-wrapper mj-section mj-group mj-column mj-navbar mj-social mj-accordion")
"""Elements that hold elements, and between them `{% if %}` and `{% for %}`."""
RIGID = names("mj-hero mj-carousel mj-accordion-element")
"""Elements that hold elements and cannot bear a comment between them (mjml 0.12), or put in what seems to lack."""
HEAD = names(
    "mj-head mj-attributes mj-all mj-class mj-font mj-breakpoint mj-style mj-title mj-preview "
    "mj-html-attributes mj-selector mj-html-attribute"
)
EMPTY = names("mj-image mj-divider mj-spacer mj-carousel-image")
KNOWN = CONTENT | STRUCTURE | RIGID | HEAD | EMPTY | {"mjml"}
WORDLESS = STRUCTURE | RIGID | EMPTY | {"mjml", "mj-head", "mj-attributes"}
"""Elements of which MJML drops the text that stands directly in them."""

FREE_ATTRIBUTES = names(
    "href src alt title rel color background-color inner-background-color container-background-color "
    "background-url border-color ico-color align text-align vertical-align direction font-size font-weight "
    "font-style line-height letter-spacing text-decoration text-transform"
)
"""Attributes of MJML elements that may hold an expression: the ones that take no part in computing the layout."""

FAULTY = {
    ("mj-wrapper", "gap"): "give the sections padding",
    ("mj-section", "gap"): "give the columns padding",
}
_FIXED = names("srcset imagesrcset srcdoc ping lowsrc dynsrc")
"""Attributes of HTML that hold addresses or markup in ways of their own, and that no mail needs a value in."""
_IDLE = frozenset({("mj-navbar", "base-url")})
"""What is left out: MJML puts it before whole addresses, too, and any others are refused."""
_A_MAIL = "a mail is <mjml><mj-body> ... </mj-body></mjml>, with sections, columns and texts in it"
_INCLUDED_CSS = 'write <mj-style>{% include "_layout/FILE.css" %}</mj-style>'
_CHOOSE = "write {{ a if condition else b }}"
_LINKED = frozenset({"a", "area"})
_NEVER_ENDS = names("area base br col embed hr img input link meta param source track wbr")
_DEEPEST = 200
"""How many elements of HTML stand inside one another. MJML's parser goes down them by recursion."""
_INLINE = ("inline", "inline")
_KEPT_SCHEMES = ("mailto:", "tel:", "sms:")


@dataclass(slots=True)
class _Block:
    tag: Segment
    depth: int


@dataclass(slots=True)
class Weaver:
    """Walks the MJML once and writes it again with stand-ins. `preheader` is what stood in mj-preview."""

    source: Holed
    placeholders: Placeholders
    extra_head: str
    root: dict[str, str]
    """Attributes of the `<mjml>` element, where the author gave none."""
    preheader: list[Segment] = field(default_factory=list)
    _out: list[str] = field(default_factory=list)
    _open: list[Tag] = field(default_factory=list)
    _blocks: list[_Block] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _in_outlook: bool = False
    _depth: int = 0
    """How many elements of HTML are open."""
    selectors: Selectors = field(default_factory=Selectors)
    _columns: SideBySide = field(default_factory=SideBySide)
    _halves: Halves = field(default_factory=Halves)
    _refused: list[TemplateError] = field(default_factory=list)

    def mjml(self) -> str:
        """The MJML with stand-ins. Raises the first of `refusals`."""
        for refused in self.refusals():
            raise refused
        return "".join(self._out)

    def refusals(self) -> list[TemplateError]:
        """What cannot be compiled faithfully, up to where nobody can tell any more what stands in what."""
        with self._telling():
            self._walk()
        return self._refused

    def _walk(self) -> None:
        for event in self.source.events():
            self._event(event)
        if self._open:
            name = self._open[-1].name
            raise self._fault(f"<{name}> is never closed", self._open[-1].offset, f"add </{name}>")
        if "mj-body" not in self._seen:
            raise self._fault("there is no <mj-body>", 0, _A_MAIL)
        for found in self.selectors.refused():
            self._refused.append(self._fault(found.message, found.offset, found.fix))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What is refused in here is kept, and the walk goes on behind it."""
        try:
            yield
        except TemplateError as err:
            self._refused.append(err)

    def _event(self, event: Event) -> None:
        match event:
            case Tag():
                self._tag(event)
            case EndTag():
                self._end(event)
            case Text():
                self._text(event)
            case Comment():
                with self._telling():
                    self._comment(event)
            case Conditional():
                self._in_outlook = not event.ends
                with self._telling():
                    self._conditional(event)
            case Declaration():
                fix = "only <!--[if ...]> comments come through MJML"
                self._refused.append(self._fault("this would be lost", event.offset, fix))

    # --- tags ---

    def _tag(self, tag: Tag) -> None:
        self._refuse_holes(tag.name, "in the name of a tag")
        if tag.name.startswith("mj"):
            self._mj_tag(tag)
        else:
            with self._telling():
                self._html_tag(tag)

    def _mj_tag(self, tag: Tag) -> None:
        with self._telling():
            self._known(tag)
        if self._parent in CONTENT:
            message = f"<{tag.name}> inside <{self._parent}> would be printed as it is"
            raise self._fault(message, tag.offset, f"close <{self._parent}> before it")
        with self._telling():
            self._needs_width(tag)
        self._seen.add(tag.name)
        self._write_tag(tag, self.root if tag.name == "mjml" else {})
        if not tag.self_closing:
            self._open.append(tag)
            self._columns.opened(tag.name)
            self._halves.content_begins()
        self._head_after(tag)

    def _known(self, tag: Tag) -> None:
        if tag.name == "mj-include":
            is_css = any(each.name == "type" and each.value == "css" for each in tag.attributes)
            fix = _INCLUDED_CSS if is_css else 'write <mj-include path="FILE" /> with a plain path and nothing else'
            raise self._fault("this include cannot be read", tag.offset, fix)
        if tag.name not in KNOWN:
            close = get_close_matches(tag.name, KNOWN, 1)
            fix = f"did you mean <{close[0]}>?" if close else f"known: {', '.join(sorted(KNOWN))}"
            raise self._fault(f"there is no element <{tag.name}>", tag.offset, fix)

    def _html_tag(self, tag: Tag) -> None:
        if tag.name == "script":
            raise self._fault("no mail program runs scripts", tag.offset, "take it out")
        self._only_in_content(tag.offset, f"<{tag.name}>")
        self._write_tag(tag, {})
        if tag.self_closing or tag.name in _NEVER_ENDS:
            return
        if not self._in_outlook:
            self._halves.begins(tag)
        self._depth += 1
        if self._depth == _DEEPEST + 1:  # told once
            raise self._fault("this goes too deep", tag.offset, "let less stand inside one another")

    def _write_tag(self, tag: Tag, defaults: dict[str, str]) -> None:
        given = {attribute.name: attribute for attribute in tag.attributes}
        for lost in (each for each in tag.attributes if given[each.name] is not each):
            if not tag.name.startswith("mj") or HOLE.search(lost.raw):
                message = f"<{tag.name}> has the attribute {lost.name} twice"
                self._refused.append(self._fault(message, given[lost.name].offset, "keep one of the two"))
        written = [self._attribute(tag, attribute) for attribute in given.values()]  # of two MJML takes the last
        written += [f'{name}="{value}"' for name, value in defaults.items() if name not in given]
        self._out.append(f"<{' '.join([tag.name, *filter(None, written)])}{' />' if tag.self_closing else '>'}")

    def _attribute(self, tag: Tag, attribute: Attribute) -> str:
        with self._telling():
            self._refuse_holes(attribute.name, f"between the attributes of <{tag.name}>")
        if attribute.value is None:
            return attribute.name
        with self._telling():
            self._checked(tag, attribute)
        if (tag.name, attribute.name) in _IDLE:
            return ""
        value = attribute.value
        if tag.name == "mj-selector" and attribute.name == "path":
            self.selectors.path(value, attribute.offset)
        if HOLE.search(value) or self._needs_shelter(tag, attribute.name, value):
            self.selectors.filled_in_later(tag.name, attribute, by_jinja=bool(HOLE.search(value)))
            value = self._stand_ins(value) if attribute.name == "style" and "&" not in value else self._stand_in(value)
        quote = "'" if '"' in value else '"'
        return f"{attribute.name}={quote}{value}{quote}"

    def _checked(self, tag: Tag, attribute: Attribute) -> None:
        if advice := FAULTY.get((tag.name, attribute.name)):
            raise self._fault(f"MJML ignores {attribute.name} of <{tag.name}>", attribute.offset, advice)
        if holds_address(attribute.name) and attribute.value:
            check_address(self.source.parts(attribute.value), self.source.place(attribute.offset))
        tags = [part for part in self.source.parts(attribute.value or "") if isinstance(part, Segment)]
        if not tags:
            return
        where = f"{attribute.name} of <{tag.name}>"
        if not attribute.quoted:
            raise self._fault(f"{where} holds Jinja without quotes", attribute.offset, "put the value in quotes")
        if any(found.kind is Kind.BLOCK for found in tags):
            raise self._fault(f"{where} takes no blocks", attribute.offset, _CHOOSE)
        if not _may_vary(tag.name, attribute.name):
            raise self._fault(f"{where} takes no Jinja", attribute.offset, _advice(tag.name))

    def _needs_shelter(self, tag: Tag, name: str, value: str) -> bool:
        """MJML un-escapes attributes: `&quot;` would end the value, `&copy=1` in a link become a sign."""
        if tag.name in HEAD or not value:
            return False
        return "&" in value or (name == "href" and tag.name in _LINKED | CONTENT | EMPTY)

    def _stand_in(self, value: str) -> str:
        """One word for the whole value. MJML must see `mailto:`: it leaves out the target then."""
        scheme = next((scheme for scheme in _KEPT_SCHEMES if value.startswith(scheme)), "")
        rest = value.removeprefix(scheme)
        if self._parent == "mj-attributes":
            self.placeholders.spare.add(len(self.placeholders.contents))
        return scheme + (self.placeholders.word(*self.source.parts(rest)) if rest else "")

    def _stand_ins(self, style: str) -> str:
        """A word for each value: whoever puts styles inline reads those that are there."""
        return "".join(
            each if isinstance(each, str) else self.placeholders.word(each) for each in self.source.parts(style)
        )

    def _needs_width(self, tag: Tag) -> None:
        here = (block for block in reversed(self._blocks) if block.depth == len(self._open))
        around = next((block.tag for block in here if block.tag.keyword != "with"), None)
        if found := self._columns.lacking(tag, around):
            raise self._fault(found.message, found.column.offset, found.fix)

    def _head_after(self, tag: Tag) -> None:
        """Our own part of the head: first in the author's, or one of our own before the body."""
        if tag.name == "mj-head":
            self._out[-1] = f"<mj-head>{self.extra_head}{'</mj-head>' if tag.self_closing else ''}"
        if tag.name == "mj-body" and "mj-head" not in self._seen:
            self._out.insert(len(self._out) - 1, f"<mj-head>{self.extra_head}</mj-head>")

    def _end(self, end: EndTag) -> None:
        self._refuse_holes(end.raw, "in a closing tag")
        self._depth = max(self._depth - 1, 0)
        if end.name.startswith("mj"):
            self._balanced(end)
            self._tell(self._halves.content_ends())
            self._depth = 0
            self._open.pop()
            self._columns.closed(end.name)
        elif not self._in_outlook and end.name not in _NEVER_ENDS:
            self._tell(self._halves.ends(end))
        self._out.append(end.raw)

    def _tell(self, halves: Iterable[Half]) -> None:
        self._refused += [self._fault(half.message, half.offset, half.fix) for half in halves]

    def _balanced(self, end: EndTag) -> None:
        if not self._open or self._open[-1].name != end.name:
            raise self._unexpected(end)

    def _unexpected(self, end: EndTag) -> TemplateError:
        if not self._open:
            return self._fault(f"</{end.name}> closes nothing", end.offset, "take it out")
        last = self._open[-1]
        fix = f"add </{last.name}> before it, for the <{last.name}> of line {self.source.place(last.offset).line}"
        if end.name not in KNOWN:
            fix = f"write </{last.name}>"
        return self._fault(f"found </{end.name}> where </{last.name}> was expected", end.offset, fix)

    # --- what stands between tags ---

    def _text(self, text: Text) -> None:
        if self._parent == "mj-preview":
            self._preview(text)
            return
        if text.within == "mj-style" and any((each.name, each.value) == _INLINE for each in self._open[-1].attributes):
            self.selectors.sheet(text.raw, text.offset)
        for part in self.source.parts(text.raw):
            with self._telling():
                self._out.append(self._plain(part) if isinstance(part, str) else self._jinja(part, text.within))

    def _preview(self, text: Text) -> None:
        place = self.source.place(text.offset)
        for part in self.source.parts(text.raw):
            self.preheader.append(Segment(Kind.DATA, html.unescape(part), place) if isinstance(part, str) else part)
        self._out.append(self.placeholders.word(Segment(Kind.EXPRESSION, "_preheader", place)))

    def _plain(self, text: str) -> str:
        """Text between elements is dropped, as by MJML; `mjml_faults` tells of it."""
        return "\n" if text.strip() and self._parent in WORDLESS else text

    def _jinja(self, tag: Segment, within: str) -> str:
        if tag.kind is Kind.BLOCK:
            self._nest(tag)
            return self._block(tag, within)
        if self._parent in WORDLESS | {""}:
            where = f"directly in <{self._parent}>" if self._parent else "outside of <mjml>"
            raise TemplateError(f"{shown(tag)} prints {where}", tag.place, "put it in <mj-text>")
        return self.placeholders.word(tag)

    def _block(self, tag: Segment, within: str) -> str:
        if self._in_outlook:
            raise TemplateError(f"{shown(tag)} inside a conditional comment", tag.place, "put it around the comment")
        if within == "mj-style" or within == "style":
            return self.placeholders.css_comment(tag)
        if self._parent in CONTENT | STRUCTURE:
            self.selectors.has_blocks = self.selectors.has_blocks or tag.keyword in ("for", "if")
            return self.placeholders.comment(tag)
        raise self._misplaced(tag)

    def _misplaced(self, tag: Segment) -> TemplateError:
        match self._parent:
            case "mj-title" | "mj-preview":
                return TemplateError(f"{shown(tag)} cannot stand in <{self._parent}>", tag.place, _CHOOSE)
            case "" | "mjml" | "mj-head" | "mj-attributes":
                message = f"{shown(tag)} here would always apply: MJML moves styles and fonts"
                return TemplateError(message, tag.place, "put it inside <mj-body>")
            case parent:
                fix = f"put it around the whole <{parent}>"
                return TemplateError(f"{shown(tag)} cannot stand in <{parent}>", tag.place, fix)

    def _nest(self, tag: Segment) -> None:
        """Which blocks are open; that they are closed where they should be is known by now (blocks.py)."""
        self._halves.block(tag)
        if tag.keyword in ENDS:
            self._blocks.append(_Block(tag, len(self._open)))
        elif tag.keyword in ENDS.values():
            self._blocks.pop()

    def _conditional(self, comment: Conditional) -> None:
        self._only_in_content(comment.offset, "a conditional comment")
        self._refuse_holes(comment.raw, "in the condition of a comment")
        self._out.append(comment.raw)

    def _comment(self, comment: Comment) -> None:
        self._refuse_holes(comment.raw, "in an HTML comment", "use {# #} for notes")

    # --- faults ---

    @property
    def _parent(self) -> str:
        return self._open[-1].name if self._open else ""

    def _only_in_content(self, offset: int, what: str) -> None:
        if self._parent not in CONTENT:
            if not self._parent:
                raise self._fault(f"{what} stands outside of <mjml>", offset, _A_MAIL)
            message = f"{what} stands directly in <{self._parent}>"
            raise self._fault(message, offset, "put it in <mj-text> or <mj-raw>")

    def _refuse_holes(self, text: str, where: str, advice: str = "put the {% if %} around the whole element") -> None:
        if found := next((part for part in self.source.parts(text) if isinstance(part, Segment)), None):
            raise TemplateError(f"{shown(found)} {where} cannot be compiled", found.place, advice)

    def _fault(self, message: str, offset: int, fix: str) -> TemplateError:
        return TemplateError(message, self.source.place(offset), fix)


def _may_vary(tag: str, attribute: str) -> bool:
    if not tag.startswith("mj"):
        return not attribute.startswith("on") and attribute not in _FIXED and (tag, attribute) != ("meta", "content")
    if tag == "mjml" or tag in HEAD - {"mj-all", "mj-class"}:
        return False
    return attribute in FREE_ATTRIBUTES


def _advice(tag: str) -> str:
    if not tag.startswith("mj"):
        return "write a plain value"
    return "MJML computes the layout once, before there is a recipient: write the element twice, each in an {% if %}"
