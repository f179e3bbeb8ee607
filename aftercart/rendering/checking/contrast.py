"""Whether letters stand out from what is behind them (WCAG 2.2, success criterion 1.4.3), in the HTML as it is sent."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aftercart.rendering.authoring.scanner import Conditional, EndTag, Tag, Text, scan
from aftercart.rendering.checking.colors import COLOR, as_hex

READABLE = 4.5
_VOID = frozenset({"img", "br", "hr", "meta", "link", "input", "area", "col", "wbr"})
_COLOR = re.compile(rf"(?:^|;)\s*color\s*:\s*({COLOR})")
_BEHIND = re.compile(rf"(?:^|;)\s*background(?:-color)?\s*:\s*(url\([^)]*\)|{COLOR})")
_BLACK, _WHITE = "#000000", "#ffffff"


@dataclass(frozen=True, slots=True)
class Faint:
    """Words that are hard to read. `ratio`: of the two colors' luminance, 1 to 21."""

    words: str
    color: str
    behind: str
    ratio: float


@dataclass(frozen=True, slots=True)
class _Level:
    name: str
    color: str
    behind: str | None
    """None above a picture: nobody can tell."""


def faint_words(mail: str) -> Iterator[Faint]:
    """The first words of each pair of colors without enough contrast, by the styles that stand at the elements."""
    levels, seen, hidden = [_Level("", _BLACK, _WHITE)], set[tuple[str, str]](), False
    for event in scan(mail[mail.index("<body") :]):
        match event:
            case Conditional():
                hidden = event.hides and not event.ends
            case Tag() if not hidden and not event.self_closing and event.name not in _VOID:
                levels.append(_level(event, levels[-1]))
            case EndTag() if not hidden and any(level.name == event.name for level in levels):
                while levels.pop().name != event.name:
                    pass
            case Text() if not hidden and not event.within and event.raw.strip(" \r\n\t\u034f\u200c\u00a0"):
                top = levels[-1]
                if top.behind and (top.color, top.behind) not in seen:
                    seen.add((top.color, top.behind))
                    ratio = contrast(top.color, top.behind)
                    if ratio < READABLE:
                        yield Faint(" ".join(event.raw.split())[:40], top.color, top.behind, ratio)


def _level(tag: Tag, above: _Level) -> _Level:
    given = {attribute.name: attribute.value or "" for attribute in tag.attributes}
    style = given.get("style", "")
    if "display:none" in style.replace(" ", ""):
        return _Level(tag.name, above.color, None)
    found, behind = _COLOR.search(style), _BEHIND.search(style)
    color = as_hex(found[1]) if found else None
    back = behind[1] if behind else given.get("bgcolor", "")
    if back.startswith("url") or given.get("background"):
        return _Level(tag.name, color or above.color, None)
    return _Level(tag.name, color or above.color, as_hex(back) or above.behind)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colors as `#rrggbb` (WCAG 2.2, definition of relative luminance)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
