"""A table of rates of exchange comes in, as the shop's bookkeeping or a central bank gives it."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from aftercart.db.session import Database
from aftercart.errors import UnprocessableError
from aftercart.exchange import store
from aftercart.exchange.rates import Rate, Rates, table
from aftercart.intake.reader import is_currency
from aftercart.intake.store import Tally
from aftercart.intake.table_file import Columns, Progress, open_table
from aftercart.pipeline.incoming.load import LoadReport, parsed, report

RATES = Columns(
    needed=("currency", "date"),
    optional=("worth", "per_unit"),
    aliases={
        "currency": ("code", "from", "iso_code"),
        "date": ("day", "since", "time_period"),
        "worth": ("rate", "value"),
        "per_unit": ("obs_value", "units"),
    },
)
DIGITS = 12
"""Of a worth that is computed from how many units one gets: more than any bank states."""


def load_rates(
    db: Database,
    file: Path,
    now: datetime,
    *,
    into: str,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> tuple[LoadReport, Rates]:
    """Keep the whole file as one table, that leads to the currency `into`, beside those before it.

    A row says what one unit of its currency is `worth`, or how many units one unit of `into` buys (`per_unit`, as the
    European Central Bank states it). A table with bad rows is not kept: with a gap in it, amounts would be converted
    by an older rate and nobody would know. Raises ConfigError on a wrong file.
    """
    rates: dict[tuple[str, date], Rate] = {}
    with open_table(file, RATES, mapping or {}, progress) as opened:
        for rate in parsed(opened.rows, opened.faults, lambda values: _rate(values, into)):
            rates[rate.currency, rate.since] = rate
    found, total = table(into, rates.values()), Tally()
    if rates and not opened.faults.count:
        with db.write() as connection:
            is_new = store.keep(connection, found, now)
        total = Tally(added=len(rates)) if is_new else Tally(unchanged=len(rates))
    return report(total, opened.faults), found


def _rate(values: tuple[str, ...], into: str) -> Rate:
    code, day, worth, per_unit = (value.strip() for value in values)
    if not is_currency(code.upper()):
        raise UnprocessableError("currency", f"{code!r} is no ISO 4217 currency")
    if code.upper() == into:
        raise UnprocessableError("currency", f"{into} is what the table leads to; it needs no rate")
    try:
        since = date.fromisoformat(day)
    except ValueError as err:
        raise UnprocessableError("date", f"{day!r} is no day; write it as 2026-03-01") from err
    if worth:
        return Rate(code.upper(), since, _positive("worth", worth))
    units = _positive("per_unit", per_unit)
    return Rate(code.upper(), since, round(1 / units, DIGITS))


def _positive(field: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as err:
        raise UnprocessableError(field, f"{text!r} is no number; write it as 0.9231") from err
    if not number.is_finite() or number <= 0:
        raise UnprocessableError(field, f"{text!r} is no rate; it must be more than 0")
    return number
