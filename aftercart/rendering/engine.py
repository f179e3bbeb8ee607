"""The one call of MJML, with the known faults of mjml 0.12 worked around.

It imports BeautifulSoup and takes 7 to 50 ms a document, so nothing here is imported before something is compiled.
It also un-escapes attributes: only templates with stand-ins go in, never a value.
"""

import inspect
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any

_STYLE = re.compile(r'style="[^"]*"|(?:bg)?color="#[0-9a-fA-F]{3}"')
_SHORT_HEX = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])(?![0-9a-zA-Z])")
_PREFORMATTED = re.compile(r"(<pre\b.*?</pre>)", re.DOTALL | re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")  # not \s: MJML turns &nbsp; into the character, and that must stay


@lru_cache(maxsize=1)
def engine_version() -> str:
    """The version of the installed MJML, without importing it."""
    return version("mjml")


def to_html(mjml: str) -> str:
    """HTML of an MJML document. Raises ValueError with MJML's own words where it cannot."""
    from mjml import mjml_to_html

    try:
        result = mjml_to_html(mjml, custom_components=_mended())
    except Exception as err:  # the engine fails with whatever its inner parts raise
        raise ValueError(f"MJML cannot compile this: {type(err).__name__}: {err}") from err
    return _squeezed(_with_six_digits(str(result.html)))


@lru_cache(maxsize=1)
def attribute_types() -> Mapping[str, Mapping[str, str]]:
    """The attributes of every element that MJML knows, each with its type in MJML's words: `unit(px,%){1,4}`."""
    from mjml.core.registry import register_core_components

    return {
        name: {**dict.fromkeys(each.default_attrs(), ""), **_texts(each.allowed_attrs())}
        for name, each in register_core_components().items()
    }


def _texts(types: Mapping[str, object]) -> dict[str, str]:
    """Some of them are none, or say how they are made."""
    return {name: kind if isinstance(kind, str) else "" for name, kind in types.items()}


@lru_cache(maxsize=1)
def _mended() -> list[type[Any]]:
    """Components in place of faulty ones. MJML keeps them process-wide, so every call passes the same list."""
    from mjml.elements import MjColumn
    from mjml.elements.head import MjAttributes, MjFont, MjHead

    class Head(MjHead):  # type: ignore[misc]
        """The original loads five fonts from Google wherever their names stand, and Ubuntu is its default for texts."""

        def handler(self) -> Any:
            _globals(self)["fonts"].clear()
            return super().handler()

    class Font(MjFont):  # type: ignore[misc]
        """The original fails for a font that MJML knows itself, such as Roboto."""

        def handler(self) -> None:
            _globals(self)["fonts"][self.get_attr("name")] = self.get_attr("href")

    class Attributes(MjAttributes):  # type: ignore[misc]
        """The original fails for an element that has defaults already, such as ours for right-to-left locales."""

        def handler(self) -> None:
            for child in self.props.get("children") or ():
                given = dict(child["attributes"])
                is_class = child["tagName"] == "mj-class"
                name = given.pop("name") if is_class else child["tagName"]
                known = _globals(self)["classes" if is_class else "defaultAttributes"]
                known[name] = {**known.get(name, {}), **given}

    class Column(MjColumn):  # type: ignore[misc]
        """The original fails for `inner-border="1px solid #eee"`, which it reads as a list of widths."""

        def getShorthandAttrValue(self, attribute: str, direction: str, attr_with_direction: bool = True) -> int:  # noqa: N802
            if attribute == "inner-border":
                width = re.search(r"\d+", self.get_attr(f"inner-border-{direction}") or self.get_attr(attribute) or "")
                return int(width[0]) if width else 0
            return int(super().getShorthandAttrValue(attribute, direction, attr_with_direction))

    return [Head, Font, Attributes, Column]


def _globals(component: Any) -> Any:
    """What MJML gathers from the head of one document; its own way in refuses to replace anything."""
    return inspect.getclosurevars(component.context["add"]).nonlocals["globalDatas"]


def _with_six_digits(html: str) -> str:
    """Outlook does not read #ccc."""
    return _STYLE.sub(lambda found: _SHORT_HEX.sub(r"#\1\1\2\2\3\3", found[0]), html)


def _squeezed(html: str) -> str:
    parts = _PREFORMATTED.split(html)
    return "".join(part if part.startswith("<pre") else _SPACE.sub(_one, part) for part in parts).strip()


def _one(match: re.Match[str]) -> str:
    return "\n" if "\n" in match[0] else " "
