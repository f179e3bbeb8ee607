"""What each Jinja tag may do at its place in the MJML, and which stand-in it gets on the way through the compiler.

MJML computes widths and hoists heads while it compiles, so Jinja that would change a layout only when the mail is
rendered comes too late. Such places are refused, naming the line and how to write it instead.
"""

import html
from dataclasses import dataclass, field
from difflib import get_close_matches

from aftercart.errors import TemplateError
from aftercart.rendering.addresses import URL_ATTRIBUTES, check_address
from aftercart.rendering.holes import Holed, Placeholders
from aftercart.rendering.lexer import Kind, Segment
from aftercart.rendering.scanner import (
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

CONTENT = names(
    "mj-text mj-button mj-table mj-raw mj-navbar-link mj-social-element mj-accordion-title mj-accordion-text"
)
"""Elements that hold HTML."""
STRUCTURE = names(
    "mj-body mj-wrapper mj-section mj-group mj-column mj-navbar mj-social mj-accordion mj-accordion-element"
)
"""Elements that hold elements, and between them `{% if %}` and `{% for %}`."""
RIGID = names("mj-hero mj-carousel")
"""Elements that hold elements and cannot bear a comment between them (mjml 0.12)."""
HEAD = names(
    "mj-head mj-attributes mj-all mj-class mj-font mj-breakpoint mj-style mj-title mj-preview "
    "mj-html-attributes mj-selector mj-html-attribute"
)
EMPTY = names("mj-image mj-divider mj-spacer mj-carousel-image")
KNOWN = CONTENT | STRUCTURE | RIGID | HEAD | EMPTY | {"mjml"}

FREE_ATTRIBUTES = names(
    "href src alt title rel color background-color inner-background-color container-background-color "
    "background-url border-color ico-color align text-align vertical-align direction font-size font-weight "
    "font-style line-height letter-spacing text-decoration text-transform lang dir"
)
"""Attributes of MJML elements that may hold an expression: the ones that take no part in computing the layout."""

_FAULTY = {
    ("mj-wrapper", "gap"): "this version of MJML ignores it; give the sections padding",
    ("mj-section", "gap"): "this version of MJML ignores it; give the columns padding",
}
_LINKED = frozenset({"a", "area"})
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

    def mjml(self) -> str:
        """The MJML with stand-ins. Raises TemplateError at the first thing that cannot be compiled faithfully."""
        for event in self.source.events():
            self._event(event)
        if self._open:
            raise self._fault(f"<{self._open[-1].name}> is never closed", self._open[-1].offset)
        if "mj-body" not in self._seen:
            raise self._fault("a mail needs <mjml><mj-body> ... </mj-body></mjml>", 0)
        return "".join(self._out)

    def _event(self, event: Event) -> None:
        match event:
            case Tag():
                self._tag(event)
            case EndTag():
                self._end(event)
            case Text():
                self._text(event)
            case Comment():
                self._comment(event)
            case Conditional():
                self._in_outlook = not event.ends
                self._only_in_content(event.offset, "a conditional comment")
                self._refuse_holes(event.raw, "in the condition of a comment")
                self._out.append(event.raw)
            case Declaration():
                raise self._fault("only <!--[if ...]> comments come through MJML; this would be lost", event.offset)

    # --- tags ---

    def _tag(self, tag: Tag) -> None:
        self._refuse_holes(tag.name, "in the name of a tag")
        if tag.name.startswith("mj"):
            self._mj_tag(tag)
        else:
            self._html_tag(tag)

    def _mj_tag(self, tag: Tag) -> None:
        self._known(tag)
        if self._parent in CONTENT:
            raise self._fault(f"<{tag.name}> inside <{self._parent}> would be printed as it is", tag.offset)
        self._needs_width(tag)
        self._seen.add(tag.name)
        self._write_tag(tag, self.root if tag.name == "mjml" else {})
        if not tag.self_closing:
            self._open.append(tag)
        self._head_after(tag)

    def _known(self, tag: Tag) -> None:
        if tag.name == "mj-include":
            raise self._fault('write <mj-include path="FILE" /> with a plain path and nothing else', tag.offset)
        if tag.name not in KNOWN:
            close = get_close_matches(tag.name, KNOWN, 1)
            hint = f"; did you mean <{close[0]}>?" if close else ""
            raise self._fault(f"there is no element <{tag.name}>{hint}", tag.offset)

    def _html_tag(self, tag: Tag) -> None:
        if tag.name == "script":
            raise self._fault("no mail program runs scripts; take it out", tag.offset)
        self._only_in_content(tag.offset, f"<{tag.name}>")
        self._write_tag(tag, {})

    def _write_tag(self, tag: Tag, defaults: dict[str, str]) -> None:
        given = {attribute.name for attribute in tag.attributes}
        if len(given) < len(tag.attributes):
            raise self._fault(f"<{tag.name}> has an attribute twice", tag.offset)
        written = [self._attribute(tag, attribute) for attribute in tag.attributes]
        written += [f'{name}="{value}"' for name, value in defaults.items() if name not in given]
        self._out.append(f"<{' '.join([tag.name, *written])}{' />' if tag.self_closing else '>'}")

    def _attribute(self, tag: Tag, attribute: Attribute) -> str:
        where = f"between the attributes of <{tag.name}>"
        self._refuse_holes(attribute.name, where, "put the {% if %} around the whole element")
        if attribute.value is None:
            return attribute.name
        self._checked(tag, attribute)
        value = attribute.value
        if HOLE.search(value) or self._needs_shelter(tag, attribute.name, value):
            value = self._stand_in(value)
        quote = "'" if '"' in value else '"'
        return f"{attribute.name}={quote}{value}{quote}"

    def _checked(self, tag: Tag, attribute: Attribute) -> None:
        if advice := _FAULTY.get((tag.name, attribute.name)):
            raise self._fault(f"{attribute.name} of <{tag.name}>: {advice}", attribute.offset)
        if attribute.name in URL_ATTRIBUTES and attribute.value:
            check_address(self.source.parts(attribute.value), self.source.place(attribute.offset))
        tags = [part for part in self.source.parts(attribute.value or "") if isinstance(part, Segment)]
        if not tags:
            return
        where = f"{attribute.name} of <{tag.name}>"
        if not attribute.quoted:
            raise self._fault(f"put the value of {where} in quotes", attribute.offset)
        if any(found.kind is Kind.BLOCK for found in tags):
            raise self._fault(f"{where} takes no blocks; write {{{{ a if condition else b }}}}", attribute.offset)
        if not _may_vary(tag.name, attribute.name):
            raise self._fault(_advice(tag.name, attribute.name), attribute.offset)

    def _needs_shelter(self, tag: Tag, name: str, value: str) -> bool:
        """MJML un-escapes attributes: `&quot;` would end the value, `&copy=1` in a link become a sign."""
        if tag.name in HEAD or not value:
            return False
        return "&" in value or (name == "href" and tag.name in _LINKED | CONTENT | EMPTY)

    def _stand_in(self, value: str) -> str:
        """One word for the whole value. MJML must see `mailto:`: it leaves out the target then."""
        scheme = next((scheme for scheme in _KEPT_SCHEMES if value.startswith(scheme)), "")
        rest = value.removeprefix(scheme)
        return scheme + (self.placeholders.word(*self.source.parts(rest)) if rest else "")

    def _needs_width(self, tag: Tag) -> None:
        if tag.name not in ("mj-column", "mj-group") or any(a.name == "width" for a in tag.attributes):
            return
        around = next((block for block in reversed(self._blocks) if block.depth == len(self._open)), None)
        if around is not None:
            raise self._fault(
                f"<{tag.name}> in a {{% {around.tag.keyword} %}} needs a width, for example "
                f'{{% for row in picks|batch(2) %}}<mj-section>{{% for pick in row %}}<mj-column width="50%">',
                tag.offset,
            )

    def _head_after(self, tag: Tag) -> None:
        """Our own part of the head: first in the author's, or one of our own before the body."""
        if tag.name == "mj-head":
            self._out[-1] = f"<mj-head>{self.extra_head}{'</mj-head>' if tag.self_closing else ''}"
        if tag.name == "mj-body" and "mj-head" not in self._seen:
            self._out.insert(len(self._out) - 1, f"<mj-head>{self.extra_head}</mj-head>")

    def _end(self, end: EndTag) -> None:
        self._refuse_holes(end.raw, "in a closing tag")
        if end.name.startswith("mj"):
            self._balanced(end)
            self._open.pop()
        self._out.append(end.raw)

    def _balanced(self, end: EndTag) -> None:
        if not self._open or self._open[-1].name != end.name:
            wanted = f"</{self._open[-1].name}>" if self._open else "nothing to close"
            raise self._fault(f"found </{end.name}> where {wanted} was expected", end.offset)
        if self._blocks and self._blocks[-1].depth == len(self._open):
            tag = self._blocks[-1].tag
            raise TemplateError(f"{tag} does not end inside its <{end.name}>", tag.place)

    # --- what stands between tags ---

    def _text(self, text: Text) -> None:
        if self._parent == "mj-preview":
            self._preview(text)
            return
        for part in self.source.parts(text.raw):
            self._out.append(
                self._plain(part, text.offset) if isinstance(part, str) else self._jinja(part, text.within)
            )

    def _preview(self, text: Text) -> None:
        place = self.source.place(text.offset)
        for part in self.source.parts(text.raw):
            self.preheader.append(Segment(Kind.DATA, html.unescape(part), place) if isinstance(part, str) else part)
        self._out.append(self.placeholders.word(Segment(Kind.EXPRESSION, "_preheader", place)))

    def _plain(self, text: str, offset: int) -> str:
        if text.strip() and self._parent in STRUCTURE | RIGID | EMPTY | {"mjml", "mj-head", "mj-attributes"}:
            raise self._fault(f"text directly in <{self._parent}> would be lost; put it in <mj-text>", offset)
        return text

    def _jinja(self, tag: Segment, within: str) -> str:
        if tag.kind is Kind.BLOCK:
            self._nest(tag)
            return self._block(tag, within)
        if self._parent in STRUCTURE | RIGID | EMPTY | {"mjml", "mj-head", "mj-attributes", ""}:
            raise TemplateError(f"{tag} prints directly in <{self._parent}>; put it in <mj-text>", tag.place)
        return self.placeholders.word(tag)

    def _block(self, tag: Segment, within: str) -> str:
        if self._in_outlook:
            raise TemplateError(f"{tag} inside a conditional comment; put it around the comment", tag.place)
        if within == "mj-style" or within == "style":
            return self.placeholders.css_comment(tag)
        if self._parent in CONTENT | STRUCTURE:
            return self.placeholders.comment(tag)
        raise TemplateError(self._block_advice(tag), tag.place)

    def _block_advice(self, tag: Segment) -> str:
        match self._parent:
            case "mj-title" | "mj-preview":
                return f"{tag} in <{self._parent}>; write {{{{ a if condition else b }}}}"
            case "mj-hero" | "mj-carousel":
                return f"{tag} in <{self._parent}>; put it around the whole <{self._parent}>"
            case "" | "mjml" | "mj-head" | "mj-attributes":
                return f"{tag} in the head would always apply; MJML moves styles and fonts. Put it inside <mj-body>"
            case parent:
                return f"{tag} cannot stand in <{parent}>"

    def _nest(self, tag: Segment) -> None:
        """A block ends in the element in which it began, so that no mail is cut in the middle of a table."""
        if tag.keyword in ("for", "if", "with"):
            self._blocks.append(_Block(tag, len(self._open)))
        elif tag.keyword in ("else", "elif", "endfor", "endif", "endwith") and self._blocks:
            if self._blocks[-1].depth != len(self._open):
                began = self._blocks[-1].tag
                raise TemplateError(f"{tag} ends {began} of {began.place} in another element", tag.place)
            if tag.keyword.startswith("end"):
                self._blocks.pop()

    def _comment(self, comment: Comment) -> None:
        self._refuse_holes(comment.raw, "in an HTML comment", "use {# #} for notes")

    # --- faults ---

    @property
    def _parent(self) -> str:
        return self._open[-1].name if self._open else ""

    def _only_in_content(self, offset: int, what: str) -> None:
        if self._parent not in CONTENT:
            raise self._fault(f"{what} directly in <{self._parent}>; put it in <mj-text> or <mj-raw>", offset)

    def _refuse_holes(self, text: str, where: str, advice: str = "") -> None:
        if found := next((part for part in self.source.parts(text) if isinstance(part, Segment)), None):
            raise TemplateError(f"{found} {where} cannot be compiled{advice and '; '}{advice}", found.place)

    def _fault(self, message: str, offset: int) -> TemplateError:
        return TemplateError(message, self.source.place(offset))


def _may_vary(tag: str, attribute: str) -> bool:
    if not tag.startswith("mj"):
        return not attribute.startswith("on") and attribute not in ("srcset", "srcdoc")
    if tag == "mjml" or tag in HEAD - {"mj-all", "mj-class"}:
        return False
    return attribute in FREE_ATTRIBUTES


def _advice(tag: str, attribute: str) -> str:
    if not tag.startswith("mj"):
        return f"{attribute} of <{tag}> takes no Jinja"
    return (
        f"{attribute} of <{tag}> takes no Jinja: MJML computes the layout once, before there is a recipient; "
        f"write the element twice and choose with {{% if %}}"
    )
