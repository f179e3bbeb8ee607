from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.exchange.store import rates_into
from aftercart.money import Money
from aftercart.pipeline.incoming.load_rates import load_rates
from tests.rows import MONDAY, a_database

DAY = date(2026, 3, 1)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with closing(a_database(tmp_path)) as db:
        yield db


def load(db: Database, tmp_path: Path, text: str) -> tuple[int, list[str], str]:
    """Added, faults, and the version."""
    file = tmp_path / "rates.csv"
    file.write_text(text)
    report, rates = load_rates(db, file, MONDAY, into="EUR")
    return report.added, [str(fault).removeprefix(f"{file}:") for fault in report.faults], rates.version


def worth(db: Database, minor: int, currency: str, version: str | None = None) -> Money:
    with db.read() as connection:
        rates = rates_into(connection, "EUR", version)
    assert rates is not None
    return rates.converted(minor, currency, DAY)


def test_a_worth_and_what_the_central_bank_states_say_the_same(db: Database, tmp_path: Path) -> None:
    assert load(db, tmp_path, "currency,date,worth\nSEK,2026-01-01,0.08\n")[:2] == (1, [])
    assert worth(db, 10_000, "SEK") == Money(800, "EUR")
    assert load(db, tmp_path, "currency,date,per_unit\nsek,2026-01-01,12.5\n")[0] == 0  # the very same table
    assert load(db, tmp_path, "currency,date,per_unit\nUSD,2026-01-01,1.0832\n")[0] == 1
    assert worth(db, 10_000, "USD") == Money(9232, "EUR")


def test_a_later_table_serves_and_the_one_before_can_still_be_asked_for(db: Database, tmp_path: Path) -> None:
    _, _, old = load(db, tmp_path, "currency,date,worth\nSEK,2026-01-01,0.08\n")
    load(db, tmp_path, "currency,date,worth\nSEK,2026-01-01,0.09\n")
    assert worth(db, 10_000, "SEK") == Money(900, "EUR")
    assert worth(db, 10_000, "SEK", old) == Money(800, "EUR")


def test_an_earlier_table_that_is_brought_again_serves_again(db: Database, tmp_path: Path) -> None:
    old, new = ("currency,date,worth\nSEK,2026-01-01,0.08\n", "currency,date,worth\nSEK,2026-01-01,0.09\n")
    for text in (old, new, old):
        load(db, tmp_path, text)
    assert worth(db, 10_000, "SEK") == Money(800, "EUR")


def test_a_table_with_a_bad_row_is_not_kept_and_every_fault_is_named(db: Database, tmp_path: Path) -> None:
    rows = ("SEK,2026-01-01,0.08", "XX,2026-01-01,1", "EUR,2026-01-01,1", "USD,yesterday,1", "USD,2026-01-01,-1")
    added, faults, _ = load(db, tmp_path, "\n".join(["currency,date,worth", *rows, "USD,2026-01-01,"]))
    assert added == 0
    assert faults == [
        "3: currency: 'XX' is no ISO 4217 currency",
        "4: currency: EUR is what the table leads to; it needs no rate",
        "5: date: 'yesterday' is no day; write it as 2026-03-01",
        "6: worth: '-1' is no rate; it must be more than 0",
        "7: per_unit: '' is no number; write it as 0.9231",
    ]
    with db.read() as connection:
        assert rates_into(connection, "EUR") is None
