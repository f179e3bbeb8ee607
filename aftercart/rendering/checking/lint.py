"""What an e-mail developer would say of the source of a mail that compiles: small letters, pictures without a word.

Each is a warning: the mail goes out.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aftercart.errors import Place
from aftercart.rendering.authoring.lexer import Kind, behind
from aftercart.rendering.authoring.locales import is_language
from aftercart.rendering.authoring.scanner import HOLE, Attribute, EndTag, Tag, Text
from aftercart.rendering.authoring.source import Source
from aftercart.rendering.checking.support import css_features, without_effect
from aftercart.rendering.compiling.holes import Holed
from aftercart.rendering.fault import TemplateFault

SMALLEST_LETTERS = 12
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)(?:px)?")
_SIZE = re.compile(r"font-size\s*:\s*([\d.]+)(px|pt)\b|font\s*:[^;{}]*?([\d.]+)(px|pt)\b", re.IGNORECASE)
_LENGTH = re.compile(r"\s*([\d.]+)(px|pt)\s*")
_PIXELS_OF = {"px": 1.0, "pt": 4 / 3}
_HIDDEN = re.compile(r"display\s*:\s*none")
_NOTE = re.compile(r"/\*.*?\*/", re.DOTALL)
_INSECURE = re.compile(r"http://", re.IGNORECASE)
_INSECURE_IN_CSS = re.compile(r"""url\(\s*["']?http://""", re.IGNORECASE)
_EMPTY_WORDS = frozenset(
    {"click here", "here", "learn more", "link", "more", "read more", "this"}
    | {"hier", "hier klicken", "mehr", "mehr erfahren", "weiterlesen", "ici", "cliquez ici", "en savoir plus"}
    | {"lire la suite", "aquí", "haga clic aquí", "leer más", "más información", "هنا", "اضغط هنا", "اقرأ المزيد"}
)
_MERGE_TAG = re.compile(
    r"\*\|[A-Za-z_:]+\|\*|%%[A-Za-z_]+%%|%%=[^%]+=%%|%recipient\.\w+%|%[A-Z]{2}[A-Z_]+%|\{\{\{|\{\$[a-z_]+\}|\[\[[A-Za-z_.]+\]\]"
    r"|\[[A-Za-z_]+,\s*fallback=[^\]]*\]|##[A-Za-z_]+##"
)
_LINKS = frozenset({"a", "mj-button", "mj-navbar-link", "mj-social-element"})
_MAY_LINK = _LINKS | {"area", "mj-image", "mj-carousel-image"}
_NO_LINK_WITHOUT_ADDRESS = frozenset({"a", "mj-social-element"})
_NEVER_SHOWN = frozenset({"iframe", "frame", "embed", "applet"})
_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|webp|svg)", re.IGNORECASE)
_SVG = re.compile(r"[^?#]+\.svg(?:[?#].*)?", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def lint(body: Holed) -> Iterator[TemplateFault]:
    """Everything to say about the source of a body that can be read."""
    walk = _Walk(body)
    for event in body.events():
        match event:
            case Tag():
                yield from walk.tag(event)
            case EndTag():
                yield from walk.end(event)
            case Text():
                yield from walk.text(event)


def lint_words(part: Source) -> Iterator[TemplateFault]:
    """What there is to say about a subject or a text part, which have no markup."""
    for segment in part.segments:
        for found in _MERGE_TAG.finditer(segment.text) if segment.kind is Kind.DATA else ():
            yield _merge_tag(behind(segment.place, segment.text[: found.start()]), found[0])


def _merge_tag(place: Place, tag: str) -> TemplateFault:
    message = f"{tag} belongs to another mail service and would be printed as it stands"
    return TemplateFault(place, message, "write {{ recipient.first_name }}", warning=True)


@dataclass(slots=True)
class _Walk:
    source: Holed
    _link: Tag | None = None
    _words: list[str] = field(default_factory=list)
    _heading: int = 0
    _in_defaults: bool = False
    _mail_px: float = 600.0  # MJML's own

    def tag(self, tag: Tag) -> Iterator[TemplateFault]:
        if tag.name == "mj-body":
            self._mail_px = _pixels(_value(tag, "width")) or self._mail_px
        self._in_defaults = self._in_defaults or tag.name == "mj-attributes"
        yield from () if self._in_defaults else self._picture(tag)
        for attribute in tag.attributes:
            yield from self._small(tag, attribute)
            yield from self._insecure(tag, attribute)
            yield from self._language(attribute)
            space = len(attribute.raw) - len(attribute.raw.lstrip(" \t\r\n/"))
            yield from self._of_others(attribute.raw, attribute.offset - space)
            if attribute.name.startswith("on") and not tag.name.startswith("mj"):
                message = f"{attribute.name} of <{tag.name}> does nothing: no mail program runs scripts"
                yield self._fault(attribute.offset, message, "take it out")
            if attribute.name == "style" and attribute.value:
                yield from self._unsupported(css_features(attribute.value), attribute.offset)
        yield from self._unsupported([(0, f"<{tag.name}>")], tag.offset)
        if tag.name in _NEVER_SHOWN:
            yield self._fault(
                tag.offset, f"no mail program shows an <{tag.name}>", "write a link to what it would show"
            )
        href = _value(tag, "href") or _value(tag, "mj-class") or ""
        if tag.name == "mj-button" and not href and not self._in_defaults:  # MJML makes no link of it
            yield self._fault(tag.offset, f"the link to {href!r} leads nowhere", "write the whole address")
        if tag.name in _HEADINGS:
            yield from self._jump(tag)
        if _is_link(tag) and not self._in_defaults:
            self._link, self._words = tag, [_value(tag, "aria-label") or "", *_words_of_icon(tag)]
            if tag.self_closing:
                yield from self._link_ends(tag)
        if tag.name in ("img", "mj-image") and self._link:
            self._words.append(_value(tag, "alt") or "")

    def end(self, end: EndTag) -> Iterator[TemplateFault]:
        self._in_defaults = self._in_defaults and end.name != "mj-attributes"
        if self._link and end.name == self._link.name:
            yield from self._link_ends(self._link)

    def _link_ends(self, link: Tag) -> Iterator[TemplateFault]:
        self._link = None
        words = " ".join(html.unescape("".join(self._words)).split())
        if not words:
            message = f"the link <{link.name}> has no words, so nobody can tell or hear where it leads"
            yield self._fault(link.offset, message, "write where it leads")
        elif words.strip(" .!:…»›→").lower() in _EMPTY_WORDS:
            message = f"{words!r} does not say where the link leads; many people hear links one by one"
            yield self._fault(link.offset, message, "write what is found there, such as: See the helmet")

    def text(self, text: Text) -> Iterator[TemplateFault]:
        if self._link:
            self._words.append(text.raw)
        if text.within in ("mj-style", "style"):
            css = _NOTE.sub(lambda note: " " * len(note[0]), text.raw)
            yield from self._unsupported(css_features(css), text.offset)
            yield from self._small_in_css(css, text.offset, text.within)
            yield from self._insecure_in_css(css, text.offset)
            return
        yield from self._of_others(text.raw, text.offset)

    def _of_others(self, written: str, offset: int) -> Iterator[TemplateFault]:
        for found in _MERGE_TAG.finditer(written):
            yield _merge_tag(self.source.place(offset + found.start()), found[0])

    def _picture(self, tag: Tag) -> Iterator[TemplateFault]:
        if tag.name not in ("img", "mj-image", "mj-carousel-image"):
            return
        alt = _value(tag, "alt")
        if alt is None or (not alt and _value(tag, "href")):
            message = f"<{tag.name}> has no words for those who do not see it; many programs show no pictures at first"
            yield self._fault(
                tag.offset, message, 'write alt="{{ pick.title }}", or alt="" for one that only decorates'
            )
        if alt and _FILE_NAME.fullmatch(alt):
            message = f"alt={alt!r} of <{tag.name}> is the name of a file, and tells nobody what there is to see"
            yield self._fault(tag.offset, message, "say it as you would on the phone")
        if tag.name == "img" and _value(tag, "width") is None:
            yield self._fault(tag.offset, "<img> has no width, and Outlook takes the file's own", 'write width="200"')
        if _value(tag, "src") == "":
            message = f"<{tag.name}> shows nothing: its src is empty"
            yield self._fault(tag.offset, message, "write the picture's whole address, or leave the element out")
        if _SVG.fullmatch(_value(tag, "src") or ""):
            message = f"<{tag.name}> is an SVG, and Gmail and many other programs show none"
            yield self._fault(tag.offset, message, "make a PNG of it, twice as wide as it is shown")
        if (wide := _pixels(_value(tag, "width"))) > self._mail_px:
            message = f"<{tag.name}> is {wide:g} px wide in a mail of {self._mail_px:g} px"
            yield self._fault(tag.offset, message, f'write width="{self._mail_px:g}px" or less')

    def _small(self, tag: Tag, attribute: Attribute) -> Iterator[TemplateFault]:
        value = attribute.value or ""
        if attribute.name == "style" and not _HIDDEN.search(value):
            yield from self._small_in_css(value, attribute.offset, tag.name, counts=False)
        elif attribute.name == "font-size" and (found := _LENGTH.fullmatch(value)):
            yield from self._too_small(found[1], found[2], attribute.offset, tag.name)

    def _small_in_css(self, css: str, offset: int, where: str, *, counts: bool = True) -> Iterator[TemplateFault]:
        """`counts`: whether the offset is that of the first character."""
        for found in _SIZE.finditer(css):
            at = offset + found.start() if counts else offset
            yield from self._too_small(found[1] or found[3], found[2] or found[4], at, where)

    def _too_small(self, size: str, unit: str, offset: int, where: str) -> Iterator[TemplateFault]:
        if 0 < float(size) * _PIXELS_OF[unit.lower()] < SMALLEST_LETTERS:
            message = f"letters of {size} {unit} in <{where}> are hard to read on a phone"
            yield self._fault(offset, message, f"write {SMALLEST_LETTERS}px or more; 14px for what is read")

    def _insecure(self, tag: Tag, attribute: Attribute) -> Iterator[TemplateFault]:
        value = attribute.value or ""
        if attribute.name == "href" and tag.name in _MAY_LINK and _INSECURE.match(value):
            yield self._fault(attribute.offset, "browsers warn of a link by http://", "write https://")
        if attribute.name in ("src", "background-url", "background") and _INSECURE.match(value):
            yield self._by_http(attribute.offset)
        if attribute.name == "style" and _INSECURE_IN_CSS.search(value):
            yield self._by_http(attribute.offset)

    def _insecure_in_css(self, css: str, offset: int) -> Iterator[TemplateFault]:
        for found in _INSECURE_IN_CSS.finditer(css):
            yield self._by_http(offset + found.start())

    def _by_http(self, offset: int) -> TemplateFault:
        message = "a picture by http:// is left out by many mail programs"
        return self._fault(offset, message, "write https://")

    def _language(self, attribute: Attribute) -> Iterator[TemplateFault]:
        tag = attribute.value or ""
        if attribute.name == "lang" and not HOLE.search(tag) and not is_language(tag):
            message = f"lang={tag!r} is no language, and tells those who hear a mail how to say its words"
            yield self._fault(attribute.offset, message, "write a code such as fr or pt-BR, or take it out")

    def _jump(self, tag: Tag) -> Iterator[TemplateFault]:
        level = int(tag.name[1])
        if level > self._heading + 1:
            before = f"follows an h{self._heading}" if self._heading else "comes first"
            message = f"<{tag.name}> {before}; people who hear a mail find their way by its headings"
            yield self._fault(tag.offset, message, f"write <h{self._heading + 1}>, and its size in style")
        self._heading = level

    def _unsupported(self, features: Iterable[tuple[int, str]], offset: int) -> Iterator[TemplateFault]:
        for at, feature in features:
            if found := without_effect(feature):
                share, programs = found
                message = f"{feature} does nothing for about {share:.0%} of readers ({programs}; caniemail.com)"
                yield self._fault(offset + at, message, "make sure that the mail is good without it, or take it out")

    def _fault(self, offset: int, message: str, fix: str) -> TemplateFault:
        return TemplateFault(self.source.place(offset), message, fix, warning=True)


def _is_link(tag: Tag) -> bool:
    if tag.name not in _LINKS or (tag.self_closing and tag.name != "mj-social-element"):
        return False
    return tag.name not in _NO_LINK_WITHOUT_ADDRESS or _value(tag, "href") is not None


def _words_of_icon(tag: Tag) -> tuple[str, ...]:
    """What stands for the picture that MJML puts into a link of a network."""
    return (_value(tag, "alt") or "",) if tag.name == "mj-social-element" else ()


def _value(tag: Tag, name: str) -> str | None:
    """The value of an attribute; what Jinja will put there counts as something."""
    found = next((attribute for attribute in tag.attributes if attribute.name == name), None)
    if found is None:
        return None
    return HOLE.sub("x", found.value or "").strip()


def _pixels(length: str | None) -> float:
    """Of `600px` and `600`; 0 for a share, for nothing, and for what Jinja decides."""
    found = _PIXELS.fullmatch(length or "")
    return float(found[1]) if found else 0.0
