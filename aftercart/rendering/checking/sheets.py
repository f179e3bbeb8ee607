"""What the style sheets of a mail say of the colors of an element, by day and in the dark.

Of selectors it knows elements, classes and ids, beside or inside one another; a rule with any other is passed over, and
so is one for screens of some size.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NOTE = re.compile(r"<!--.*?-->|/\*.*?\*/", re.DOTALL)
_SHEET = re.compile(r"<style\b[^>]*>(.*?)</style", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"([^{};]+)\{((?:[^{}]|\{[^{}]*\})*)\}")
_DARK = re.compile(r"@media[^{]*\(\s*prefers-color-scheme\s*:\s*dark\s*\)\s*", re.IGNORECASE)
_ANY_SCREEN = re.compile(r"@media\s+(?:only\s+)?(?:all|screen)\s*", re.IGNORECASE)
_STEP = re.compile(r"([a-zA-Z][\w-]*|\*)?((?:[.#][\w-]+)*)")
_DECLARATION = re.compile(r"(?:^|;)\s*(color|background|background-color|display)\s*:\s*([^;]*)", re.IGNORECASE)
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Element:
    """`marks`: its classes and its id, as selectors write them: `.card`, `#top`."""

    name: str
    marks: frozenset[str]

    @classmethod
    def of(cls, name: str, classes: str = "", ids: str = "") -> "Element":
        return cls(name, frozenset([*(f".{one}" for one in classes.split()), *(f"#{one}" for one in ids.split())]))


@dataclass(frozen=True, slots=True)
class _Rule:
    steps: tuple[tuple[bool, Element], ...]
    """From the outermost to the element itself; whether each stands directly in the one before it."""
    style: str
    dark: bool

    @property
    def weight(self) -> tuple[int, int, int]:
        marks = [mark for _, step in self.steps for mark in step.marks]
        ids = sum(mark.startswith("#") for mark in marks)
        return ids, len(marks) - ids, sum(step.name != "*" for _, step in self.steps)


@dataclass(frozen=True, slots=True)
class Sheets:
    """All style sheets of a mail."""

    rules: tuple[_Rule, ...]
    """The one that outweighs the others last."""

    @classmethod
    def of(cls, mail: str) -> "Sheets":
        """Those of its HTML, but for what only Outlook reads."""
        css = " ".join(_SHEET.findall(_NOTE.sub("", mail)))
        return cls(tuple(sorted(_rules(css, dark=False), key=lambda rule: rule.weight)))

    @property
    def know_the_dark(self) -> bool:
        return any(rule.dark for rule in self.rules)

    def style(self, path: Sequence[Element], own: str, *, dark: bool) -> dict[str, str]:
        """What counts for the last element of a path, whose own style is given: `color`, `background`, `display`."""
        styles = [rule.style for rule in self.rules if (dark or not rule.dark) and _fits(rule.steps, path)]
        found: dict[str, str] = {}
        for important in (False, True):
            for style in [*styles, own]:
                for name, value in _DECLARATION.findall(style):
                    plain = _IMPORTANT.sub("", value)
                    if important == (plain != value):
                        found[name.lower().removesuffix("-color")] = plain.strip()
        return found


def _rules(css: str, *, dark: bool) -> Iterator[_Rule]:
    for found in _BLOCK.finditer(css):
        selectors, style = found[1].strip(), found[2]
        if _DARK.fullmatch(selectors) or _ANY_SCREEN.fullmatch(selectors):
            yield from _rules(style, dark=dark or "dark" in selectors.lower())
        elif _DECLARATION.search(style) and "{" not in style:
            for selector in selectors.split(","):
                if steps := _steps(selector):
                    yield _Rule(steps, style, dark)


def _steps(selector: str) -> tuple[tuple[bool, Element], ...]:
    """Those of a selector; none of one that asks for more than is known here."""
    steps: list[tuple[bool, Element]] = []
    directly = False
    for word in selector.replace(">", " > ").split():
        if word == ">":
            directly = True
        elif found := _STEP.fullmatch(word):
            marks = frozenset(re.findall(r"[.#][\w-]+", found[2]))
            steps.append((directly, Element((found[1] or "*").lower(), marks)))
            directly = False
        else:
            return ()
    return tuple(steps)


def _fits(steps: tuple[tuple[bool, Element], ...], path: Sequence[Element]) -> bool:
    directly, step = steps[-1]
    last = path[-1]
    if step.name not in ("*", last.name) or not step.marks <= last.marks:
        return False
    if len(steps) == 1:
        return True
    nearest = len(path) - 1
    return any(_fits(steps[:-1], path[:end]) for end in range(nearest, nearest - 1 if directly else 0, -1) if end)
