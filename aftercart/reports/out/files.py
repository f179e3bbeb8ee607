"""The files. Each is written beside its place and moved there when it is whole, so nobody reads a half of one."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aftercart.db.session import Database
from aftercart.errors import MissingExtraError
from aftercart.exchange.rates import Rates
from aftercart.reports.out.format import Format
from aftercart.reports.out.table import Kind, Table, as_utc, tables

if TYPE_CHECKING:
    import pyarrow

Written = Callable[[str, int], None]
"""Told the name of each table and the number of its rows."""
HYPER_FILE = "aftercart.hyper"


def write(database: Database, folder: Path, format_: Format, written: Written, rates: Rates | None = None) -> None:
    """Write every table into the folder, which is made: one file a table, but for .hyper, which holds all in one.
    `rates`: to convert amounts by.

    Raises MissingExtraError for a format whose library is not installed, OSError where nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if format_ is Format.HYPER:
        _write_hyper(database, folder / HYPER_FILE, written, rates)
        return
    write_one = _write_csv if format_ is Format.CSV else _write_parquet
    with tables(database, rates) as all_:
        for table in all_:
            with in_place(folder / f"{table.name}.{format_}") as file:
                written(table.name, write_one(table, file))


@contextmanager
def in_place(target: Path) -> Iterator[Path]:
    beside = target.with_name(f".{target.name}.part")
    try:
        yield beside
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _write_csv(table: Table, file: Path) -> int:
    """RFC 4180, in UTF-8: nothing is an empty field, an instant as RFC 3339 writes it."""
    count = 0
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(table.columns)
        for batch in table.batches:
            writer.writerows([as_utc(v) if isinstance(v, datetime) else v for v in row] for row in batch)
            count += len(batch)
    return count


def _write_parquet(table: Table, file: Path) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as err:
        raise MissingExtraError("parquet", "Parquet files") from err
    schema = pyarrow.schema(list(zip(table.columns, map(_arrow, table.columns.values()), strict=True)))
    count = 0
    with parquet.ParquetWriter(file, schema) as writer:
        for batch in table.batches:
            by_column = zip(*batch, strict=True)
            columns = [pyarrow.array(values, type_) for values, type_ in zip(by_column, schema.types, strict=True)]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))
            count += len(batch)
    return count


def _arrow(kind: Kind) -> "pyarrow.DataType":
    import pyarrow

    return {
        Kind.TEXT: pyarrow.string(),
        Kind.WHOLE: pyarrow.int64(),
        Kind.NUMBER: pyarrow.float64(),
        Kind.YES_NO: pyarrow.bool_(),
        Kind.INSTANT: pyarrow.timestamp("us", tz="UTC"),
        Kind.DAY: pyarrow.date32(),
    }[kind]


def _write_hyper(database: Database, target: Path, written: Written, rates: Rates | None) -> None:
    try:
        import tableauhyperapi as hyper
    except ModuleNotFoundError as err:
        raise MissingExtraError("hyper", "Tableau's .hyper files") from err
    types = {
        Kind.TEXT: hyper.SqlType.text(),
        Kind.WHOLE: hyper.SqlType.big_int(),
        Kind.NUMBER: hyper.SqlType.double(),
        Kind.YES_NO: hyper.SqlType.bool(),
        Kind.INSTANT: hyper.SqlType.timestamp(),  # of UTC: Tableau shows one with a zone in the reader's
        Kind.DAY: hyper.SqlType.date(),
    }
    # It writes logs into the working folder otherwise, and tells Tableau that it runs.
    quiet = {"log_config": ""}
    telemetry = hyper.Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU
    with (
        in_place(target) as file,
        hyper.HyperProcess(telemetry, parameters=quiet) as process,
        hyper.Connection(process.endpoint, file, hyper.CreateMode.CREATE_AND_REPLACE) as connection,
        tables(database, rates) as all_,
    ):
        for table in all_:
            columns = [hyper.TableDefinition.Column(name, types[kind]) for name, kind in table.columns.items()]
            definition = hyper.TableDefinition(hyper.TableName("public", table.name), columns)
            connection.catalog.create_table(definition)
            count = 0
            with hyper.Inserter(connection, definition) as inserter:
                for batch in table.batches:
                    inserter.add_rows([_without_zone(row) for row in batch])
                    count += len(batch)
                inserter.execute()
            written(table.name, count)


def _without_zone(row: tuple[Any, ...]) -> list[Any]:
    return [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in row]
