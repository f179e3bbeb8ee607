"""The result of `aftercart evaluate` as a picture: a group of bars for each task, NDCG@10."""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from aftercart.quantity import counted

if TYPE_CHECKING:
    from aftercart.recommendation.learning.contest import Contest, Outcome

WIDTH, LEFT, BAR, GAP, HEAD = 720, 150, 18, 30, 34
OURS, OTHERS, INK = "#0b6e4f", "#b8c4cc", "#22303a"


def drawn(found: "Contest") -> str:
    """An SVG document; longer bars are better. The scale is that of each task."""
    parts: list[str] = []
    y = HEAD
    for outcome in found.outcomes:
        parts.extend(_group(outcome, y))
        y += GAP + BAR * len(outcome.rows) + GAP
    title = f"NDCG@10, orders until {found.asked_until:%Y-%m-%d} that nobody had seen"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
            f'role="img" aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
            f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>',
            f'<text x="12" y="22" font-size="15" font-weight="600">{escape(title)}</text>',
            *parts,
            "</svg>\n",
        ]
    )


def _group(outcome: "Outcome", top: int) -> Iterator[str]:
    name = f"{outcome.task.in_words} ({counted(outcome.cases, 'question')})"
    yield f'<text x="12" y="{top + 18}" font-weight="600">{escape(name)}</text>'
    longest = max((row.ndcg10 for row in outcome.rows), default=0) or 1
    for place, row in enumerate(sorted(outcome.rows, key=lambda row: -row.ndcg10)):
        y = top + GAP + place * BAR
        length = (WIDTH - LEFT - 70) * row.ndcg10 / longest
        color = OTHERS if row.gain else OURS
        yield f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(row.name)}</text>'
        yield f'<rect x="{LEFT}" y="{y + 1}" width="{length:.1f}" height="{BAR - 4}" fill="{color}"/>'
        yield f'<text x="{LEFT + length + 6:.1f}" y="{y + 12}">{row.ndcg10:.3f}</text>'
