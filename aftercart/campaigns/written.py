"""The words that people write in YAML, read into values: `3d`, `10%`, `21:00-08:00`, `1 per 1d`, `50 EUR`.

Each kind is a pydantic type with a pattern in the JSON Schema, so that an editor helps too. What is wrong is said as
"problem; fix".
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, time
from decimal import Decimal
from difflib import get_close_matches
from email.utils import parseaddr
from typing import Annotated, Any

from babel import Locale, UnknownLocaleError
from babel.numbers import list_currencies
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from aftercart.campaigns.delay import Delay
from aftercart.delivery.limits.quota import Limit
from aftercart.money import Money, decimals, to_minor
from aftercart.policy.days import WEEKDAYS, Days
from aftercart.policy.frequency_cap import FrequencyCap
from aftercart.policy.quiet_hours import QuietHours
from aftercart.policy.zones import by_country


def _text(
    parse: Callable[[str], Any], pattern: str, write: Callable[[Any], str] = str, *, made: type | None = None
) -> tuple[Any, ...]:
    """A type read from text. Code may also pass a value that is `made` already."""

    def read(value: Any) -> Any:
        if made and isinstance(value, made):
            return value
        if isinstance(value, bool | int | float):
            return parse(f"{value:g}" if isinstance(value, float) else str(value))
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is no text")
        return parse(value)

    schema = WithJsonSchema({"type": "string", "pattern": pattern})
    return PlainValidator(read), PlainSerializer(write, return_type=str), schema


def _longer_than_nothing(delay: Delay) -> Delay:
    if not delay.about:
        raise ValueError("0 is no time at all; write something like 3d")
    return delay


def _share(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if not match:
        raise ValueError(f"{text!r} is no percentage; write it as 10%")
    return float(Decimal(match[1]) / 100)


def _in_percent(share: float) -> str:
    return f"{share * 100:.10g}%"


def _less_than_all(share: float) -> float:
    if share > 1:
        raise ValueError(f"{_in_percent(share)} is more than everybody; write a share below 100%, such as 10%")
    if share == 1:
        raise ValueError("a holdout of 100% sends nothing to anybody; pause the campaign instead")
    return share


def _more_than_nothing(share: float) -> float:
    if not share:
        raise ValueError("0% leaves nothing to recommend; leave the key out")
    return share


def _rare(share: float) -> float:
    if not 0 < share < 1:
        raise ValueError(f"{_in_percent(share)} is no limit; write a share such as 0.1%, or `enabled: false`")
    return share


def _wall_time(text: str) -> time:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip())
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError(f'{text!r} is no time of day; write it as "10:00"')
    return time(int(match[1]), int(match[2]))


def _money(text: str) -> Money:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s+([A-Z]{3})", text.strip())
    if not match:
        raise ValueError(f"{text!r} is no amount of money; write it as 50 EUR")
    return Money(to_minor(match[1], match[2]), match[2])


def _in_major(money: Money) -> str:
    return f"{Decimal(money.minor).scaleb(-decimals(money.currency))} {money.currency}"


def _country(text: str) -> str:
    code = text.strip().upper()
    if code not in by_country():
        fix = "write GB" if code == "UK" else "write the two letters of ISO 3166, such as FR"
        raise ValueError(f"{text!r} is no country code; {fix}")
    return code


def _address(text: str) -> str:
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as err:
        why = str(err).rstrip(".")
        raise ValueError(f"{text!r} is no e-mail address ({why[:1].lower()}{why[1:]})") from err
    return text


def _named_address(text: str) -> str:
    _name, address = parseaddr(text)
    if "@" not in address:
        raise ValueError(f"{text!r} names no address; write it as Example Bikes <hello@example.com>")
    _address(address)
    if re.search(r"[\r\n]", text):
        raise ValueError("an address stands on one line; remove the line break")
    return text.strip()


def _locale(text: str) -> str:
    try:
        return str(Locale.parse(text.strip().replace("-", "_")))
    except (ValueError, UnknownLocaleError) as err:
        raise ValueError(f"{text!r} is no locale; write it as en_US or fr_FR") from err


def _currency(text: str) -> str:
    code = text.strip().upper()
    if text != code or code not in list_currencies():
        near = get_close_matches(code, sorted(list_currencies()), n=1)
        fix = f"write {near[0]}" if near else "write the three letters of ISO 4217, such as EUR"
        raise ValueError(f"{text!r} is no currency; {fix}")
    return code


def _fonts(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9 -]+(?:,[A-Za-z0-9 -]+)*", text):
        raise ValueError("write names with commas between them and no quotes, such as Georgia, Times New Roman, serif")
    return text


def _color(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text.strip()):
        raise ValueError(f'{text!r} is no color; write it with six digits and in quotes, as "#1a73e8"')
    return text.strip().lower()


def _url(text: str) -> str:
    # No credentials, backslashes or control characters: browsers and mail programs disagree about what they mean.
    if not re.fullmatch(r"https?://[^\s/\\@?#\x00-\x1f]+(?:[/?#][^\s\\\x00-\x1f]*)?", text.strip()):
        raise ValueError(f"{text!r} is no web address; write it as https://shop.example.com")
    return text.strip()


def _host(text: str) -> str:
    host = text.strip().lower()
    if not re.fullmatch(r"(?:[a-z0-9-]+\.)*[a-z0-9-]+", host):
        raise ValueError(f"{text!r} is no host name; write it without https:// and path, as shop.example.com")
    return host


def _windows(value: Any) -> tuple[QuietHours, ...]:
    entries = [value] if isinstance(value, str | QuietHours) else value
    if not isinstance(entries, list | tuple):
        raise ValueError(f"{value!r} is no window of hours; write it as 21:00-08:00, or several as [..., ...]")
    return tuple(one if isinstance(one, QuietHours) else QuietHours.parse(str(one)) for one in entries)


def _windows_written(windows: Sequence[QuietHours]) -> str | list[str]:
    return str(windows[0]) if len(windows) == 1 else [str(window) for window in windows]


def _days(value: Any) -> Days:
    if isinstance(value, Days):
        return value
    entries = [value] if isinstance(value, str | date) else value
    if not isinstance(entries, list | tuple):
        raise ValueError(f"{value!r} is no list of days; write a list such as [mon, tue] or [2026-12-25]")
    return Days.parse_all(map(str, entries))


def _some_day(days: Days) -> Days:
    if not days:
        raise ValueError("names no day, so no mail could ever go out; leave it out, and mails go on every day")
    return days


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


Span = Annotated[Delay, *_text(Delay.parse, r"^\d+[smhdw]$", made=Delay)]
PositiveSpan = Annotated[
    Delay, *_text(lambda text: _longer_than_nothing(Delay.parse(text)), r"^\d+[smhdw]$", made=Delay)
]
WallTime = Annotated[time, *_text(_wall_time, r"^\d{1,2}:\d{2}$", lambda value: f"{value:%H:%M}", made=time)]
_WINDOW = {"type": "string", "pattern": r"^\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}(\s+on\s+.+)?$"}
Windows = Annotated[
    tuple[QuietHours, ...],
    PlainValidator(_windows),
    PlainSerializer(_windows_written),
    WithJsonSchema({"anyOf": [_WINDOW, {"type": "array", "items": _WINDOW}]}),
]
"""One window of quiet hours, or a list of them: all of them hold."""
_DAY_PATTERN = (
    rf"^({'|'.join(WEEKDAYS)})(-({'|'.join(WEEKDAYS)}))?$|^\d{{4}}-\d{{2}}-\d{{2}}( to \d{{4}}-\d{{2}}-\d{{2}})?$"
)
DayList = Annotated[
    Days,
    PlainValidator(_days),
    PlainSerializer(Days.entries),
    WithJsonSchema({"type": "array", "items": {"type": "string", "pattern": _DAY_PATTERN}}),
]
OpenDays = Annotated[DayList, AfterValidator(_some_day)]
_CAP_PATTERN = r"^\d+ per (\d+[smhdw]|day|week)( per (topic|campaign))?$"
Cap = Annotated[FrequencyCap, *_text(FrequencyCap.parse, _CAP_PATTERN, made=FrequencyCap)]
Rate = Annotated[Limit, *_text(Limit.parse, r"^[1-9]\d* per (second|hour|day)$", made=Limit)]
_PERCENT_PATTERN = r"^\d+(\.\d+)?\s*%$"
Holdout = Annotated[float, *_text(lambda text: _less_than_all(_share(text)), _PERCENT_PATTERN, _in_percent)]
Percent = Annotated[float, *_text(lambda text: _more_than_nothing(_share(text)), _PERCENT_PATTERN, _in_percent)]
RareShare = Annotated[float, *_text(lambda text: _rare(_share(text)), _PERCENT_PATTERN, _in_percent)]
Amount = Annotated[Money, *_text(_money, r"^\d+(\.\d+)?\s+[A-Z]{3}$", _in_major, made=Money)]
Country = Annotated[str, AfterValidator(_country)]
Address = Annotated[str, AfterValidator(_address)]
NamedAddress = Annotated[str, AfterValidator(_named_address)]
LocaleName = Annotated[str, AfterValidator(_locale)]
Currency = Annotated[str, AfterValidator(_currency), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})]
Color = Annotated[str, AfterValidator(_color)]
FontStack = Annotated[str, AfterValidator(_fonts)]
Url = Annotated[str, AfterValidator(_url)]
Host = Annotated[str, AfterValidator(_host)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Words = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1), AfterValidator(_sorted)]
"""A list of names in which order and repetition mean nothing."""
Countries = Annotated[tuple[Country, ...], Field(min_length=1), AfterValidator(_sorted)]
