"""Components of MJML in place of the faulty ones of mjml 0.12.

Imported with MJML, and so only where a template is compiled.
"""

import inspect
import re
from functools import lru_cache
from typing import Any

_COLOR_AS_ADDRESS = re.compile(r'<td\b([^>]*?)\s+background="([^"]*)"([^>]*style="background:\2;)')


@lru_cache(maxsize=1)
def mended() -> list[type[Any]]:
    """Components in place of faulty ones. MJML keeps them process-wide, so every call passes the same list."""
    from mjml.elements import MjColumn, MjHero, MjSection, MjTable, MjWrapper
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

    class Hero(MjHero):  # type: ignore[misc]
        """The original fails without the measures of a background, which a hero of fixed height has no need of, asks
        what it holds for attributes that not all may have, and writes the color behind it where an address stands."""

        def get_styles(self) -> dict[str, Any]:
            self.attrs.setdefault("background-height", self.get_attr("height"))
            self.attrs.setdefault("background-width", self.context["containerWidth"])
            return dict(super().get_styles())

        def renderChildren(self, *children: Any, renderer: Any, **given: Any) -> str:  # noqa: N802
            return str(super().renderChildren(*children, renderer=lambda child: renderer(_Lenient(child)), **given))

        def renderContent(self) -> str:  # noqa: N802
            return _COLOR_AS_ADDRESS.sub(r"<td\1\3", super().renderContent())

    class Section(MjSection):  # type: ignore[misc]
        """The original draws square corners where cells have a background."""

        def get_styles(self) -> dict[str, Any]:
            return _rounded(super().get_styles(), self.getAttribute("border-radius"))

    class Wrapper(MjWrapper):  # type: ignore[misc]
        """As the section."""

        def get_styles(self) -> dict[str, Any]:
            return _rounded(super().get_styles(), self.getAttribute("border-radius"))

    class Table(MjTable):  # type: ignore[misc]
        """The original makes `width="auto"` a width of 0, and lets cell spacing collapse."""

        def getWidth(self) -> Any:  # noqa: N802
            return "auto" if self.get_attr("width") == "auto" else super().getWidth()

        def get_styles(self) -> dict[str, Any]:
            styles = super().get_styles()
            spaced = self.get_attr("cellspacing") not in (None, "", "0")
            return {"table": {**styles["table"], **({"border-collapse": "separate"} if spaced else {})}}

    return [Head, Font, Attributes, Column, Hero, Section, Wrapper, Table]


class _Lenient:
    """A component that has no value for an attribute which it does not know, as MJML's own in JavaScript."""

    def __init__(self, component: Any) -> None:
        self._component = component

    def getAttribute(self, name: str, *, missing_ok: bool = True) -> Any:  # noqa: N802
        return self._component.getAttribute(name, missing_ok=missing_ok)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._component, name)


def _rounded(styles: dict[str, Any], radius: str | None) -> dict[str, Any]:
    """What a radius takes to show: cells have it too, the box cuts off what stands out, tables do not collapse."""
    if not radius:
        return styles
    more = {"div": {"overflow": "hidden"}, "table": {"border-collapse": "separate"}, "td": {"border-radius": radius}}
    return {name: {**style, **more.get(name, {})} for name, style in styles.items()}


def _globals(component: Any) -> Any:
    """What MJML gathers from the head of one document; its own way in refuses to replace anything."""
    return inspect.getclosurevars(component.context["add"]).nonlocals["globalDatas"]
