"""`export --to`, as it is typed; `export --person` stands in test_people.py."""

from pathlib import Path

import pytest

from tests.cli.conftest import Typed


@pytest.mark.usefixtures("some_sends")
def test_the_figures_of_all_mails_are_written(typed: Typed, tmp_path: Path) -> None:
    assert typed("export", "--to", "figures", "--in", "USD").exit_code == 2, "no rates were brought in"
    done = typed("export", "--to", "figures")
    assert done.exit_code == 0
    assert "mails 3 rows" in " ".join(done.output.split())
    assert len((tmp_path / "figures" / "mails.csv").read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.parametrize("words", [(), ("--to", "figures", "--person", "ada@example.com")])
def test_one_thing_is_asked_for(typed: Typed, words: tuple[str, ...]) -> None:
    refused = typed("export", *words)
    assert refused.exit_code == 2
    assert "--person EMAIL and --to DIR" in " ".join(refused.output.split())


@pytest.mark.usefixtures("some_sends")
def test_where_nothing_can_be_written_it_says_so(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("in the way", encoding="utf-8")
    refused = typed("export", "--to", "figures")
    assert refused.exit_code == 2
    assert "cannot be written" in " ".join(refused.output.split())


@pytest.mark.usefixtures("some_sends")
def test_datasets_of_amazon_personalize_go_out_and_come_in(typed: Typed, tmp_path: Path) -> None:
    assert typed("export", "--to", "personalize:out").exit_code == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        f"{name}.{kind}" for name in ("INTERACTIONS", "ITEMS", "USERS") for kind in ("csv", "schema.json")
    ]
    again = typed("import", "personalize", "out")
    assert (again.exit_code, "0 purchases" in again.output) == (0, True)
