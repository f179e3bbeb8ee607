"""Jinja's filters of text, which make words of whatever they are given: None, and whole groups of values.

So `{{ recipient.first_name|title }}` greeted "None" whoever gave no name, and `{{ picks|join(", ") }}` printed what
only Python understands. Here they take texts and numbers, as everything that is printed does.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from jinja2 import nodes, pass_eval_context
from jinja2.filters import FILTERS, make_attrgetter, sync_do_join
from jinja2.visitor import NodeTransformer

from aftercart.rendering.running.escape import readable

_OF_TEXT = ("capitalize", "lower", "striptags", "title", "trim", "truncate", "upper")


def _of_readable(filter_: Callable[..., str]) -> Callable[..., str]:
    """The filter, for what can be read."""
    before = 1 if hasattr(filter_, "jinja_pass_arg") else 0  # `truncate` is given the environment first

    @wraps(filter_)  # with the mark by which Jinja knows what to give it
    def filtered(*given: Any, **named: Any) -> str:
        return filter_(*given[:before], readable(given[before]), *given[before + 1 :], **named)

    return filtered


@pass_eval_context
def joined(
    context: nodes.EvalContext, items: Iterable[object], between: object = "", attribute: str | int | None = None
) -> str:
    """Jinja's `join`, of what can be read."""
    if attribute is not None:
        items = map(make_attrgetter(context.environment, attribute), items)
    return sync_do_join(context, [readable(item) for item in items], readable(between))


class Readable(NodeTransformer):
    """Lets `a ~ b` put together only what can be read."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.nodes = [nodes.Filter(part, "_readable", [], [], None, None, lineno=part.lineno) for part in node.nodes]
        return node


OF_WORDS: dict[str, Callable[..., object]] = {
    **{name: _of_readable(FILTERS[name]) for name in _OF_TEXT},
    "join": joined,
    "_readable": readable,
}
AS_SENT: dict[str, Callable[..., object]] = {"_readable": lambda value: value}
"""For mails that were sent: whoever looks at one again sees what it said, whatever filters refuse by now."""
