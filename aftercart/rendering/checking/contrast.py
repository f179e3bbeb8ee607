"""Whether letters stand out from what is behind them (WCAG 2.2, success criterion 1.4.3), in the HTML as it is sent."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aftercart.rendering.authoring.scanner import Conditional, EndTag, Tag, Text, scan
from aftercart.rendering.checking.colors import COLOR, as_hex
from aftercart.rendering.checking.sheets import Element, Sheets

READABLE = 4.5
_VOID = frozenset({"img", "br", "hr", "meta", "link", "input", "area", "col", "wbr"})
_PICTURE = re.compile(r"url\([^)]*\)|[a-z-]+-gradient\((?:[^()]|\([^()]*\))*\)", re.IGNORECASE)
_ONE = re.compile(rf"(?<![\w-])(?:{COLOR})")
_BLACK, _WHITE, _DARK = "#000000", "#ffffff", "#121212"
"""The last: the ground that programs draw in the dark where a mail draws none."""


@dataclass(frozen=True, slots=True)
class Faint:
    """Words that are hard to read. `ratio`: of the two colors' luminance, 1 to 21."""

    words: str
    color: str
    behind: str
    ratio: float
    when: str
    """In which light, or without what: a part of a sentence; empty if always."""


@dataclass(frozen=True, slots=True)
class _Level:
    element: Element
    color: str | None
    """None: nobody can tell."""
    behind: str | None
    on_picture: bool = False
    hidden: bool = False


def faint_words(mail: str) -> Iterator[Faint]:
    """The first words of each pair of colors without enough contrast, by their styles and the mail's style sheets.

    Above a picture the color behind it counts, which shows where pictures are not loaded.
    """
    sheets, seen = Sheets.of(mail), set[tuple[str, str]]()
    for dark in (False, True) if sheets.know_the_dark else (False,):
        for words, top in _words(mail, sheets, dark=dark):
            if top.color and top.behind and (top.color, top.behind) not in seen:
                seen.add((top.color, top.behind))
                ratio = contrast(top.color, top.behind)
                if ratio < READABLE:
                    when = (" in the dark" if dark else "") + (" without the picture behind it" * top.on_picture)
                    yield Faint(" ".join(words.split())[:40], top.color, top.behind, ratio, when)


def _words(mail: str, sheets: Sheets, *, dark: bool) -> Iterator[tuple[str, _Level]]:
    """The texts that are shown, each with what counts where it stands."""
    levels = [_Level(Element.of(""), _WHITE if dark else _BLACK, _DARK if dark else _WHITE)]
    unread = False
    for event in scan(mail[mail.index("<body") :]):
        match event:
            case Conditional():
                unread = event.hides and not event.ends
            case Tag() if not unread and not event.self_closing and event.name not in _VOID:
                levels.append(_level(event, levels, sheets, dark=dark))
            case EndTag() if not unread and any(level.element.name == event.name for level in levels):
                while levels.pop().element.name != event.name:
                    pass
            case Text() if not unread and not event.within and event.raw.strip(" \r\n\t\u034f\u200c\u00a0"):
                if not levels[-1].hidden:
                    yield event.raw, levels[-1]


def _level(tag: Tag, levels: list[_Level], sheets: Sheets, *, dark: bool) -> _Level:
    above = levels[-1]
    given = {attribute.name: html.unescape(attribute.value or "") for attribute in tag.attributes}
    element = Element.of(tag.name, given.get("class", ""), given.get("id", ""))
    style = sheets.style([*(level.element for level in levels), element], given.get("style", ""), dark=dark)
    ground = style.get("background", given.get("bgcolor", ""))
    picture = bool(given.get("background")) or bool(_PICTURE.search(ground))
    behind = _seen(_PICTURE.sub("", ground), above.behind, above.behind)
    color = _seen(style.get("color", given.get("color", "") if tag.name == "font" else ""), above.color, behind)
    on_picture = picture or (above.on_picture and behind == above.behind)
    return _Level(element, color, behind, on_picture, above.hidden or style.get("display", "").lower() == "none")


def _seen(written: str, around: str | None, behind: str | None) -> str | None:
    """The color as it looks in front of another; that of the element around it where none is written."""
    if "var(" in written:
        return None
    colors = (as_hex(one, behind or _WHITE) for one in _ONE.findall(written))
    return next(filter(None, colors), around)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colors as `#rrggbb` (WCAG 2.2, definition of relative luminance)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
