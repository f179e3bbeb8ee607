"""Charts as SVG that stands inside a page: no script, no picture from elsewhere, the colors of the page itself."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, FOOT = 720, 160, 30
"""In units of the drawing, which is as wide as its place."""


def bars(values: Sequence[tuple[str, float]], title: str, labels: int = 8) -> str:
    """A bar for each value. Of their names about `labels` are written below; each bar tells its own to a pointer."""
    highest = max((value for _, value in values), default=0) or 1
    width = WIDTH / max(len(values), 1)
    step = max(1, -(-len(values) // labels))
    parts = [_bar(n, name, value, highest, width) for n, (name, value) in enumerate(values)]
    parts += [
        f'<text x="{n * width:.1f}" y="{HEIGHT + FOOT - 8}">{escape(name)}</text>'
        for n, (name, _) in enumerate(values)
        if n % step == 0
    ]
    box = f"0 0 {WIDTH} {HEIGHT + FOOT}"
    return f'<svg class="bars" viewBox="{box}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _bar(n: int, name: str, value: float, highest: float, width: float) -> str:
    height = HEIGHT * value / highest
    place = f'x="{n * width + width * 0.08:.1f}" y="{HEIGHT - height:.1f}" width="{width * 0.84:.1f}"'
    return f'<rect {place} height="{height:.1f}"><title>{escape(name)}: {value:,g}</title></rect>'


def span(value: float, low: float, high: float, least: float, most: float, title: str) -> str:
    """A figure and how sure it is: a line between its bounds, with marks where it is and where nothing would be."""
    scale = 100 / ((most - least) or 1)

    def at(x: float) -> str:
        return f"{min(max((x - least) * scale, 0), 100):.2f}"

    zero = f'<line class="zero" x1="{at(0)}" x2="{at(0)}" y1="0" y2="12"/>' if least <= 0 <= most else ""
    here = f'<line class="here" x1="{at(value)}" x2="{at(value)}" y1="1" y2="11"/>'
    line = f'<line x1="{at(low)}" x2="{at(high)}" y1="6" y2="6"/>{here}'
    return (
        f'<svg class="span" viewBox="-3 0 106 12" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">{zero}{line}</svg>'
    )
