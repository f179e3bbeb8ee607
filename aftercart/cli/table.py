"""Tables on the terminal. What shops and customers wrote is shown as it is: none of it is markup."""

from collections.abc import Iterable, Sequence

WIDER_THAN_ANY_ROW = 10_000


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of plain text under their titles.

    A row is one line, however narrow the terminal: an id that is cut or broken cannot be copied, nor found by grep.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=WIDER_THAN_ANY_ROW).print(table, crop=False, soft_wrap=True)


def instant(iso: str) -> str:
    """An instant in ISO 8601 as a column of a table shows it, in UTC and without seconds."""
    return iso[:16].replace("T", " ")
