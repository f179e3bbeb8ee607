"""A CSV file that somebody exported: plain or gzip, their column names or ours, perhaps with faulty rows.

It is read row by row, so that its size does not matter. A row that cannot be used is a `Fault`, and so is the place at
which a file was cut off; the file itself being unreadable, or lacking a column, is a ConfigError.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from aftercart.errors import ConfigError, Place, UnprocessableError
from aftercart.quantity import counted

FAULTS_KEPT = 1_000
ROWS_BETWEEN_REPORTS = 2_000
GZIP_BEGINS = b"\x1f\x8b"
UTF16_BEGINS = (b"\xff\xfe", b"\xfe\xff")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)

Progress = Callable[[int, int], None]
"""Called with the bytes of the file that were read, and its size."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was left out, and why. Lines count from 1, the header is line 1."""

    file: Path
    line: int
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.problem}"


@dataclass
class Faults:
    """The faulty rows of a file: the first thousand are kept, all are counted."""

    file: Path
    count: int = 0
    kept: list[Fault] = field(default_factory=list)

    def add(self, line: int, err: UnprocessableError) -> None:
        self.count += 1
        if len(self.kept) < FAULTS_KEPT:
            self.kept.append(Fault(self.file, line, err.field, err.problem))


@dataclass(frozen=True)
class Columns:
    """The columns that a file must and may have, and other names under which they are known.

    A column goes by our own name, else by the first alias that the file has; where our own name stands among the
    aliases, in the order in which they stand.
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def all(self) -> tuple[str, ...]:
        return self.needed + self.optional

    def names_of(self, column: str) -> tuple[str, ...]:
        """What it may be called, the likeliest first."""
        aliases = self.aliases.get(column, ())
        return aliases if column in aliases else (column, *aliases)


@dataclass
class TableFile:
    """An open file. `rows` gives the values in the order of `Columns.all`, with "" for a column that is not there."""

    faults: Faults
    present: frozenset[str]
    rows: Iterator[tuple[int, tuple[str, ...]]]


@contextmanager
def open_table(
    file: Path,
    columns: Columns,
    mapping: Mapping[str, str],
    progress: Progress | None = None,
    called: Path | None = None,
) -> Iterator[TableFile]:
    """Open a file; `mapping` tells what their columns are called here (theirs → ours). `called`: how faults name it,
    where it was taken out of another file.

    Raises ConfigError when it cannot be read, or when a needed column is missing.
    """
    try:
        with file.open("rb") as raw:
            _check_beginning(file, raw.peek(len(GZIP_BEGINS)))
            unpacked = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
            text = io.TextIOWrapper(unpacked, encoding="utf-8-sig", errors="surrogateescape", newline="")
            yield _table(called or file, text, columns, mapping, lambda: _report(progress, raw.tell(), file))
    except OSError as err:
        raise ConfigError(f"cannot be read: {err}", Place(called or file)) from err


def _check_beginning(file: Path, beginning: bytes) -> None:
    """The ending of the name says how it is read; the other way round nothing but noise would come of it. Excel saves
    "Unicode text" as UTF-16."""
    if beginning.startswith(UTF16_BEGINS) or beginning[1:2] == b"\0":
        raise ConfigError("is in UTF-16", Place(file), "export it as comma-separated CSV in UTF-8")
    gzipped = beginning.startswith(GZIP_BEGINS)
    if gzipped and file.suffix != ".gz":
        raise ConfigError("it looks gzipped", Place(file), f"name it {file.name}.gz")
    if beginning and not gzipped and file.suffix == ".gz":
        raise ConfigError("it is not gzipped, though its name says so", Place(file), f"name it {file.stem}")


def _report(progress: Progress | None, done: int, file: Path) -> None:
    if progress:
        progress(done, file.stat().st_size)


def _table(
    file: Path, text: io.TextIOWrapper, columns: Columns, mapping: Mapping[str, str], report: Callable[[], None]
) -> TableFile:
    reader = csv.reader(text)
    faults = Faults(file)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as err:
        raise ConfigError(f"is no CSV file: {err}", Place(file, 1)) from err
    except DAMAGED:
        faults.add(1, _cut_off())
        return TableFile(faults, frozenset(), iter(()))
    _check_separator(file, header)
    positions = _positions(file, header, columns, mapping)
    rows = _rows(reader, len(header), columns.all, positions, faults, report)
    return TableFile(faults, frozenset(positions), rows)


def _check_separator(file: Path, header: Sequence[str]) -> None:
    """What spreadsheets in half of Europe write is no comma."""
    if len(header) == 1:
        for separator, name in SEPARATORS.items():
            if separator in header[0]:
                message = f"its columns are parted by {name}, and commas are expected"
                raise ConfigError(message, Place(file, 1), "export it as comma-separated CSV in UTF-8")


def _cut_off() -> UnprocessableError:
    return UnprocessableError("file", "is damaged or was cut off from here on: copy it anew and import it once more")


def _positions(file: Path, header: Sequence[str], columns: Columns, mapping: Mapping[str, str]) -> dict[str, int]:
    """Where each of our columns stands."""
    _check_mapping(file, header, columns, mapping)
    theirs = {ours: theirs for theirs, ours in mapping.items()}
    at = {name.lower(): position for position, name in enumerate(header)} | {n: i for i, n in enumerate(header)}
    found = {}
    for name in columns.all:
        names = (theirs[name],) if name in theirs else columns.names_of(name)
        place = next((at[candidate] for candidate in names if candidate in at), None)
        if place is not None:
            found[name] = place
    if missing := [name for name in columns.needed if name not in found]:
        raise ConfigError(
            f"has no column {', '.join(missing)} (it has: {', '.join(header) or 'nothing'}); "
            f"say which column it is with --map THEIRS={missing[0]}",
            Place(file, 1),
        )
    return found


def _check_mapping(file: Path, header: Sequence[str], columns: Columns, mapping: Mapping[str, str]) -> None:
    for theirs, ours in mapping.items():
        if ours not in columns.all:
            raise ConfigError(f"--map {theirs}={ours}: we know the columns {', '.join(columns.all)}", Place(file))
        if theirs not in header:
            raise ConfigError(f"--map {theirs}={ours}: the file has {', '.join(header)}", Place(file, 1))


def _rows(
    reader: Iterator[list[str]],
    width: int,
    names: Sequence[str],
    positions: Mapping[str, int],
    faults: Faults,
    report: Callable[[], None],
) -> Iterator[tuple[int, tuple[str, ...]]]:
    pick = itemgetter(*(positions.get(name, width) for name in names))
    rows = 0
    for line, row in _lines(reader, faults):
        if len(row) != width:
            found = f"has {counted(len(row), 'value')}, the header has {counted(width, 'column')}"
            faults.add(line, UnprocessableError("row", found))
            continue
        row.append("")  # what a missing column reads
        values = pick(row)
        if (garbled := next((n for n, value in enumerate(values) if _is_garbled(value)), None)) is not None:
            faults.add(line, UnprocessableError(names[garbled], "is not UTF-8 (save the file as UTF-8)"))
            continue
        yield line, values
        rows += 1
        if rows % ROWS_BETWEEN_REPORTS == 0:
            report()
    report()


def _is_garbled(value: str) -> bool:
    """Whether bytes in it are no UTF-8: they were read as lone surrogates."""
    return not value.isascii() and any("\udc80" <= letter <= "\udcff" for letter in value)


def _lines(reader: Iterator[list[str]], faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """The rows with the line on which each begins. Empty lines are passed over."""
    while True:
        line = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            faults.add(line, UnprocessableError("row", f"is no CSV ({err})"))
            continue
        except DAMAGED:
            faults.add(line, _cut_off())
            return
        if row:
            yield line, row
