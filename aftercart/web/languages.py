"""The languages of the pages that recipients see, by gettext.

The catalogs are shipped as text (`pages/*.po`) and compiled when a language is first needed: some milliseconds, and no
build step that an installation could lack. English stands in the pages themselves.
"""

import gettext
import io
import re
from functools import cache, lru_cache
from pathlib import Path

from babel.localedata import locale_identifiers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent / "pages"
NAMES = {"en": "English", "fr": "Français", "de": "Deutsch", "es": "Español", "ar": "العربية"}
"""Language → what its readers call it."""
RIGHT_TO_LEFT = frozenset({"ar"})

_ACCEPTED = re.compile(r"\s*([A-Za-z-]+|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*")


def language_of(*wanted: str) -> str:
    """The first of these locales (`fr-CA`, `fr_FR`) in whose language there are pages; English where there is none."""
    return locale_of(*wanted).partition("_")[0]


@lru_cache(maxsize=1024)
def locale_of(*wanted: str) -> str:
    """The same with its country, as dates are written there: `fr_CA`."""
    for tag in wanted:
        language, _, country = tag.replace("_", "-").partition("-")
        if language.lower() in NAMES:
            full = f"{language.lower()}_{country.upper()}"
            return full if full in _known() else language.lower()
    return "en"


@cache
def _known() -> frozenset[str]:
    return frozenset(locale_identifiers())


def accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110 §12.5.4), the dearest first; what is none is left out."""
    parts = [match for part in header[:500].split(",") if (match := _ACCEPTED.fullmatch(part))]
    weighed = [(float(match[2] or 1), match[1]) for match in parts]
    return [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0]


@cache
def catalog(language: str) -> gettext.NullTranslations:
    """The translations into a language of `NAMES`."""
    if language == "en":
        return gettext.NullTranslations()
    with (FOLDER / f"{language}.po").open("rb") as file:
        read = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
