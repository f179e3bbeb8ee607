"""`make hammer`: the caps under eight processes, on SQLite and on PostgreSQL. The exit code is 1 if one was broken.

python -m tests.hammer [--due 6000] [--seconds 60] [--processes 8]
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.servers import postgres
from tests.hammer.blows import PROCESSES, Toll, hammer

TITLES = ("database", "due", "handed over", "doubled", "waiting for a slot", "violations", "seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--due", type=int, default=6000, help="sends that are due at once")
    parser.add_argument("--seconds", type=float, default=60, help="how long, on each database")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aftercart-hammer-") as folder, ExitStack() as stack:
        root = Path(folder)
        urls = (f"sqlite:///{root / 'aftercart.db'}", stack.enter_context(postgres()).url)
        tolls = [
            hammer(root / str(n), url, due=told.due, seconds=told.seconds, processes=told.processes)
            for n, url in enumerate(urls)
        ]
    print_table(tolls)
    return int(not all(toll.is_clean for toll in tolls))


def print_table(tolls: list[Toll]) -> None:
    """A line a database."""
    numbers = [(t.due, t.handed_over, t.doubled, t.asked_again, t.violations, round(t.seconds)) for t in tolls]
    rows = [TITLES, *((t.database, *map(str, n)) for t, n in zip(tolls, numbers, strict=True))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
