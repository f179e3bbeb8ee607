"""Which locale a template is compiled for."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError

DEFAULT = "en_US"


@lru_cache(maxsize=1024)
def known_locale(tag: str | None) -> str:
    """The nearest locale that Babel knows: `fr-FR` is fr_FR, `fr-XX` is fr, anything else en_US.

    The tag comes from shops, so nothing in it is an error; and there are only as many answers as locales.
    """
    language = (tag or "").replace("_", "-").partition("-")[0]
    for candidate in (tag or "", language):
        try:
            return str(Locale.parse(candidate.replace("_", "-"), sep="-"))
        except (ValueError, TypeError, UnknownLocaleError):
            continue
    return DEFAULT


def language_tag(locale: str) -> str:
    """The locale as HTML's `lang` writes it (BCP 47): fr_FR is fr-FR."""
    return locale.replace("_", "-")


def direction(locale: str) -> str:
    """`ltr`, or `rtl` for Arabic, Hebrew, Persian ..."""
    return Locale.parse(locale).text_direction
