"""The one call of MJML, with the known faults of mjml 0.12 worked around.

It imports BeautifulSoup and takes 7 to 50 ms a document, so nothing here is imported before something is compiled.
It also un-escapes attributes: only templates with stand-ins go in, never a value.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version

_HIDDEN = "display:none;font-size:1px;color:#ffffff;"
_STYLE = re.compile(r'style="[^"]*"|(?:bg)?color="#[0-9a-fA-F]{3}"')
_RTL = re.compile(r'<html\b[^>]*\sdir="rtl"')
_COLUMN = re.compile(r'(<div\s[^>]*class="mj-column[^>]*style="[^"]*text-align:\s*)left(;[^"]*direction:\s*rtl)')
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

    from aftercart.rendering.compiling.mended import mended

    try:
        result = mjml_to_html(mjml, custom_components=mended())
    except Exception as err:  # the engine fails with whatever its inner parts raise
        raise ValueError(f"MJML cannot compile this: {type(err).__name__}: {err}") from err
    return _squeezed(_with_six_digits(_unsuspicious(_turned(str(result.html)))))


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


def _unsuspicious(html: str) -> str:
    """Letters in the color of the paper are what spam filters look for; the preheader is hidden without that."""
    return html.replace(_HIDDEN, _HIDDEN.replace("color:#ffffff;", ""), 1)


def _turned(html: str) -> str:
    """MJML has what stands in columns begin at the left, whatever their direction: accordions, and HTML in mj-raw."""
    return _COLUMN.sub(r"\1right\2", html) if _RTL.search(html) else html


def _with_six_digits(html: str) -> str:
    """Outlook does not read #ccc."""
    return _STYLE.sub(lambda found: _SHORT_HEX.sub(r"#\1\1\2\2\3\3", found[0]), html)


def _squeezed(html: str) -> str:
    parts = _PREFORMATTED.split(html)
    return "".join(part if part.startswith("<pre") else _SPACE.sub(_one, part) for part in parts).strip()


def _one(match: re.Match[str]) -> str:
    return "\n" if "\n" in match[0] else " "
