# the outlines are drawn, not read
"""The colors of products, their shadows and their light."""

from dataclasses import dataclass

INK, STEEL, PALE, WHITE = "#2c3743", "#8b98a5", "#d5dbe1", "#ffffff"
TONES = {
    "Black": "#3d4854",
    "Gray": "#8795a3",
    "White": "#eef2f5",
    "Red": "#dc4c46",
    "Orange": "#ee8434",
    "Yellow": "#f2bd3a",
    "Green": "#4c9f6c",
    "Teal": "#2fa39f",
    "Blue": "#3f7fd0",
    "Sand": "#d3b78a",
    "Brown": "#98704b",
}


WARM_SHADE = "#8a3a1c"
WARM = {TONES[name] for name in ("Orange", "Yellow", "Sand", "Brown")}


@dataclass(frozen=True)
class Tint:
    """A product color with its shadow and its light."""

    main: str

    @property
    def dark(self) -> str:
        # Ink turns yellow into olive, so warm colors darken towards brown.
        return mix(self.main, WARM_SHADE, 0.36) if self.main in WARM else mix(self.main, INK, 0.36)

    @property
    def light(self) -> str:
        return mix(self.main, WHITE, 0.45)


def mix(one: str, other: str, share: float) -> str:
    """The color `share` of the way from one to the other."""
    a, b = (bytes.fromhex(color[1:]) for color in (one, other))
    return "#" + bytes(round(x + (y - x) * share) for x, y in zip(a, b, strict=True)).hex()
