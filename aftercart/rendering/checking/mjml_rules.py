"""What MJML asks of a document and the engine does not enforce: it leaves out what it does not know, and says nothing.

Which attributes there are, and how their values are written, is what the installed engine says of its own components.
Looked at when a template is checked, never when a mail is sent.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from aftercart.errors import Place
from aftercart.rendering.authoring.scanner import HOLE, Attribute, EndTag, Tag, Text, names
from aftercart.rendering.compiling.engine import attribute_types
from aftercart.rendering.compiling.holes import Holed
from aftercart.rendering.compiling.mjml_places import FAULTY, KNOWN, WORDLESS
from aftercart.rendering.fault import TemplateFault

_IN_A_COLUMN = names(
    "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-raw mj-social mj-spacer mj-table mj-text"
)
_CHILDREN = {
    "": names("mjml"),
    "mjml": names("mj-head mj-body"),
    "mj-head": names("mj-attributes mj-breakpoint mj-font mj-html-attributes mj-preview mj-raw mj-style mj-title"),
    "mj-body": names("mj-section mj-wrapper mj-hero mj-raw"),
    "mj-wrapper": names("mj-section mj-hero mj-raw"),
    "mj-section": names("mj-column mj-group mj-raw"),
    "mj-group": names("mj-column mj-raw"),
    "mj-column": _IN_A_COLUMN,
    "mj-hero": _IN_A_COLUMN,
    "mj-accordion": names("mj-accordion-element mj-raw"),
    "mj-accordion-element": names("mj-accordion-title mj-accordion-text mj-raw"),
    "mj-carousel": names("mj-carousel-image"),
    "mj-navbar": names("mj-navbar-link mj-raw"),
    "mj-social": names("mj-social-element mj-raw"),
    "mj-html-attributes": names("mj-selector"),
    "mj-selector": names("mj-html-attribute"),
}
"""Which elements may stand directly in which, as the documentation of MJML lists them."""

_EVERYWHERE = {"css-class": "string", "mj-class": "string", "align": "string"}
"""Attributes that the engine takes from any element without listing them."""
_UNLISTED = {
    "mjml": names("lang dir owa version"),
    "mj-selector": names("path"),
    "mj-html-attribute": names("name"),
}
_MEANT = {"class": "css-class", "bgcolor": "background-color"}
_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)"
_LENGTH = re.compile(f"0|{_NUMBER}(?:[a-z]+|%)")
_COLOR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})|[a-z]+|(?:rgb|hsl)a?\([^()]*\)", re.IGNORECASE)
_FETCHED = re.compile(r"@import|@font-face", re.IGNORECASE)
_TYPE = re.compile(r"(?P<kind>\w+)(?:\((?P<words>[^)]*)\))?(?:\{\d,(?P<most>\d)\})?")


def mjml_faults(body: Holed) -> Iterator[TemplateFault]:
    """Elements at places where MJML has none, attributes that it does not know, values that mean nothing to it."""
    walk = _Walk(body)
    for event in body.events():
        if isinstance(event, Tag) and event.name.startswith("mj"):
            yield from walk.tag(event)
        elif isinstance(event, EndTag) and event.name.startswith("mj"):
            walk.end(event)
        elif isinstance(event, Text) and not event.within:
            yield from walk.text(event)
        elif isinstance(event, Text) and event.within == "mj-style":
            for found in _FETCHED.finditer(event.raw):
                yield _foreign(body.place(event.offset + found.start()), f"this {found[0]}")
    yield from walk.unknown_classes()


@dataclass(slots=True)
class _Walk:
    source: Holed
    _open: list[str] = field(default_factory=list)
    _balanced: bool = True
    _classes: set[str] = field(default_factory=set)
    _asked_for: list[Attribute] = field(default_factory=list)

    def tag(self, tag: Tag) -> Iterator[TemplateFault]:
        if tag.name in KNOWN:
            yield from self._misplaced(tag)
            yield from self._twice(tag)
            for attribute in tag.attributes:
                yield from self._attribute(tag, attribute)
                if (tag.name, attribute.name) == ("mj-class", "name"):
                    self._classes.add(attribute.value or "")
                elif attribute.name == "mj-class":
                    self._asked_for.append(attribute)
            if tag.name == "mj-font":
                yield _foreign(self.source.place(tag.offset), "this font")
        if not tag.self_closing:
            self._open.append(tag.name)

    def end(self, tag: EndTag) -> None:
        """Where the ends of elements do not fit, nothing is said about what stands in what."""
        self._balanced = self._balanced and bool(self._open) and self._open[-1] == tag.name
        self._open[-1:] = []

    def unknown_classes(self) -> Iterator[TemplateFault]:
        """Those of which the head says nothing: MJML takes no notice of them."""
        for attribute in self._asked_for:
            for name in sorted(set((attribute.value or "").split()) - self._classes):
                if not HOLE.search(name):  # which the compiler refuses
                    close = get_close_matches(name, self._classes, 1)
                    fix = f"did you mean {close[0]}?" if close else f'write <mj-class name="{name}"> in <mj-attributes>'
                    message = f"no <mj-class> has the name {name}"
                    yield TemplateFault(self.source.place(attribute.offset), message, fix, warning=True)

    def text(self, text: Text) -> Iterator[TemplateFault]:
        """What is written between elements, where MJML has no place for it."""
        parent = self._open[-1] if self._open else ""
        words = HOLE.sub("", text.raw).strip()
        if self._balanced and (not parent or parent in WORDLESS) and words:
            place = self.source.place(text.offset + text.raw.index(words[0]))
            where = f"directly in <{parent}>" if parent else "outside of <mjml>"
            message = f"{words[:30]!r} {where} is lost: MJML shows what stands in elements"
            yield TemplateFault(place, message, "put it in <mj-text>, or take it out")

    def _twice(self, tag: Tag) -> Iterator[TemplateFault]:
        last = {attribute.name: attribute for attribute in tag.attributes}
        for attribute in tag.attributes:
            if attribute is not last[attribute.name]:
                message = f"<{tag.name}> has the attribute {attribute.name} twice, and only the last counts"
                yield TemplateFault(self.source.place(attribute.offset), message, "keep one of the two", warning=True)

    def _misplaced(self, tag: Tag) -> Iterator[TemplateFault]:
        parent = self._open[-1] if self._open else ""
        allowed = _CHILDREN.get(parent)
        if self._balanced and allowed is not None and tag.name not in allowed:
            home = next((name for name, children in _CHILDREN.items() if tag.name in children), "")
            where = f"directly in <{parent}>" if parent else "outside of <mjml>"
            fix = f"put it in <{home}>" if home else "take it out"
            yield TemplateFault(self.source.place(tag.offset), f"<{tag.name}> does not belong {where}", fix)

    def _attribute(self, tag: Tag, attribute: Attribute) -> Iterator[TemplateFault]:
        if HOLE.search(attribute.name) or (tag.name, attribute.name) in FAULTY:
            return  # the compiler refuses these, with the way to write them
        known = _attributes_of(tag.name)
        place = self.source.place(attribute.offset)
        if attribute.name not in known:
            close = get_close_matches(_MEANT.get(attribute.name, attribute.name), known, 1)
            fix = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
            yield TemplateFault(place, f"<{tag.name}> has no attribute {attribute.name}", fix)
        elif fix := _way_to_write(attribute.value or "", known[attribute.name]):
            message = f"{attribute.name}={attribute.value!r} of <{tag.name}> means nothing to mail programs"
            yield TemplateFault(place, message, fix, warning=True)


def _foreign(place: Place, what: str) -> TemplateFault:
    message = f"{what} asks another host, which is told whenever somebody opens the mail"
    fix = "take it out and name fonts that people have, such as Helvetica, Arial, sans-serif"
    return TemplateFault(place, message, fix, warning=True)


def _attributes_of(element: str) -> Mapping[str, str]:
    """The attributes of an element, each with MJML's word for how its values are written."""
    types = attribute_types()
    if element in ("mj-all", "mj-class"):
        return {"name": "string", **_EVERYWHERE, **{name: "string" for known in types.values() for name in known}}
    if element in _UNLISTED:
        return dict.fromkeys(_UNLISTED[element], "string")
    return {**(_EVERYWHERE if _shows_something(element) else {}), **types.get(element, {})}


