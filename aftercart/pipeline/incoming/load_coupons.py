"""Codes that the shop's system has made come in, to be handed out."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from aftercart.coupons import store as coupons
from aftercart.coupons.coupon import Code, clean_code
from aftercart.db.session import Database
from aftercart.errors import UnprocessableError
from aftercart.intake import store
from aftercart.intake.reader import parse_instant
from aftercart.intake.table_file import Columns, Faults, Progress, open_table
from aftercart.pipeline.incoming.load import LoadReport, chunks, parsed, report

COUPONS = Columns(
    needed=("code",),
    optional=("expires_at",),
    aliases={
        "code": ("coupon", "coupon_code", "discount_code", "discount code", "voucher"),
        "expires_at": ("expires", "expiry", "expiry_date", "ends_at", "end_date", "date_expires"),
    },
)

Row = tuple[int, Code]
"""A code, and the line on which it stands."""


def load_coupons(
    db: Database,
    file: Path,
    now: datetime,
    *,
    pool: str,
    expires: datetime | None = None,
    zone: tzinfo = UTC,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Import codes into a pool, one a row. `expires`: when those end that do not say so themselves; None: never.

    A code that is there already keeps the mail that it was given to, and takes the end that the file now says. One that
    stands in another pool is a bad row: it would be handed out twice. Raises ConfigError on a wrong file.
    """
    total = store.Tally()
    with open_table(file, COUPONS, mapping or {}, progress) as table:
        seen: set[str] = set()

        def parse(row: tuple[int, tuple[str, ...]]) -> Row:
            line, values = row
            code = clean_code(values[0])
            if code in seen:
                raise UnprocessableError("code", f'"{code}" stands twice in this file')
            seen.add(code)
            return line, Code(code, _end(values[1], zone) or expires)

        numbered = ((line, (line, values)) for line, values in table.rows)
        for rows in chunks(parsed(numbered, table.faults, parse)):
            total.add(_add(db, pool, rows, table.faults, now))
    return report(total, table.faults)


def _add(db: Database, pool: str, rows: list[Row], faults: Faults, now: datetime) -> store.Tally:
    with db.write() as connection:
        new, changed, elsewhere = coupons.add_codes(connection, pool, [code for _, code in rows], now)
    for line, code in rows:
        if code.code in elsewhere:
            faults.add(line, UnprocessableError("code", f'"{code.code}" stands in another pool'))
    return store.Tally(added=new, changed=changed, unchanged=len(rows) - new - changed - len(elsewhere))


def _end(text: str, zone: tzinfo) -> datetime | None:
    if not text.strip():
        return None
    try:
        return parse_instant(text, zone)
    except ValueError as err:
        raise UnprocessableError("expires_at", str(err)) from err
