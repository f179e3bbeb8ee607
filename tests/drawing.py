"""State machines as docs/states.md draws them: a diagram, and a row for each change."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from aftercart.transitions import Transition

DOCS = Path(__file__).parents[1] / "docs" / "states.md"

S = TypeVar("S", bound=StrEnum)


def diagram(transitions: Sequence[Transition[S]]) -> str:
    """In the language of Mermaid; changes between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for transition in transitions:
        for source in transition.sources or ("[*]",):
            arrows.setdefault((source, transition.target), []).append(transition.name)
    drawn = [f"    {source} --> {target}: {', '.join(names)}" for (source, target), names in arrows.items()]
    left = {source for source, _ in arrows}
    ends = [f"    {target} --> [*]" for target in dict.fromkeys(target for _, target in arrows) if target not in left]
    return "\n".join(("```mermaid", "stateDiagram-v2", *drawn, *ends, "```"))


def table(transitions: Sequence[Transition[S]]) -> str:
    """Every change with its sources, its target and what has happened."""
    return "\n".join(("| change | from | to | when |", "|---|---|---|---|", *map(_row, transitions)))


def _row(transition: Transition[S]) -> str:
    return f"| `{transition.name}` | {', '.join(transition.sources) or '–'} | {transition.target} | {transition.when} |"


def blocks() -> Iterator[str]:
    """The diagrams and tables that the docs hold."""
    for part in DOCS.read_text(encoding="utf-8").split("\n\n"):
        if part.startswith(("```mermaid", "| change")):
            yield part.strip()
