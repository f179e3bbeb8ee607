"""Colors as they may be written in CSS (CSS Color Module Level 4, §4 to §7), told as `#rrggbb`."""

import colorsys
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

COLOR = r"#[0-9a-fA-F]{3,8}\b|(?:rgb|hsl)a?\([^)]*\)|[a-zA-Z]+\b"
"""A color as it stands in a pattern; whether it is one `as_hex` tells."""
_FUNCTION = re.compile(r"(rgb|hsl)a?\(([^)]*)\)")
_WHITE = "#ffffff"


def as_hex(written: str, behind: str = _WHITE) -> str | None:
    """`#rrggbb` in small letters, of one that lets through what is behind it as it looks there.

    None: it is no color, or one that cannot be told (`transparent`, `inherit`).
    """
    color = written.strip().lower()
    if re.fullmatch(r"#(?:[0-9a-f]{3,4}){1,2}", color):
        digits = color[1:] if len(color) > 5 else "".join(digit * 2 for digit in color[1:])
        return _mixed([int(digits[at : at + 2], 16) for at in range(0, len(digits), 2)], behind)
    if found := _FUNCTION.fullmatch(color):
        try:
            return _of_function(found[1], re.split(r"[\s,/]+", found[2].strip()), behind)
        except ValueError:  # a calculation, or nonsense
            return None
    return f"#{_named()[color]}" if color in _named() else None


def _of_function(name: str, numbers: list[str], behind: str) -> str | None:
    if len(numbers) not in (3, 4):
        return None
    alpha = 255 * _part(numbers[3], 1) if len(numbers) == 4 else 255
    if name == "rgb":
        return _mixed([*(255 * _part(number, 255) for number in numbers[:3]), alpha], behind)
    turn = float(numbers[0].removesuffix("deg")) / 360 % 1
    channels = colorsys.hls_to_rgb(turn, _part(numbers[2], 100), _part(numbers[1], 100))
    return _mixed([*(255 * channel for channel in channels), alpha], behind)


def _part(number: str, whole: float) -> float:
    """Of 1: `50%`, and `0.5` of a whole of 1. Raises ValueError."""
    part = float(number[:-1]) / 100 if number.endswith("%") else float(number) / whole
    return min(max(part, 0), 1)


def _mixed(channels: list[float], behind: str) -> str:
    """Red, green and blue, and how much of them there is (of 255), in front of another color."""
    alpha = channels[3] / 255 if len(channels) == 4 else 1
    ground = (int(behind[at : at + 2], 16) for at in (1, 3, 5))
    mixed = (round(alpha * front + (1 - alpha) * back) for front, back in zip(channels, ground, strict=False))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


@lru_cache(maxsize=1)
def _named() -> Mapping[str, str]:
    named: dict[str, str] = json.loads((Path(__file__).parent / "named_colors.json").read_text(encoding="utf-8"))
    return named
