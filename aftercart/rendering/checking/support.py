"""Which CSS and HTML mail programs take no notice of, as caniemail.com has measured it, weighed by who reads with what.

Only what the author wrote is looked at: MJML's own scaffolding is made of fallbacks and would drown it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

READERS = {"apple-mail": 0.50, "gmail": 0.28, "outlook": 0.10, "yahoo": 0.04, "samsung-email": 0.03}
"""The share of readers of each mail program, about as published counts of opens have it; the rest read with others."""
TOO_MANY = 0.2
"""From this share of readers on a feature is warned of."""

_NAMES = {
    "apple-mail": "Apple Mail",
    "gmail": "Gmail",
    "outlook": "Outlook",
    "yahoo": "Yahoo",
    "samsung-email": "Samsung",
}
_MEDIA = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_WHILE_POINTED_AT = re.compile(r"(?<![^}])[^{},]*:(?:hover|focus|active)\b[^{},]*\{[^{}]*\}", re.IGNORECASE)
_PROPERTY = re.compile(r"(?:^|[;{])\s*(?P<name>[a-z-]+)\s*:\s*(?P<value>[^;{}]*)", re.IGNORECASE)
_AT_RULE = re.compile(r"@(?:keyframes|supports)")
_GRADIENT = re.compile(r"(?:linear|radial)-gradient(?=\()")


@lru_cache(maxsize=1)
def _features() -> Mapping[str, Mapping[str, float]]:
    """Feature → mail program → share of its platforms on which the feature does nothing."""
    read = json.loads((Path(__file__).parent / "caniemail.json").read_text(encoding="utf-8"))
    return {str(name): lost for name, lost in read["features"].items()}


def css_features(css: str) -> Iterator[tuple[int, str]]:
    """Offset and name of each feature of a style sheet or of a style attribute.

    What stands in `@media`, or is for a link that is pointed at, is left out: it is there for those who have it, and
    nobody else needs it.
    """
    plain = _WHILE_POINTED_AT.sub(_blank, _MEDIA.sub(_blank, css))
    for match in _PROPERTY.finditer(plain):
        name, value = match["name"].lower(), match["value"].strip().lower()
        yield match.start("name"), name
        if name == "display" and value in ("flex", "grid"):
            yield match.start("name"), f"display:{value}"
    for match in _AT_RULE.finditer(plain):
        yield match.start(), match[0]
    for match in _GRADIENT.finditer(plain):
        yield match.start(), f"{match[0]}()"


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def without_effect(feature: str) -> tuple[float, str] | None:
    """For which share of readers a feature does nothing, and which programs they use; None where that is bearable."""
    lost = _features().get(feature, {})
    share = sum(READERS[program] * part for program, part in lost.items())
    if share < TOO_MANY:
        return None
    heaviest = sorted(lost, key=lambda program: -READERS[program] * lost[program])
    return share, ", ".join(_NAMES[program] for program in heaviest if lost[program] >= TOO_MANY)
