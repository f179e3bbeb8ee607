"""Tables on the terminal. What shops and customers wrote is shown as it is: none of it is markup."""

from collections.abc import Iterable, Sequence


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of plain text under their titles; a long cell goes on in the next line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def instant(iso: str) -> str:
    """An instant in ISO 8601 as a column of a table shows it, in UTC and without seconds."""
    return iso[:16].replace("T", " ")
