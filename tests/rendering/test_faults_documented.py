"""Every text of a fault is on the page about faults, with its cause and its cure, and nothing else is."""

import re
from pathlib import Path

import aftercart.rendering
from tests.rendering.said import said_in

ROOM = Path(aftercart.rendering.__path__[0])
NEVER_SAID_BY_CHECK = ("context.py", "leak_guard.py", "variables.py")
"""What a context of ours holds, what is found before a hand-over, and a slip of ours."""
OURS = {"a template is rendered by Template.render"}
DOCS = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(?P<said>.+?)` \| (?P<why>[^|]+?(?:\\\|[^|]*)*) \| (?P<cure>.+) \|$", re.MULTILINE)


def test_every_fault_is_on_the_page_and_the_page_has_no_other() -> None:
    files = [file for file in sorted(ROOM.glob("*.py")) if file.name not in NEVER_SAID_BY_CHECK]
    written = [row["said"] for row in ROW.finditer(DOCS)]
    assert sorted(said_in(files) - OURS - set(written)) == [], "write them into docs/faults.md"
    assert sorted(set(written) - said_in(files)) == [], "nobody says this any more"
    assert len(written) == len(set(written)) > 100


def test_every_row_of_the_page_says_why_and_what_to_do() -> None:
    rows = [line for line in DOCS.splitlines() if line.startswith("| `")]
    assert [line for line in rows if not ROW.fullmatch(line)] == []