def _shows_something(element: str) -> bool:
    return element not in _CHILDREN["mj-head"] | {"mj-head"}


def _way_to_write(value: str, kind: str) -> str:
    """How a value should have been written; empty where it is fine, or known only when a mail is rendered."""
    found = _TYPE.fullmatch(kind)
    if found is None or not value or HOLE.search(value):
        return ""
    words = (found["words"] or "").split(",")
    match found["kind"]:
        case "enum":
            return "" if value in words else f"write {' or '.join(words)}"
        case "color":
            return "" if _COLOR.fullmatch(value.strip()) else "write it as #1a73e8"
        case "boolean":
            return "" if value in ("true", "false") else "write true or false"
        case "integer":
            return "" if value.isdigit() else "write a whole number"
        case "unit" | "unitWithNegative":
            return _way_to_measure(value.split(), words, int(found["most"] or 1))
    return ""


def _way_to_measure(lengths: list[str], units: list[str], most: int) -> str:
    if len(lengths) > most:
        return f"write at most {most} lengths" if most > 1 else "write one length"
    bare = "" in units  # as of line-height, which may be a factor
    for length in lengths:
        if _LENGTH.fullmatch(length) or length in units or (bare and re.fullmatch(_NUMBER, length)):
            continue
        return f"write {length}px" if re.fullmatch(_NUMBER, length) else f"write it as 20{units[0] or 'px'}"
    return ""
