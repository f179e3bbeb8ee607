"""Money: an integer count of minor units beside an ISO 4217 code. Never a float."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_currency_precision

_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units (cents, yen, fils) of `currency`, an upper-case ISO 4217 code."""

    minor: int
    currency: str


@lru_cache(maxsize=512)
def decimals(currency: str) -> int:
    """How many decimal places a currency has (ISO 4217 as Babel's CLDR tells it): EUR 2, JPY 0, KWD 3."""
    return get_currency_precision(currency)


def to_minor(amount: str | int | Decimal, currency: str) -> int:
    """An amount in major units as minor units, rounded half to even. Raises ValueError if it is no number."""
    try:
        scaled = Decimal(str(amount).strip()).scaleb(decimals(currency))
        return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    except (ArithmeticError, ValueError) as err:  # no number, not finite, or beyond what decimals can hold
        raise ValueError(f"{amount!r} is not an amount of money") from err


@lru_cache(maxsize=65_536)
def formatted(minor: int, currency: str, locale: str) -> str:
    """The amount as a reader of `locale` (such as `fr_FR`) writes it.

    Between letters and digits stands a space (UTS #35, currency spacing), which Babel leaves out: `CHF 20.00`.
    """
    text = format_currency(Decimal(minor).scaleb(-decimals(currency)), currency, locale=locale)
    return _LETTER_BEFORE_DIGIT.sub("\xa0", text)
