"""Days and weeks of instants, in UTC, as a query reckons them: alike on SQLite and PostgreSQL."""

from datetime import date, timedelta

from sqlalchemy import ColumnElement, Date, Text, cast, func, type_coerce

WEEK = timedelta(weeks=1)


def monday_of(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def day_of(instant: ColumnElement[object], dialect: str) -> ColumnElement[date]:
    """The day of an instant."""
    if dialect == "sqlite":
        return type_coerce(func.date(_text(instant)), Date)
    return cast(func.timezone("UTC", instant), Date)


def week_of(instant: ColumnElement[object], dialect: str) -> ColumnElement[date]:
    """The Monday of an instant's week."""
    if dialect == "sqlite":
        return type_coerce(func.date(_text(instant), "-6 days", "weekday 1"), Date)
    return cast(func.date_trunc("week", func.timezone("UTC", instant)), Date)


def days_before(instant: ColumnElement[object], days: int, dialect: str) -> ColumnElement[object]:
    """The instant that so many times 24 hours lie between, to the microsecond."""
    if dialect == "sqlite":  # its own functions cut off after the millisecond
        text = _text(instant)
        return type_coerce(func.date(text, f"-{days} days").op("||")(func.substr(text, 11)), instant.type)
    return instant - func.make_interval(0, 0, 0, 0, 24 * days)  # a day of its own may be one of 23 hours


def _text(instant: ColumnElement[object]) -> ColumnElement[str]:
    return type_coerce(instant, Text)
