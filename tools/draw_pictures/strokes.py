# the outlines are drawn, not read
"""Lines and shapes, as SVG."""


def line(points: str, color: str, width: float, *, fill: str = "none") -> str:
    """A path with round ends and joins."""
    return (
        f'<path d="{points}" fill="{fill}" stroke="{color}" stroke-width="{width}" stroke-linecap="round" '
        'stroke-linejoin="round"/>'
    )


def shape(points: str, fill: str, more: str = "") -> str:
    return f'<path d="{points}" fill="{fill}" {more}/>'


def disc(x: float, y: float, r: float, fill: str, more: str = "") -> str:
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}" {more}/>'


def ring(x: float, y: float, r: float, color: str, width: float, more: str = "") -> str:
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="none" stroke="{color}" stroke-width="{width}" {more}/>'


def box(x: float, y: float, w: float, h: float, r: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{r}" fill="{fill}" {more}/>'


def turned(angle: float, content: str, x: float = 110, y: float = 110) -> str:
    return f'<g transform="rotate({angle} {x} {y})">{content}</g>'


def moved(x: float, y: float, content: str) -> str:
    return f'<g transform="translate({x} {y})">{content}</g>'
