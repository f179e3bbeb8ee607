"""Colors as they may be written in CSS (CSS Color Module Level 4, §4 to §6), told as `#rrggbb`."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

COLOR = r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b|rgb\([^)]*\)|[a-zA-Z]+\b"
"""A color without transparency, as it stands in a pattern; whether a word is one `as_hex` tells."""
_RGB = re.compile(r"rgb\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)")


def as_hex(written: str) -> str | None:
    """`#rrggbb` in small letters. None: it is no color, or one that cannot be told (`transparent`, `inherit`)."""
    color = written.strip().lower()
    if re.fullmatch(r"#[0-9a-f]{6}", color):
        return color
    if re.fullmatch(r"#[0-9a-f]{3}", color):
        return "#" + "".join(digit * 2 for digit in color[1:])
    if (found := _RGB.fullmatch(color)) and all(int(channel) < 256 for channel in found.groups()):
        return "#" + "".join(f"{int(channel):02x}" for channel in found.groups())
    return f"#{_named()[color]}" if color in _named() else None


@lru_cache(maxsize=1)
def _named() -> Mapping[str, str]:
    named: dict[str, str] = json.loads((Path(__file__).parent / "named_colors.json").read_text(encoding="utf-8"))
    return named
