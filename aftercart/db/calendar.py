"""Days and weeks of instants, in UTC, as a query reckons them: alike on SQLite and PostgreSQL."""

from datetime import date, time, timedelta

from sqlalchemy import ColumnElement, Date, Text, Time, cast, func, type_coerce

WEEK = timedelta(weeks=1)


def monday_of(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def day_of(instant: ColumnElement[object], dialect: str) -> ColumnElement[date]:
    """The day of an instant."""
    if dialect == "sqlite":
        return type_coerce(func.date(_date_of(instant)), Date)
    return cast(func.timezone("UTC", instant), Date)


def week_of(instant: ColumnElement[object], dialect: str) -> ColumnElement[date]:
    """The Monday of an instant's week."""
    if dialect == "sqlite":
        return type_coerce(func.date(_date_of(instant), "-6 days", "weekday 1"), Date)
    return cast(func.date_trunc("week", func.timezone("UTC", instant)), Date)


def days_before(instant: ColumnElement[object], days: int, dialect: str) -> ColumnElement[object]:
    """The instant that so many times 24 hours lie between, to the microsecond."""
    if dialect == "sqlite":  # its own functions cut off after the millisecond
        day = func.date(_date_of(instant), f"{-days:+} days")
        return type_coerce(day.op("||")(func.substr(_text(instant), 11)), instant.type)
    return instant - func.make_interval(0, 0, 0, 0, 24 * days)  # a day of its own may be one of 23 hours


def days_after(instant: ColumnElement[object], days: int, dialect: str) -> ColumnElement[object]:
    """The instant so many times 24 hours later, to the microsecond."""
    return days_before(instant, -days, dialect)


def is_midnight(instant: ColumnElement[object], dialect: str) -> ColumnElement[bool]:
    """Whether a day begins with it."""
    if dialect == "sqlite":
        return func.substr(_text(instant), 12) == "00:00:00.000000"
    return cast(func.timezone("UTC", instant), Time) == time()


def _text(instant: ColumnElement[object]) -> ColumnElement[str]:
    return type_coerce(instant, Text)


def _date_of(instant: ColumnElement[object]) -> ColumnElement[str]:
    """As it is written. Where SQLite moves a day, it rounds: half a millisecond before midnight would be the next."""
    return func.substr(_text(instant), 1, 10)
