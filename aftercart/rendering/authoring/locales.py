"""Which locale a template is compiled for."""

import re
from functools import lru_cache

from babel import Locale, UnknownLocaleError

DEFAULT = "en_US"
_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8})*", re.IGNORECASE)


@lru_cache(maxsize=1024)
def understood(tag: str | None) -> str | None:
    """The nearest locale that Babel knows: `fr-FR` is fr_FR, `fr-XX` is fr; None for no language at all.

    The tag comes from shops, so nothing in it is an error; and there are only as many answers as locales.
    """
    language = (tag or "").replace("_", "-").partition("-")[0]
    for candidate in (tag or "", language):
        try:
            return str(Locale.parse(candidate.replace("_", "-"), sep="-"))
        except (ValueError, TypeError, UnknownLocaleError):
            continue
    return None


def known_locale(tag: str | None) -> str:
    """As `understood`; of what is no language, en_US."""
    return understood(tag) or DEFAULT


def language_tag(locale: str) -> str:
    """The locale as HTML's `lang` writes it (BCP 47): fr_FR is fr-FR."""
    return locale.replace("_", "-")


def is_language(tag: str) -> bool:
    """Whether HTML may call a language so: in the form of BCP 47, and one that CLDR has a name for."""
    return bool(_TAG.fullmatch(tag)) and tag.partition("-")[0].lower() in Locale.parse("en").languages


def direction(locale: str) -> str:
    """`ltr`, or `rtl` for Arabic, Hebrew, Persian ..."""
    return Locale.parse(locale).text_direction
