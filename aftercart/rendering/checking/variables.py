"""Which values a template uses that the context does not have, and which it prints that cannot be: slips, found before
launch and all at once.

The syntax tree is walked with the shape of the context (the TypedDicts of context.py) in hand: `{% for pick in
picks|batch(2) %}` makes `pick` a list of picks, and `pick.titel` a fault with a suggestion.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from jinja2 import nodes

from aftercart.errors import Place
from aftercart.rendering.authoring.source import Source
from aftercart.rendering.authoring.written import plainly
from aftercart.rendering.compiling.syntax import parsed
from aftercart.rendering.running.context import TemplateContext


@dataclass(frozen=True, slots=True)
class Fields:
    """A dict of the context with its known keys. `path` is how a template spells it."""

    path: str
    keys: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of the context, and what it holds. `path` is empty for a list that a template made."""

    of: object
    path: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A text or number of the context: it has no fields."""

    path: str


ANYTHING = None
"""A value of which we know nothing; every field of it is accepted."""

Shape = Fields | Items | Value | None

_THE_SAME = frozenset({"sort", "reverse", "list", "unique", "selectattr", "rejectattr", "default", "d"})
_ELEMENT = frozenset({"first", "last", "min", "max"})
_JINJA_NAMES = {"loop", "range"}
_OF_A_LOOP = "index index0 revindex revindex0 first last length depth depth0 cycle changed"
_NAMES_A_FIELD = {"selectattr": 0, "rejectattr": 0, "join": 1}
"""Where among its arguments a filter may be given the name of a field, other than as `attribute=`."""


_WHOLE = nodes.Name | nodes.Getattr | nodes.Getitem | nodes.Filter


@dataclass(frozen=True, slots=True)
class Unknown:
    line: int
    path: str
    suggestion: str | None


@dataclass(frozen=True, slots=True)
class Printed:
    """What is no text and no number, and stands in braces."""

    line: int
    shape: Fields | Items


def unknown_variables(part: Source) -> list[tuple[Place, str, str | None]]:
    """Place, path and the nearest existing path of every value that a part uses and the context does not have.

    Raises TemplateError if the part cannot be read as Jinja.
    """
    written, walk = plainly(part.segments), _walked(part)
    return [
        (written.place(found.line, found.path.rpartition(".")[2]) or Place(part.file), found.path, found.suggestion)
        for found in walk.unknown
    ]


def printed_whole(part: Source) -> list[tuple[Place, Fields | Items]]:
    """Place and shape of every group of values and every list that a part prints. Raises as `unknown_variables`."""
    written, walk = plainly(part.segments), _walked(part)
    return [
        (written.place(found.line, _last_name(found.shape.path)) or Place(part.file), found.shape)
        for found in walk.printed
    ]


def _walked(part: Source) -> "_Walk":
    walk = _Walk()
    walk.visit(parsed(plainly(part.segments)), dict(context_shape().keys))
    return walk


def _last_name(path: str) -> str:
    return path.rpartition(".")[2].removesuffix("[]")


def _common(shapes: list[object]) -> Shape:
    """What all of them are."""
    first = shapes[0] if shapes and all(shape == shapes[0] for shape in shapes) else ANYTHING
    return first if isinstance(first, Fields | Items | Value) else ANYTHING


def _keys(shape: object) -> Iterable[str]:
    return shape.keys if isinstance(shape, Fields) else ()


@lru_cache(maxsize=1)
def context_shape() -> Fields:
    """The shape of the whole context."""
    shape = _shape(TemplateContext, "")
    if not isinstance(shape, Fields):
        raise TypeError("the context is a TypedDict")
    return shape


def _shape(hint: Any, path: str) -> Shape:
    if is_typeddict(hint):
        prefix = f"{path}." if path else ""
        return Fields(path, {key: _shape(kind, prefix + key) for key, kind in get_type_hints(hint).items()})
    if get_origin(hint) is list:
        return Items(_shape(get_args(hint)[0], f"{path}[]"), path)
    if get_origin(hint) in (Union, UnionType):
        return _shape(next(kind for kind in get_args(hint) if kind is not type(None)), path)
    return Value(path)


@dataclass(slots=True)
class _Walk:
    """Visits a syntax tree, keeping in `scope` the shape of every name."""

    unknown: list[Unknown] = field(default_factory=list)
    printed: list[Printed] = field(default_factory=list)

    def visit(self, node: nodes.Node, scope: dict[str, Shape]) -> None:
        match node:
            case nodes.For():
                self._loop(node, scope)
            case nodes.With():
                inner = dict(scope)
                for target, value in zip(node.targets, node.values, strict=True):
                    self._bind(target, self.shape(value, scope), inner)
                self._all(node.body, inner)
            case nodes.Assign():
                self._bind(node.target, self.shape(node.node, scope), scope)
            case nodes.If():
                self._branches(node, scope)
            case nodes.Expr():
                self.shape(node, scope)
            case nodes.Output():
                self._output(node, scope)
            case _:
                self._all(node.iter_child_nodes(), scope)

    def _all(self, children: Any, scope: dict[str, Shape]) -> None:
        for child in children:
            self.visit(child, scope)

    def _output(self, node: nodes.Output, scope: dict[str, Shape]) -> None:
        for child in node.nodes:
            shape = self.shape(child, scope)
            if isinstance(child, _WHOLE) and isinstance(shape, Fields | Items):  # `a and a.b` is as good as its end
                self.printed.append(Printed(child.lineno, shape))

    def _branches(self, node: nodes.If, scope: dict[str, Shape]) -> None:
        """A name set in a branch may be used after it, so the branches share the scope."""
        self.shape(node.test, scope)
        self._all([*node.body, *node.elif_, *node.else_], scope)

    def _loop(self, node: nodes.For, scope: dict[str, Shape]) -> None:
        looped = self.shape(node.iter, scope)
        each = looped.of if isinstance(looped, Items) else ANYTHING
        knows = {**dict.fromkeys(_OF_A_LOOP.split(), ANYTHING), "previtem": each, "nextitem": each}
        inner = {**scope, "loop": Fields("loop", knows)}
        self._bind(node.target, each, inner)
        if node.test:
            self.shape(node.test, inner)
        self._all(node.body, inner)
        self._all(node.else_, dict(scope))

    def _bind(self, target: nodes.Node, shape: object, scope: dict[str, Shape]) -> None:
        if isinstance(target, nodes.Name):
            scope[target.name] = shape if isinstance(shape, Fields | Items | Value) else ANYTHING
        elif isinstance(target, nodes.Tuple):
            for item in target.items:
                self._bind(item, shape.of if isinstance(shape, Items) else ANYTHING, scope)

    def shape(self, node: nodes.Node, scope: dict[str, Shape]) -> Shape:
        """The shape of an expression; faults inside it are noted."""
        match node:
            case nodes.Name():
                return self._name(node, scope)
            case nodes.Getattr():
                return self._field(node, self.shape(node.node, scope), node.attr)
            case nodes.Getitem(arg=nodes.Const(value=str(key))):
                return self._field(node, self.shape(node.node, scope), key)
            case nodes.Getitem():
                return self._item(node, scope)
            case nodes.Filter():
                return self._filtered(node, scope)
            case nodes.CondExpr() | nodes.Or() | nodes.And():
                found = [self.shape(child, scope) for child in node.iter_child_nodes()]
                return next((shape for shape in found[-2:] if isinstance(shape, Fields | Items)), ANYTHING)
            case nodes.List() | nodes.Tuple():
                return Items(_common([self.shape(child, scope) for child in node.items]))
            case nodes.Add():
                both = [self.shape(node.left, scope), self.shape(node.right, scope)]
                lists = [shape for shape in both if isinstance(shape, Items)]
                return Items(_common([shape.of for shape in lists])) if len(lists) == len(both) else ANYTHING
        for child in node.iter_child_nodes():
            self.shape(child, scope)
        return ANYTHING

    def _name(self, node: nodes.Name, scope: dict[str, Shape]) -> Shape:
        if node.name not in scope and node.name not in _JINJA_NAMES:
            self._note(node, node.name, [str(name) for name in scope])
        return scope.get(node.name, ANYTHING)

    def _field(self, node: nodes.Node, shape: Shape, key: str) -> Shape:
        if isinstance(shape, Fields):
            if key not in shape.keys:
                self._note(node, f"{shape.path}.{key}", [f"{shape.path}.{known}" for known in shape.keys])
            found = shape.keys.get(key)
            return found if isinstance(found, Fields | Items | Value) else ANYTHING
        if isinstance(shape, Value):
            self._note(node, f"{shape.path}.{key}", [shape.path])
        if isinstance(shape, Items) and shape.path:
            self._note(node, f"{shape.path}.{key}", [f"{shape.path}[0].{known}" for known in _keys(shape.of)])
        return ANYTHING

    def _item(self, node: nodes.Getitem, scope: dict[str, Shape]) -> Shape:
        self.shape(node.arg, scope)
        looked_into = self.shape(node.node, scope)
        if not isinstance(looked_into, Items):
            return ANYTHING
        if isinstance(node.arg, nodes.Slice):
            return looked_into
        return looked_into.of if isinstance(looked_into.of, Fields | Items | Value) else ANYTHING

    def _filtered(self, node: nodes.Filter, scope: dict[str, Shape]) -> Shape:
        inner = self.shape(node.node, scope) if node.node else ANYTHING
        for child in (*node.args, *node.kwargs):
            self.shape(child, scope)
        field_of_each = self._field_of_each(node, inner)
        if node.name == "map" and field_of_each is not ANYTHING:
            return Items(field_of_each)
        if node.name in _THE_SAME:
            return inner
        if node.name in ("batch", "slice"):
            return Items(inner)
        if node.name in _ELEMENT and isinstance(inner, Items):
            return inner.of if isinstance(inner.of, Fields | Items | Value) else ANYTHING
        return ANYTHING

    def _field_of_each(self, node: nodes.Filter, looked_into: Shape) -> Shape:
        """The field that a filter is told of by name, as in `map(attribute="because.title")`."""
        given = next((word.value for word in node.kwargs if word.key == "attribute"), None)
        position = _NAMES_A_FIELD.get(node.name, len(node.args))
        if given is None and position < len(node.args):
            given = node.args[position]
        if not isinstance(looked_into, Items) or not isinstance(given, nodes.Const) or not isinstance(given.value, str):
            return ANYTHING
        each = looked_into.of if isinstance(looked_into.of, Fields | Items | Value) else ANYTHING
        found = each
        for way in given.value.split(","):  # `sort` goes by several
            found = each
            for name in way.split("."):
                found = self._field(node, found, name)
        return found

    def _note(self, node: nodes.Node, path: str, known: list[str]) -> None:
        close = get_close_matches(path, known, 1)
        self.unknown.append(Unknown(node.lineno, path, close[0] if close else None))
