"""Every text of a fault is on the page about faults, with its cause and its cure, and nothing else is."""

import re
from pathlib import Path

import aftercart
from tests.cli.said import said_in, said_of_keys_in

HOUSE = Path(aftercart.__path__[0])
ROOM = HOUSE / "rendering"
OF_KEYS = [
    *(HOUSE / "campaigns").glob("*.py"),
    HOUSE / "cli" / "faults.py",
    *(HOUSE / "enrollment" / name for name in ("days_or_hours.py", "foresight.py")),
    *(HOUSE / "policy" / name for name in ("days.py", "frequency_cap.py", "quiet_hours.py")),
]
"""Where the faults of campaigns and of the brand are told."""
NEVER_SAID_BY_CHECK = ("context.py", "leak_guard.py", "variables.py")
"""What a context of ours holds, what is found before a hand-over, and a slip of ours."""
OURS = {"a template is rendered by Template.render"}
BEGINS_ANOTHER = "with it, … …"
"""Stands before a fault that a variant would bring."""
DOCS = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| (?P<tick>`+) ?(?P<said>.+?) ?(?P=tick) \| (?P<why>[^|]+?(?:\\\|[^|]*)*) \| (?P<cure>.+) \|$", re.MULTILINE
)


def test_every_fault_is_on_the_page_and_the_page_has_no_other() -> None:
    files = [file for file in sorted(ROOM.rglob("*.py")) if file.name not in NEVER_SAID_BY_CHECK]
    written = [row["said"] for row in ROW.finditer(DOCS)]
    said = (said_in(files) | said_of_keys_in(OF_KEYS)) - OURS - {BEGINS_ANOTHER}
    assert sorted(said - set(written)) == [], "write them into docs/faults.md"
    assert sorted(set(written) - said) == [], "nobody says this any more"
    assert len(written) == len(set(written)) > 200


def test_every_row_of_the_page_says_why_and_what_to_do() -> None:
    rows = [line for line in DOCS.splitlines() if line.startswith("| `")]
    assert [line for line in rows if not ROW.fullmatch(line)] == []
