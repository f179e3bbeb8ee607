"""A product as recommendations see it, and which words of its title tell it apart from other products."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

NEAR_DUPLICATE_OVERLAP = 0.6

_WORD = re.compile(r"[^\W\d_]+")
_VARIANT_WORDS = frozenset(
    re.findall(
        r"\w+",
        """red blue green pink white black ivory cream purple yellow orange brown grey gray silver gold turquoise lilac
        mint aqua navy beige clear natural olive lime copper multi small large medium mini big tall long short
        xs s m l xl xxl set of the and a in with for oz lb ct pk pack ml cm mm kg g""",
    )
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SHORTEST_MODEL = 3
"""Of fewer digits, a number is a size more often than the name of a model."""
_COUNT_BEFORE = re.compile(r"(?:^|[£$€¥]|\b(?:set|pack|box|bag|case|roll|lot)s?(?:\s+of|\s*/)?|\d\s*[x×])\s*$")
_UNIT_BEHIND = re.compile(
    r"""\s*(?:["'″′”%£$€¥]|[x×]\s*\d|-?(?:[mcd]?[lm]|ltrs?|lit(?:er|re)s?|km|in(?:ch(?:es)?)?|ft|feet|[km]?g|gr|grams?|oz|"""
    r"""lbs?|ct|pk|pcs?|pieces?|packs?|stk|w|watts?|v|volts?|m?ah|wh|[tgmk]b|dpi|den|sheets|pages)(?![^\W\d_]))"""
)
_SIZES = frozenset(map(str, (*range(104, 177, 6), *range(1950, 2050))))
"""What children's clothes are sized by, and years."""


@dataclass(frozen=True, slots=True)
class Product:
    """What the shop sells, as it stands now. `price_minor` None: no price known; `stock` None: not counted.

    `cost_minor`: what one costs the shop, in the currency of the price; None: not known. Rows of the database have it,
    files of models never do.
    """

    sku: str
    title: str
    category: str = ""
    department: str = ""
    brand: str = ""
    family: str = ""
    color: str = ""
    price_minor: int | None = None
    currency: str = ""
    url: str = ""
    image_url: str = ""
    stock: int | None = None
    published: bool = True
    cost_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What is shown of a product beside what recommendations go by, as the shop told it."""

    description: str = ""
    compare_at_minor: int | None = None
    currency: str = ""
    rating: float | None = None
    rating_count: int | None = None
    prices: Mapping[str, Mapping[str, int | None]] | None = None
    """In other currencies, by their codes: `minor` and `compare_at`."""

    def price_in(self, currency: str) -> int | None:
        """What it costs in another currency than the catalog's; None: the shop has not said."""
        return (self.prices or {}).get(currency, {}).get("minor")

    def struck_price(self, price_minor: int, currency: str) -> int | None:
        """The price to strike through beside this one: only one that is above it, in the same money."""
        before = self.compare_at_minor if currency == self.currency else None
        if currency != self.currency and self.price_in(currency) == price_minor:
            before = (self.prices or {})[currency].get("compare_at")
        return before if before is not None and before > price_minor else None

    @property
    def is_rated(self) -> bool:
        """Whether somebody has rated it: an average of nobody is 0 in some shops."""
        return bool(self.rating) and self.rating_count != 0


def are_near_duplicates(one: Product, other: Product) -> bool:
    """Whether a customer would take both for the same thing: one family, or titles that differ in the variant only.

    Ink 301 and Ink 302 are two things, though their words are the same; a bottle of 500 ml and one of 750 ml are one.
    """
    if one.family and one.family == other.family:
        return True
    words, other_words = distinctive_words(one.title), distinctive_words(other.title)
    if not words or not other_words:
        return False
    if len(words & other_words) < NEAR_DUPLICATE_OVERLAP * len(words | other_words):
        return False
    return not _are_other_models(model_numbers(one.title), model_numbers(other.title))


@lru_cache(maxsize=65_536)
def distinctive_words(title: str) -> frozenset[str]:
    """The words of a title without numbers, colors, sizes and fill words."""
    return frozenset(_WORD.findall(title.lower())) - _VARIANT_WORDS


def differ_in_a_number(one: Product, other: Product) -> bool:
    """Whether all that tells two titles apart is a number that may be no size: Filter 1 and Filter 2."""
    if one.family and one.family == other.family:
        return False
    numbers, other_numbers = _bare_numbers(one.title), _bare_numbers(other.title)
    return numbers != other_numbers and _NUMBER.sub("", one.title.lower()) == _NUMBER.sub("", other.title.lower())


def model_numbers(title: str) -> frozenset[str]:
    """The numbers of a title that tell one model from another: long ones that are no count, price or measure."""
    return frozenset(number for number in _bare_numbers(title) if len(number) >= _SHORTEST_MODEL)


@lru_cache(maxsize=65_536)
def _bare_numbers(title: str) -> frozenset[str]:
    text = title.lower()
    return frozenset(
        found[0]
        for found in _NUMBER.finditer(text)
        if found[0].isdigit()
        and not _COUNT_BEFORE.search(text, 0, found.start())
        and not _UNIT_BEHIND.match(text, found.end())
    )


def _are_other_models(one: frozenset[str], other: frozenset[str]) -> bool:
    """Two titles that each name a model, and not the same. Whether numbers are sizes, only both together show."""
    return bool(one and other) and not one & other and not one | other <= _SIZES
