"""Looking for somebody wherever anything is kept: tables, whatever is packed in them, files."""

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import select

from aftercart.bootstrap import App
from aftercart.db.tables import InboxRow, Row


def everywhere(app: App) -> Iterator[tuple[str, str]]:
    """Every value of every table as text: (table.column, text)."""
    for metadata, db in ((Row.metadata, app.db), (InboxRow.metadata, app.inbox_db)):
        for table in metadata.sorted_tables:
            with db.read() as connection:
                for row in connection.execute(select(table)).mappings():
                    for name, value in row.items():
                        yield f"{table.name}.{name}", as_text(value)


def as_text(value: Any) -> str:
    if isinstance(value, bytes):
        with suppress(zlib.error):
            value = zlib.decompress(value)
        text: str = value.decode("utf-8", errors="replace")
        return text + text.encode("utf-8", errors="replace").decode("unicode_escape", errors="replace")
    return json.dumps(value, ensure_ascii=False, default=str)


def in_files(app: App) -> Iterator[tuple[str, str]]:
    """Every file in the data folder as text, the databases' own among them: (name, text)."""
    for file in sorted(app.settings.data_dir.rglob("*")):
        if file.is_file():
            yield file.name, file.read_bytes().decode("latin-1")
