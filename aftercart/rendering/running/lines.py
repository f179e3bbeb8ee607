"""Lines of a text part, once a mail is rendered: the tags that stood between them leave gaps behind."""

import re

SOFT_END = "\v"
"""Ends a line unless an empty line is there anyway. No value can hold it: `plain` takes control characters out."""
CELL_END = "\x1f"
"""Ends a cell of a table. Only between two cells of one line is there anything to read. No value can hold it either."""

_BETWEEN_CELLS = " · "
_RUNS = re.compile(r"[ \t]{2,}")


def tidy(text: str) -> str:
    """A rendered text part without the gaps that tags leave behind."""
    lines: list[str] = []
    add = lines.append
    gap = False
    for written in text.split("\n"):
        was_gap = gap
        gap = True
        for soft in written.split(SOFT_END) if SOFT_END in written else (written,):
            if line := _row(soft) if CELL_END in soft else soft.strip(" \t"):
                if was_gap:
                    add("")
                    was_gap = False
                add(line)
                gap = False
    tight = "\n".join(lines).strip() + "\n"
    return _RUNS.sub(" ", tight) if "  " in tight or "\t" in tight else tight


def _row(line: str) -> str:
    """The cells of a line that hold something."""
    return _BETWEEN_CELLS.join(cell for each in line.split(CELL_END) if (cell := each.strip(" \t")))
