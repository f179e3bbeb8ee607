"""Lines of a text part, once a mail is rendered: the tags that stood between them leave gaps behind."""

import re

SOFT_END = "\v"
"""Ends a line unless an empty line is there anyway. No value can hold it: `plain` takes control characters out."""
CELL_END = "\x1f"
"""Ends a cell of a table. Only between two cells of one line is there anything to read. No value can hold it either."""
BULLET, ITEM, LIST_ENDS = "- ", "\x10", "\x11"
"""Before what stands in a list; an item of an ordered one gets its number once it is known which there are."""

_BETWEEN_CELLS = " · "
_RUNS = re.compile(r"[ \t]{2,}")
_LIST_BEGINS = "\x0e"
_LIST = re.compile(f"{_LIST_BEGINS}(\\d+)\x0f|{ITEM}|{LIST_ENDS}")


def list_begins(first: int) -> str:
    """Stands where an ordered list begins, whose first item has this number."""
    return f"{_LIST_BEGINS}{first}\x0f"


def tidy(text: str) -> str:
    """A rendered text part without the gaps that tags leave behind."""
    if _LIST_BEGINS in text:
        text = _numbered(text)
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


def _numbered(text: str) -> str:
    """With the number of each item of an ordered list."""
    last: list[int] = []

    def mark(found: re.Match[str]) -> str:
        if found[0] == LIST_ENDS:
            last[-1:] = []
        elif found[1]:
            last.append(int(found[1]) - 1)
        elif last:
            last[-1] += 1
            return f"{last[-1]}. "
        return ""

    return _LIST.sub(mark, text)
