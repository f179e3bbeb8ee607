"""What came of mails week by week, in words."""

from collections.abc import Mapping

from aftercart.money import formatted

SMALL = "small domains"
"""What all of them are called together."""


def revenue_each(revenue: Mapping[str, int], people: int, locale: str) -> str:
    """What each of so many people spent on average, each currency apart."""
    if not people:
        return "–"
    found = [formatted(round(minor / people), code, locale) for code, minor in sorted(revenue.items()) if minor]
    return ", ".join(found) or "–"
