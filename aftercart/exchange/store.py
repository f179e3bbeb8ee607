"""Tables of rates as they are kept: each as it was given, so that an old report can be made again."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, insert, select

from aftercart.db.tables import rate_tables
from aftercart.exchange.rates import Rate, Rates, table


def keep(connection: Connection, rates: Rates, now: datetime) -> bool:
    """Keep a table; False if the very same is there already. It serves from now on."""
    there = connection.execute(select(rate_tables.c.id).where(rate_tables.c.version == rates.version)).first()
    if there:
        return False
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
