"""Tables of rates as they are kept: each as it was given, so that an old report can be made again."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, delete, insert, select

from aftercart.db.tables import rate_tables
from aftercart.exchange.rates import Rate, Rates, table


def keep(connection: Connection, rates: Rates, now: datetime) -> bool:
    """Keep a table; it serves from now on, also where it was kept before and another one came since. False if it
    serves already."""
    newest = rates_into(connection, rates.into)
    if newest and newest.version == rates.version:
        return False
    connection.execute(delete(rate_tables).where(rate_tables.c.version == rates.version))  # the newest row serves
    content = {
        code: [[day.isoformat(), str(worth)] for day, worth in dated] for code, dated in rates.by_currency.items()
    }
    connection.execute(
        insert(rate_tables), {"version": rates.version, "into": rates.into, "rates": content, "imported_at": now}
    )
    return True


def rates_into(connection: Connection, currency: str, version: str | None = None) -> Rates | None:
    """The newest table that leads to a currency, or the one of that version; None: there is none."""
    query = select(rate_tables).where(rate_tables.c.into == currency).order_by(rate_tables.c.id.desc())
    if version is not None:
        query = query.where(rate_tables.c.version == version)
    row = connection.execute(query.limit(1)).first()
    return table(row.into, _rates(row.rates)) if row else None


def currencies(connection: Connection) -> list[str]:
    """Those into which some table leads."""
    return list(connection.execute(select(rate_tables.c.into).distinct().order_by(rate_tables.c.into)).scalars())


def _rates(content: dict[str, list[list[str]]]) -> list[Rate]:
    return [
        Rate(code, date.fromisoformat(day), Decimal(worth)) for code, dated in content.items() for day, worth in dated
    ]
