"""How much work and how long a text one mail may be, so that no template holds up all the others.

A worker renders mails one after the other. Four loops over fifty, one inside the other, took it minutes for each.
"""

from collections.abc import Callable, Collection

from jinja2 import nodes, pass_context
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

TURNS = 20_000
"""What the loops of a mail may go round, all together: a fraction of a second."""
CHARACTERS = 5_000_000
"""Of one part of a mail. Above it, encoded, most servers take none."""


class Turns:
    """What is left to the loops of one mail."""

    def __init__(self) -> None:
        self._left = TURNS

    def take(self, count: int) -> None:
        """Raises ValueError once there have been too many."""
        self._left -= count
        if self._left < 0:
            raise ValueError(
                f"the loops of this mail go round more than {TURNS:,} times; look for one that stands inside another"
            )


@pass_context
def counted(context: Context, items: Collection[object]) -> Collection[object]:
    """What a loop goes through, taken off what is left: once for each loop, so that a turn costs nothing."""
    if type(items) is not list and type(items) is not range:
        items = list(items)  # what filters find comes one by one
    context.parent["_turns"].take(len(items))
    return items


def grown(value: object) -> object:
    """What was put together of other values. Raises ValueError if it is too long: a text that doubles is so at once."""
    if isinstance(value, str | list | tuple) and len(value) > CHARACTERS:
        raise ValueError(f"what is put together here is longer than {CHARACTERS:,}; write less of it")
    return value


class Bounded(NodeTransformer):
    """Lets a template ask for what it may do, where loops begin and where values grow."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_counted")
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, "_grown") if node.name == "join" else node

    def visit_Concat(self, node: nodes.Concat | nodes.Add) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, "_grown")

    visit_Add = visit_Concat  # noqa: N815


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


IN_TEMPLATES: dict[str, Callable[..., object]] = {"_counted": counted, "_grown": grown}


def of_a_length(text: str) -> str:
    """A part of a mail. Raises ValueError if no server would take it."""
    if len(text) > CHARACTERS:
        raise ValueError(
            f"this part of the mail has {len(text):,} characters, and no mail may have more than {CHARACTERS:,}; "
            "let its loops go round less often"
        )
    return text
