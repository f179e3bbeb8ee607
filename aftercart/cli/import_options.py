"""What the options of `aftercart import` say, read into values; what is written wrong is wrong usage."""

from datetime import datetime
from zoneinfo import ZoneInfo

import typer


def read_mapping(pairs: list[str] | None) -> dict[str, str]:
    """What columns are called here (theirs → ours)."""
    mapping = dict(_split(pair) for pair in pairs or [])
    if len(set(mapping.values())) < len(mapping):
        raise typer.BadParameter("two columns cannot have one meaning", param_hint="--map")
    return mapping


def _split(pair: str) -> tuple[str, str]:
    theirs, equals, ours = pair.partition("=")
    if not (theirs and equals and ours):
        raise typer.BadParameter(f"{pair}: write THEIRS=OURS, such as stockcode=sku", param_hint="--map")
    return theirs, ours


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its name."""
    from aftercart.intake.clean import clean_time_zone

    if not clean_time_zone(name):
        raise typer.BadParameter(f"{name}: no such time zone", param_hint="--time-zone")
    return ZoneInfo(name)


def read_currency(code: str, option: str = "--currency") -> str:
    """An ISO 4217 code."""
    from aftercart.intake.reader import is_currency

    if not is_currency(code.upper()):
        raise typer.BadParameter(f"{code}: no ISO 4217 currency", param_hint=option)
    return code.upper()


def read_pool(name: str) -> str:
    """As campaign files write it."""
    from pydantic import TypeAdapter, ValidationError

    from aftercart.campaigns.written import Slug

    try:
        pool: str = TypeAdapter(Slug).validate_python(name)
    except ValidationError as err:
        raise typer.BadParameter(f"{name}: write lower-case letters, digits, - and _", param_hint="--pool") from err
    return pool


def read_day(text: str, zone: ZoneInfo, option: str = "--send-since") -> datetime | None:
    """An instant, or None where nothing is said. `option`: that says it."""
    from aftercart.intake.reader import parse_instant

    if not text:
        return None
    try:
        return parse_instant(text, zone)
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint=option) from err
