"""Macros: a piece of a mail with a name, `{% macro card(pick) %}`, put in place wherever `{{ card(pick) }}` stands.

MJML must see the elements of a macro where they will stand, so a call is replaced by the macro's content within
`{% with pick = ... %}` before anything is compiled. Nothing of it is left to be called when a mail is rendered.

As in Jinja a macro knows the macros of its own file and what that file sets, whatever others are called elsewhere, a
default may name the arguments before it, and what a macro sets is forgotten behind it. A name of the whole mail that it
uses, and that means something else where it is called, is refused: it would be that of the caller.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from jinja2 import Environment, TemplateSyntaxError

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring.growth import DEEPEST, Growth, bounded
from aftercart.rendering.authoring.layouts import Read
from aftercart.rendering.authoring.lexer import Kind, Segment
from aftercart.rendering.authoring.scanner import names

_FROM = re.compile(r"""from\s+(["'])(?P<path>[^"']+)\1\s+import\s+(?P<names>.+)""", re.DOTALL)
_IMPORT = re.compile(r"""import\s+(["'])(?P<path>[^"']+)\1\s+as\s+(?P<name>[A-Za-z]\w*)""")
_CALL = re.compile(r"(?P<name>[A-Za-z]\w*(?:\.[A-Za-z]\w*)?)\s*\((?P<arguments>.*)\)", re.DOTALL)
_KEYWORD = re.compile(r"(?P<name>[A-Za-z]\w*)\s*=(?!=)\s*(?P<value>.+)", re.DOTALL)
_IMPORTED = re.compile(r"(?P<name>[A-Za-z]\w*)(?:\s+as\s+(?P<alias>[A-Za-z]\w*))?")
_NAME = re.compile(r"[A-Za-z]\w*")
OF_THE_CONTEXT = names("brand recipient order picks coupon links campaign")
"""What every mail knows."""
_USED = re.compile(r"""(?<![\w.])[A-Za-z]\w*(?!\s*=(?!=))|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
"""A name that is no field and no keyword of a call; or a string, which has none."""
_BINDS = re.compile(r"(?P<block>for|set|with)\s+(?P<rest>.*)", re.DOTALL)
_WAY_TO_IMPORT = 'write {% from "_layout/card.mjml" import card %}'
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


@dataclass(frozen=True, slots=True)
class _Macro:
    name: str
    parameters: tuple[tuple[str, str | None], ...]
    """Each name, and the expression that stands for it where a call says nothing."""
    inside: tuple[Segment, ...]
    tag: Segment
    home: "_Shelf"
    """With the macros that it may call: those of the file where it is written, and what that imports."""

    def sets(self) -> tuple[Segment, ...]:
        """What its file sets, if it uses any of that."""
        uses = _used(self.inside) | _used_in(default or "" for _, default in self.parameters)
        own = {name for name, _ in self.parameters}
        return tuple(tag for tag in self.home.sets if not _binds(tag) & own) if uses & _bound_by(self.home.sets) else ()


def expanded(segments: Sequence[Segment], read: Read, growth: Growth) -> list[Segment]:
    """The segments with every call of a macro replaced by what the macro holds.

    Raises TemplateError for a macro that is not closed, that calls itself, or that is called with other arguments than
    it has, and for more than a mail has room for.
    """
    shelf = _Shelf(read, growth)
    rest = shelf.take(segments)
    names = _Names(OF_THE_CONTEXT | _bound_by(_set_for_all(rest)))
    return list(bounded(shelf.in_place(rest, 0, names))) if shelf.macros else rest


@dataclass(slots=True)
class _Names:
    """What names stand for at a place: `known` to all of the mail, and what the blocks around it make of them."""

    known: frozenset[str]
    _around: frozenset[str] = frozenset()
    _blocks: list[set[str]] = field(default_factory=list)

    def pass_by(self, tag: Segment) -> None:
        if tag.kind is not Kind.BLOCK:
            return
        if tag.keyword in ("for", "with"):
            self._blocks.append(_binds(tag))
        elif tag.keyword in ("endfor", "endwith"):
            self._blocks[-1:] = []
        elif tag.keyword == "set" and self._blocks:
            self._blocks[-1] |= _binds(tag)

    def changed(self) -> frozenset[str]:
        """The known names that mean something else here."""
        return self.known & self._around.union(*self._blocks)

    def within(self, parameters: Iterable[str]) -> "_Names":
        """For what a macro holds that is called here."""
        return _Names(self.known, self._around.union(parameters, *self._blocks), [set()])


def _binds(tag: Segment) -> set[str]:
    """The names to which a block gives values."""
    found = _BINDS.match(tag.text)
    if found is None:
        return set()
    match found["block"]:
        case "for":
            return {*_NAME.findall(found["rest"].partition(" in ")[0])}
        case "set":
            return {*_NAME.findall(found["rest"].partition("=")[0])}
        case _:
            return {*re.findall(r"(\w+)\s*=(?!=)", found["rest"])}


def _bound_by(tags: Iterable[Segment]) -> frozenset[str]:
    return frozenset(name for tag in tags if tag.kind is Kind.BLOCK for name in _binds(tag))


def _set_for_all(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Each `{% set %}` that stands in no other block."""
    depth = 0
    for segment in segments:
        if segment.kind is Kind.BLOCK:
            depth += segment.keyword in ("for", "if", "with")
            depth -= segment.keyword in ("endfor", "endif", "endwith")
            if segment.keyword == "set" and depth == 0:
                yield segment


def _used(segments: Iterable[Segment]) -> frozenset[str]:
    return _used_in(segment.text for segment in segments if segment.kind is not Kind.DATA)


def _used_in(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in _USED.findall(text) if word[0] not in "\"'")


def _outer_names(macro: _Macro) -> frozenset[str]:
    """What a macro takes from outside."""
    defaults = (default or "" for _, default in macro.parameters)
    own = {name for name, _ in macro.parameters} | _bound_by(macro.inside)
    return (_used(macro.inside) | _used_in(defaults)) - own


@dataclass(slots=True)
class _Shelf:
    read: Read
    growth: Growth
    above: tuple[str, ...] = ()
    sets: tuple[Segment, ...] = ()
    """What an imported file sets for its macros."""
    """The files that bring this one, the first of them last."""
    macros: dict[str, _Macro] = field(default_factory=dict)

    def take(self, segments: Iterable[Segment]) -> list[Segment]:
        """Keeps the macros that are written or imported here, and returns all else."""
        rest: list[Segment] = []
        opened: Segment | None = None
        inside: list[Segment] = []
        for segment in segments:
            keyword = segment.keyword if segment.kind is Kind.BLOCK else ""
            if keyword == "endmacro" and opened:
                macro = _macro(opened, inside, self)
                self._keep(macro.name, macro, opened)
                opened, inside = None, []
            elif keyword == "macro" and opened is None:
                opened = segment
            elif keyword in ("macro", "endmacro"):
                raise _misplaced(segment)
            elif opened:
                inside.append(segment)
            elif keyword in ("from", "import"):
                self._bring(segment)
            else:
                rest.append(segment)
        if opened:
            raise TemplateError(f"{opened} is never closed", opened.place, "add {% endmacro %}")
        return rest

    def _keep(self, name: str, macro: _Macro, tag: Segment) -> None:
        """Raises TemplateError at `tag` where the name is another macro's: which of them a call means may be up to an
        `{% if %}`, or to the file in which it stands."""
        if self.macros.setdefault(name, macro).tag != macro.tag:
            raise TemplateError(f"there are two macros {name}", tag.place, "give one of them another name")

    def _bring(self, tag: Segment) -> None:
        one, whole = _FROM.fullmatch(tag.text), _IMPORT.fullmatch(tag.text)
        found = one or whole
        if found is None:
            raise TemplateError(f"{tag} cannot be read", tag.place, _WAY_TO_IMPORT)
        path = found["path"]
        if path in self.above:
            raise TemplateError(f"{path} imports itself", tag.place, "take the import out")
        self.growth.step(tag, len(self.above))
        other = _Shelf(self.read, self.growth, (path, *self.above))
        other.sets = tuple(_set_for_all(other.take(self.read(tag, path))))
        if whole:
            for name, macro in other.macros.items():
                self._keep(f"{whole['name']}.{name}", macro, tag)
        elif one:
            for name, alias in _imported(one["names"], tag):
                self._keep(alias, other.named(name, tag), tag)

    def named(self, name: str, tag: Segment) -> _Macro:
        """The macro of this name. Raises TemplateError at `tag` if there is none."""
        if name not in self.macros:
            close = get_close_matches(name, self.macros, 1)
            fix = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(self.macros)) or 'none'}"
            raise TemplateError(f"the file has no macro {name}", tag.place, fix)
        return self.macros[name]

    def in_place(self, segments: Iterable[Segment], depth: int, names: "_Names") -> Iterator[Segment]:
        """The segments, with what the macros hold in place of their calls."""
        for segment in segments:
            names.pass_by(segment)
            call = _CALL.fullmatch(segment.text) if segment.kind is Kind.EXPRESSION else None
            macro = self.macros.get(call["name"]) if call else None
            if call is None or macro is None:
                yield segment
                continue
            if depth == DEEPEST:
                raise TemplateError(f"{macro.name} calls itself", segment.place, "write a {% for %} instead")
            self.growth.step(segment, depth)
            yield from self._call(macro, call["arguments"], segment, depth, names)

    def _call(self, macro: _Macro, arguments: str, tag: Segment, depth: int, names: "_Names") -> Iterator[Segment]:
        sets = macro.sets()
        if other := sorted((_outer_names(macro) - _bound_by(sets)) & names.changed()):
            message = f"{macro.name} uses {other[0]}, which means something else here than where it is written"
            fix = f"hand it over, as in {{% macro {macro.name}({other[0]}) %}}, or give one of them another name"
            raise TemplateError(message, tag.place, fix)
        scopes = _scopes(macro, _given(macro, arguments, tag), sets)
        for number, values in enumerate(scopes):
            bound = ", ".join(f"{name} = {value}" for name, value in values.items())
            yield replace(tag, kind=Kind.BLOCK, text=f"with {bound}".strip())
            yield from sets if number == 0 else ()
        yield from macro.home.in_place(macro.inside, depth + 1, names.within(name for name, _ in macro.parameters))
        for _ in scopes:
            yield replace(tag, kind=Kind.BLOCK, text="endwith")


def _macro(tag: Segment, inside: Sequence[Segment], home: _Shelf) -> _Macro:
    call = _CALL.fullmatch(tag.text.removeprefix("macro").strip())
    if call is None or "." in call["name"]:
        raise TemplateError(f"{tag} cannot be read", tag.place, "write it as {% macro card(pick) %}")
    parameters: list[tuple[str, str | None]] = []
    for part in _split(call["arguments"], tag.place):
        keyword = _KEYWORD.fullmatch(part)
        if keyword is None and not part.isidentifier():
            raise TemplateError(f"{part} is no name for an argument", tag.place, "write it as {% macro card(pick) %}")
        parameters.append((keyword["name"], keyword["value"]) if keyword else (part, None))
    return _Macro(call["name"], tuple(parameters), tuple(inside), tag, home)


def _misplaced(tag: Segment) -> TemplateError:
    if tag.keyword == "macro":
        return TemplateError(f"{tag} stands inside another macro", tag.place, "put it before that one")
    return TemplateError("{% endmacro %} closes nothing", tag.place, "take it out, or add the {% macro %}")


def _imported(names: str, tag: Segment) -> Iterator[tuple[str, str]]:
    for part in names.split(","):
        found = _IMPORTED.fullmatch(part.strip())
        if found is None:
            raise TemplateError(f"{part.strip()} is no name of a macro", tag.place, _WAY_TO_IMPORT)
        yield found["name"], found["alias"] or found["name"]


def _given(macro: _Macro, arguments: str, tag: Segment) -> dict[str, str]:
    """The expression for each parameter that a call says something of."""
    names = [name for name, _ in macro.parameters]
    given: dict[str, str] = {}
    for index, part in enumerate(_split(arguments, tag.place)):
        keyword = _KEYWORD.fullmatch(part)
        name = keyword["name"] if keyword else names[index] if index < len(names) else ""
        if name not in names or name in given:
            raise TemplateError(f"{macro.name} has no use for {part}", tag.place, _way_to_call(macro))
        given[name] = keyword["value"] if keyword else part
    if missing := [name for name, default in macro.parameters if name not in given and default is None]:
        raise TemplateError(f"{macro.name} needs {' and '.join(missing)}", tag.place, _way_to_call(macro))
    return given


def _scopes(macro: _Macro, given: Mapping[str, str], sets: Iterable[Segment]) -> list[dict[str, str]]:
    """What a call binds, one scope inside the other: the arguments see what the caller has, and a default that names
    an argument, or what the macro's file sets, sees what that stands for here."""
    first, others = dict(given), list[dict[str, str]]()
    names = {name for name, _ in macro.parameters} | _bound_by(sets)
    for name, default in macro.parameters:
        if name in given or default is None:
            continue
        if any(word in names for word in _NAME.findall(default)):
            others.append({name: default})
        else:
            first[name] = default
    has_sets = any(segment.kind is Kind.BLOCK and segment.keyword == "set" for segment in (*sets, *macro.inside))
    return [first, *others] if first or has_sets else others


def _way_to_call(macro: _Macro) -> str:
    return f"write {{{{ {macro.name}({', '.join(name for name, _ in macro.parameters)}) }}}}"


def _split(arguments: str, place: Place) -> list[str]:
    """The arguments of a call, cut at its own commas; Jinja's lexer knows which are in quotes or brackets."""
    try:
        tokens = [(kind, text) for _, kind, text in Environment().lex(f"{{{{{arguments}}}}}")][1:-1]
    except TemplateSyntaxError as err:
        raise TemplateError(f"these arguments cannot be read: {err.message}", place, "look at its brackets") from err
    found, depth = [""], 0
    for kind, text in tokens:
        depth += _BRACKETS.get(text, 0) if kind == "operator" else 0
        if kind == "operator" and text == "," and depth == 0:
            found.append("")
        else:
            found[-1] += text
    return [part.strip() for part in found if part.strip()]
