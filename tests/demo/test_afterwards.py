"""The demo's folder can be looked into with the commands of Aftercart."""

import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aftercart.bootstrap import build
from aftercart.cli import app
from aftercart.demo import bike_shop, stage
from aftercart.demo.afterwards import commands, worth_a_look
from aftercart.demo.unmailed import Unmailed
from tests.rows import Rows

NOON = datetime(2026, 5, 28, 12, tzinfo=UTC)


def test_what_is_printed_at_the_end_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands are typed in a shell that knows nothing of the demo."""
    monkeypatch.chdir(tmp_path)
    with stage.held():
        engine = build(stage.set_up(bike_shop.generate(people=5), "http://127.0.0.1:8000", 2525, seed=1))
    rows = Rows(engine.db)
    ada = rows.recipient()
    rows.send(rows.order(ada, shop_order_id="2 & 3"), ada)
    engine.close()
    for command in commands("aftercart", "2 & 3"):
        words = shlex.split(command)
        monkeypatch.chdir(tmp_path / words[1])
        told = CliRunner().invoke(app, words[words.index("aftercart") + 1 :], env={"COLUMNS": "200"})
        assert told.exit_code == 0, told.output
        assert "2 & 3" in told.output


def test_the_demos_folder_can_serve_once_the_demo_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`aftercart up` there would mail nobody: it prints."""
    monkeypatch.chdir(tmp_path)
    with stage.held():
        stage.set_up(bike_shop.generate(people=5), "http://127.0.0.1:8000", 2525, seed=1)
    monkeypatch.chdir(tmp_path / stage.FOLDER)
    checked = CliRunner().invoke(app, ["check"])
    assert checked.exit_code == 0, checked.output
    assert "AFTERCART_SENDER_URL=console:" in Path(".env").read_text()


def test_the_program_is_named_as_it_is_found_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    inside, elsewhere = (
        tmp_path / ".venv" / "bin" / "aftercart",
        tmp_path.parent / f"{tmp_path.name}-other" / "aftercart",
    )
    on_path = tmp_path / "bin" / "aftercart"
    for program in (inside, elsewhere, on_path):
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    assert commands(".venv/bin/aftercart", "7") == (
        "cd data/demo && ../../.venv/bin/aftercart sends",
        "cd data/demo && ../../.venv/bin/aftercart explain 7",
    )
    assert commands(str(elsewhere), None) == (f"cd data/demo && {elsewhere} sends",)
    assert commands(str(on_path), None) == ("cd data/demo && aftercart sends",)


def test_an_order_of_the_week_itself_is_proposed_to_look_at() -> None:
    again, plain = (Unmailed(n, name, "", NOON, "holdout", "") for n, name in enumerate(("again-again-7", "7")))
    assert worth_a_look([again, plain], {"again-again-7"}) == "7"
    assert worth_a_look([again], {"again-again-7"}) == "again-again-7"
    assert worth_a_look([], set()) is None
