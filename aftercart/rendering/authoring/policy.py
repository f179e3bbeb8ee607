"""Which Jinja a template may use: an allow-list over the syntax tree, checked once, when it is compiled.

A sandbox watches a template run; it still lets `{{ 'a' * 10**9 }}` eat the machine and objects be called. What is not
listed here never runs. The sandbox stays as the second lock.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from jinja2 import nodes

from aftercart.rendering.authoring.scanner import names

FILTERS = names(
    "money date number default d upper lower capitalize title trim length count first last join batch slice sort "
    "reverse truncate round int float abs selectattr rejectattr map list unique sum min max striptags "
    "unbroken urlencode"
)
TESTS = names(
    "defined undefined none number string sequence mapping even odd divisibleby eq ne lt le gt ge equalto in "
    "== != < <= > >= sameas true false"
)
RANGE_LIMIT = 50
DEEPEST = 120
"""Levels of the syntax tree, of blocks and of what stands in them: Jinja goes down them one inside the other."""
ARGUMENT_LIMIT = 1000

_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.For,
    nodes.If,
    nodes.With,
    nodes.Assign,
    nodes.Name,
    nodes.Const,
    nodes.Tuple,
    nodes.List,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.CondExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Call,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Concat,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Add,
    nodes.Sub,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
)
_ADVICE = {
    "safe": "take it out: values are escaped for their place by themselves, and markup never comes from data",
    "e": "take it out: values are escaped for their place by themselves",
    "escape": "take it out: values are escaped for their place by themselves",
    "format": "write {{ a ~ ' ' ~ b }}",
    "link": "take it out: only a body.txt needs it, in MJML links are found by themselves",
}
_LISTED = "docs/templates.md lists what there is"
_THERE_ARE = "there are if, for, set, with, include, macro, extends and block"


def faults(tree: nodes.Template, extra_filters: frozenset[str] = frozenset()) -> Iterator[tuple[int, str, str]]:
    """Line and description of everything that a template may not do, and what to do instead."""
    if (deep := _too_deep(tree)) is not None:
        yield _line(deep), "this goes too deep", "let less stand inside one another"
        return
    for node in _all(tree):
        if fault := _fault(node, FILTERS | extra_filters):
            message, _, fix = fault.partition("; ")
            yield _line(node), message, fix


def _too_deep(tree: nodes.Node) -> nodes.Node | None:
    """The first node that stands inside too many others."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEEPEST:
            return node
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]
    return None


def _all(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield tree
    yield from tree.find_all(nodes.Node)


def _line(node: nodes.Node) -> int:
    """Jinja gives no line to a node that only opens a scope; what stands in it has one."""
    return node.lineno or next((inner.lineno for inner in node.find_all(nodes.Node) if inner.lineno), 1)


def _fault(node: nodes.Node, filters: frozenset[str]) -> str | None:
    """ "problem; fix"."""
    if not isinstance(node, _NODES):
        return f"{_in_words(node)} is not available in templates; {_THERE_ARE}"
    match node:
        case nodes.Getattr(attr=str(name)) | nodes.Name(name=str(name)) if name.startswith("_"):
            return f"{name}: names that begin with an underscore are not available; {_LISTED}"
        case nodes.Getitem(arg=nodes.Const(value=str(name))) if name.startswith("_"):
            return f"{name}: names that begin with an underscore are not available; {_LISTED}"
        case nodes.Filter():
            return _filter_fault(node, filters)
        case nodes.Test(name=name) if name not in TESTS:
            return f"there is no test {name!r}; {_nearest(str(name), TESTS)}"
        case nodes.Call():
            return _call_fault(node)
        case nodes.Mod(left=nodes.Const(value=str())):
            return "% does nothing to text; write {{ a ~ ' ' ~ b }}"
        case nodes.For(recursive=True):
            return "a recursive loop is not available in templates; write one {% for %} inside the other"
    return None


def _filter_fault(node: nodes.Filter, filters: frozenset[str]) -> str | None:
    if node.name not in filters:
        return f"there is no filter {node.name!r}; {_ADVICE.get(node.name) or _nearest(node.name, filters)}"
    arguments = [*node.args, *(keyword.value for keyword in node.kwargs)]
    if any(isinstance(value := _constant(arg), str) and "_" in value[:1] for arg in arguments):
        return f"{node.name}: names that begin with an underscore are not available; {_LISTED}"
    if node.name in ("batch", "slice", "truncate", "map", "selectattr", "rejectattr", "sort", "sum", "unique"):
        return _argument_fault(node, arguments)
    return None


def _argument_fault(node: nodes.Filter, arguments: list[nodes.Expr]) -> str | None:
    constants = [_constant(argument) for argument in arguments]
    if any(value is _VARIABLE for value in constants):
        return f"an argument of {node.name} is computed; write it out, as in truncate(40)"
    if any(isinstance(value, int) and value > ARGUMENT_LIMIT for value in constants):
        return f"an argument of {node.name} is larger than {ARGUMENT_LIMIT}; write a smaller one"
    return None


def _call_fault(node: nodes.Call) -> str | None:
    match node.node:
        case nodes.Name(name="range"):
            bounds = [_constant(argument) for argument in node.args]
            fine = not node.kwargs and all(isinstance(n, int) and abs(n) <= RANGE_LIMIT for n in bounds)
            return None if fine else f"range() takes numbers up to {RANGE_LIMIT}; write them out, as in range(3)"
        case nodes.Getattr(node=nodes.Name(name="loop"), attr="cycle"):
            return None
        case nodes.Getattr(attr=name) | nodes.Name(name=name):
            return f"{name}() cannot be called; templates print values and choose between them"
    return "nothing can be called here; templates print values and choose between them"


def _nearest(name: str, known: frozenset[str]) -> str:
    close = get_close_matches(name, sorted(known), 1)
    return f"did you mean {close[0]}?" if close else _LISTED


_VARIABLE = object()


def _constant(node: nodes.Node) -> object:
    if isinstance(node, nodes.Neg):
        value = _constant(node.node)
        return -value if isinstance(value, int) else _VARIABLE
    return node.value if isinstance(node, nodes.Const) else _VARIABLE


def _in_words(node: nodes.Node) -> str:
    words = {"Macro": "a macro", "Import": "an import", "FromImport": "an import", "Extends": "{% extends %}"}
    words |= {
        "Block": "{% block %}",
        "Include": "an include of a computed file",
        "NSRef": "namespace()",
        "Pow": "**",
        "Mul": "multiplication",
    }
    return words.get(type(node).__name__, type(node).__name__)
