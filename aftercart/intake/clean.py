"""What may enter: text without control characters, ids, addresses, locales, time zones and countries we know.

Each function takes what a shop wrote and returns its clean form; what is not usable becomes empty (or None), because
an order with an odd locale is still an order.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from zoneinfo import available_timezones

from babel import Locale
from email_validator import EmailNotValidError, validate_email

TITLE_LENGTH = 300
TEXT_LENGTH = 5_000
URL_LENGTH = 2_000
WORDING_LENGTH = 2_000

# C0 and C1 controls, bidirectional overrides and isolates (they turn a subject line around), lone surrogates.
_UNWANTED = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?(?:[-_.@].*)?")
_COMMON_COUNTRY_NAMES = {
    "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
    "usa": "US", "united states of america": "US", "uae": "AE", "eire": "IE", "republic of ireland": "IE",
    "holland": "NL", "the netherlands": "NL", "czech republic": "CZ", "turkey": "TR", "korea": "KR",
    "republic of korea": "KR", "rsa": "ZA", "russian federation": "RU", "viet nam": "VN", "macedonia": "MK",
    "hong kong": "HK", "macao": "MO", "myanmar": "MM", "bosnia and herzegovina": "BA",
}  # fmt: skip


def clean_text(text: str, length: int = TITLE_LENGTH) -> str:
    """One line of visible text, at most `length` characters; any run of white space is one space."""
    if text.isascii() and text.isprintable() and "  " not in text:  # nearly all text: twenty times faster
        return text.strip()[:length].rstrip()
    return " ".join(_UNWANTED.sub("", text).split())[:length].rstrip()


def has_unwanted(text: str) -> bool:
    """Whether it holds control characters, or others that are not to be seen."""
    return _UNWANTED.search(text) is not None


@lru_cache(maxsize=10_000)
def clean_email(text: str) -> str | None:
    """The normalized address: lower case, the domain in ASCII. None if mail cannot be sent to it.

    Nothing is taken out of it but white space around it: what is left would be somebody else's. `.test` counts as a
    domain, so that an installation can be tried out; nothing is looked up.
    """
    if has_unwanted(text):
        return None
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return f"{found.local_part}@{found.ascii_domain}".lower()


def clean_ip(text: str) -> str:
    """An IPv4 or IPv6 address in its usual spelling; empty if it is none."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""


@lru_cache(maxsize=1_000)
def clean_locale(text: str) -> str:
    """A BCP 47 tag such as `fr-FR` or `zh-Hant-TW`; empty if it is none."""
    found = _LOCALE.fullmatch(text.strip())
    if not found:
        return ""
    language, script, region = (part or "" for part in found.groups())
    return "-".join(part for part in (language.lower(), script.title(), region.upper()) if part)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def clean_time_zone(text: str) -> str:
    """The name as it came if the time zone database knows it (alias names such as Europe/Kiev too); else empty."""
    name = text.strip()
    return name if name in _zones() else ""


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    territories = Locale("en").territories
    codes = {code: name for code, name in territories.items() if len(code) == 2 and code.isalpha() and code != "ZZ"}
    return (
        {name.lower(): code for code, name in codes.items()}
        | {code.lower(): code for code in codes}
        | _COMMON_COUNTRY_NAMES
    )


@lru_cache(maxsize=1_000)
def clean_country(text: str) -> str:
    """The ISO 3166 code of a country given by code or by English name; empty if it is none."""
    return _countries().get(text.strip().lower(), "")
