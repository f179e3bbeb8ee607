"""`aftercart plan` and `apply`, as they are typed."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from aftercart.clock import SteppedClock, utc_now
from aftercart.starter import init
from aftercart.testing import engine
from tests.cast import ADA, order
from tests.commanded import aftercart


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The campaign of a shop in which Ada ordered the day before yesterday: what would have been due at once is past,
    whatever time of day it is now."""
    monkeypatch.chdir(tmp_path)
    init(tmp_path)
    folders = {"campaigns_dir": tmp_path / "campaigns", "templates_dir": tmp_path / "templates"}
    with engine(tmp_path / "data", SteppedClock(utc_now() - timedelta(days=2)), **folders) as app:
        order(app, "1", ADA)
    return tmp_path / "campaigns" / "accessories.yaml"


def typed(*words: str) -> tuple[int, str]:
    answer = aftercart(Path.cwd(), *words)
    return answer.returncode, answer.stdout


def test_an_edit_is_told_and_then_done(file: Path) -> None:
    assert "0 mails to 0 people change." in typed("plan")[1]
    file.write_text(file.read_text().replace("after: 3d", "after: 6d"))
    code, text = typed("plan")
    assert code == 0
    assert "accessories / complements  1      get another time" in text
    assert "1 mail to 1 person changes." in text
    assert typed("apply")[1].endswith("Done.\n")
    assert typed("apply")[1].endswith("There was nothing to do.\n")


def test_whom_an_edited_holdout_keeps_back_is_told(file: Path) -> None:
    file.write_text(file.read_text().replace("holdout: 10%", "holdout: 99.9%"))
    text = typed("plan")[1]
    assert "1 planned mail of accessories does not go: its reader falls into the holdout." in text
    assert "1 mail to 1 person changes." in text
    told = json.loads(typed("plan", "--json")[1])
    assert told["holdout"] == [{"campaign": "accessories", "effect": "held_back", "mails": 1}]


def test_what_cannot_be_done_ends_with_1_in_words_and_in_json(file: Path) -> None:
    file.write_text(file.read_text().replace("after: 3d ", "after: 0d ").replace('at: "10:00"', "# at:"))
    code, text = typed("plan", "--json")
    (mails,) = json.loads(text)["mails"]
    assert (code, mails["effect"], mails["mails"]) == (1, "past", 1)
    assert typed("apply")[0] == 1
