"""A JSON body, read as shops write it: numbers as strings, strings as numbers, null, missing, [] for {}.

What cannot be understood raises UnprocessableError with the path of the field, as the shop writes it:
`line_items[2].quantity: "abc" is no number`.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

from babel.core import get_global

from aftercart.errors import UnprocessableError
from aftercart.intake.clean import TITLE_LENGTH, clean_email, clean_text, has_unwanted
from aftercart.money import to_minor

EARLIEST_YEAR, LATEST_YEAR = 1990, 2100
ID_LENGTH = 200
"""Longer ids do not fit an index page of PostgreSQL."""
LARGEST_AMOUNT = 10**15
LARGEST_QUANTITY = 10**9
BEST_RATING = 5
NUMBER_TOO_LONG = "a number that is too long to be read; an id with so many digits has to be sent as text, in quotes"
YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off", ""})


class Reader:
    """One object of the body and the path at which it stands. A field that is null counts as missing."""

    def __init__(self, fields: Mapping[str, Any], path: str = "") -> None:
        self._fields = fields
        self._path = path

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._fields.get(name) is not None

    def states(self, name: str) -> bool:
        """Whether the field is there, be it null."""
        return name in self._fields

    def text(self, name: str, length: int = TITLE_LENGTH) -> str:
        """Clean text; a number is written out; empty if missing."""
        return clean_text(self._words(name), length)

    def loose(self, name: str, length: int = TITLE_LENGTH) -> str:
        """Clean text of whatever simple value is there (true and false too); empty for a list or an object."""
        value = self._fields.get(name)
        if value is None or isinstance(value, dict | list):
            return ""
        return clean_text(str(value).lower() if isinstance(value, bool) else str(value), length)

    def email(self, name: str) -> str | None:
        """The normalized address; None if there is none that mail can be sent to."""
        return clean_email(self._words(name))

    def id(self, name: str) -> str:
        """An identifier; empty if missing. Raises if it is too long, or holds what no identifier holds.

        Cut short or cleaned, it might be the identifier of something else.
        """
        words = self._words(name)
        if has_unwanted(words):
            self.fail(name, f"{_shown(words)} holds control characters")
        value = clean_text(words, ID_LENGTH + 1)
        if len(value) > ID_LENGTH:
            self.fail(name, f"is longer than {ID_LENGTH} characters")
        return value

    def need_id(self, name: str) -> str:
        """An identifier that must be there."""
        return self.id(name) or self.fail(name, "is missing")

    def first_text(self, *names: str) -> str:
        """The first of the fields that says something."""
        return next((found for name in names if (found := self.text(name))), "")

    def quantity(self, name: str, default: float) -> float:
        """A number of things, zero or more, perhaps a fraction."""
        number = self._number(name)
        if number is None:
            return default
        if number < 0:
            self.fail(name, f"{_shown(self._fields[name])} is less than nothing")
        if number > LARGEST_QUANTITY:
            self.fail(name, f"{_shown(self._fields[name])} is more than we can count")
        return float(number)

    def count(self, name: str) -> int | None:
        """A whole number of things in stock; below zero (oversold) counts as zero."""
        number = self._number(name)
        if number is None:
            return None
        if number > LARGEST_QUANTITY:
            self.fail(name, f"{_shown(self._fields[name])} is more than we can count")
        return max(0, int(number))

    def rating(self, name: str) -> float | None:
        """What buyers give, from 0 to 5; None if missing."""
        number = self._number(name)
        if number is not None and not 0 <= number <= BEST_RATING:
            self.fail(name, f"{_shown(self._fields[name])} is not between 0 and {BEST_RATING}")
        return None if number is None else float(number)

    def money(self, name: str, currency: str) -> int | None:
        """An amount in minor units of `currency`; None if missing."""
        number = self._number(name)
        if number is None:
            return None
        if abs(number) >= LARGEST_AMOUNT:
            self.fail(name, f"{_shown(self._fields[name])} is more money than there is")
        return to_minor(number, currency)

    def currency(self, name: str) -> str:
        """An ISO 4217 code; empty if missing."""
        code = self.text(name).upper()
        return code if not code or is_currency(code) else self.fail(name, f"{_shown(code)} is no ISO 4217 currency")

    def need_currency(self, name: str) -> str:
        """An ISO 4217 code that must be there."""
        return self.currency(name) or self.fail(name, "is missing")

    def flag(self, name: str) -> bool | None:
        """Yes or no; None if missing."""
        value = self._fields.get(name)
        word = str(value).strip().lower()
        if value is None:
            return None
        if word not in YES | NO:
            self.fail(name, f"{_shown(value)} is neither true nor false")
        return word in YES

    def instant(self, name: str, zone: tzinfo = UTC) -> datetime | None:
        """An ISO 8601 instant in UTC; None if missing or empty. Without an offset it is read in `zone`."""
        words = self._words(name).strip()
        if not words:
            return None
        try:
            return parse_instant(words, zone)
        except ValueError as err:
            raise UnprocessableError(self._at(name), str(err)) from err

    def object(self, name: str) -> "Reader":
        """The object in a field; an empty one if it is missing. PHP writes an empty object as []."""
        value = self._fields.get(name)
        if value is None or value == []:
            value = {}
        if not isinstance(value, dict):
            self.fail(name, f"{_shown(value)} is no object")
        return Reader(value, self._at(name))

    def objects(self, name: str) -> Iterator["Reader"]:
        """The objects in a list; none if it is missing."""
        value = self._fields.get(name)
        if value is None or value == {}:
            return
        if not isinstance(value, list):
            self.fail(name, f"{_shown(value)} is no list")
        for position, item in enumerate(value):
            path = f"{self._at(name)}[{position}]"
            if not isinstance(item, dict):
                raise UnprocessableError(path, f"{_shown(item)} is no object")
            yield Reader(item, path)

    def fail(self, name: str, problem: str) -> NoReturn:
        """Refuse the body because of this field."""
        raise UnprocessableError(self._at(name), problem)

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _words(self, name: str) -> str:
        value = self._fields.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            self.fail(name, f"{_shown(value)} is no text")
        return value if isinstance(value, str) else str(value)

    def _number(self, name: str) -> Decimal | None:
        words = self._words(name).strip()
        if not words:
            return None
        try:
            number = Decimal(words)
        except ArithmeticError:
            self.fail(name, f"{_shown(self._fields[name])} is no number")
        if not number.is_finite() or not math.isfinite(float(number)):
            self.fail(name, f"{_shown(self._fields[name])} is no number")
        return number


def read_object(body: bytes) -> Reader:
    """The JSON object in a body. Raises UnprocessableError for anything else, naming `body`."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse)
    except UnicodeDecodeError as err:
        raise UnprocessableError("body", f"is not UTF-8 (byte {err.start})") from err
    except RecursionError as err:
        raise UnprocessableError("body", "is nested too deeply") from err
    except json.JSONDecodeError as err:
        raise UnprocessableError("body", f"is not JSON ({str(err)[:100]})") from err
    except (ValueError, ArithmeticError) as err:  # Python's own limits; what they say speaks of Python
        raise UnprocessableError("body", f"holds {NUMBER_TOO_LONG}") from err
    if not isinstance(value, dict):
        raise UnprocessableError("body", "is not a JSON object")
    return Reader(value)


def parse_instant(words: str, zone: tzinfo) -> datetime:
    """ISO 8601 → UTC. Raises ValueError in words for a person, also for years that no order is from."""
    try:
        instant = datetime.fromisoformat(words)
        aware = instant if instant.tzinfo else instant.replace(tzinfo=zone)
        utc = aware.astimezone(UTC)
    except (ValueError, OverflowError) as err:
        raise ValueError(f"{_shown(words)} is no ISO 8601 date") from err
    if not EARLIEST_YEAR <= utc.year < LATEST_YEAR:
        raise ValueError(f"{_shown(words)} lies outside the years {EARLIEST_YEAR} to {LATEST_YEAR - 1}")
    return utc


@lru_cache(maxsize=10_000)
def instant_in(field: str, text: str, zone: tzinfo) -> datetime | None:
    """The instant in a field of a file; None where it is empty. Raises UnprocessableError, which names the field."""
    if not text.strip():
        return None
    try:
        return parse_instant(text.strip(), zone)
    except ValueError as err:
        raise UnprocessableError(field, str(err)) from err


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(get_global("all_currencies"))


def is_currency(code: str) -> bool:
    """Whether ISO 4217 has or had it, as Babel's CLDR tells."""
    return code in _currencies()


def _refuse(constant: str) -> NoReturn:
    raise UnprocessableError("body", f"is not JSON ({constant} is no JSON)")


def _shown(value: Any) -> str:
    """A value as the shop wrote it, short enough for a message."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    written = str(value) if isinstance(value, Decimal) else json.dumps(value)
    return written if len(written) <= 60 else written[:57] + "..."
