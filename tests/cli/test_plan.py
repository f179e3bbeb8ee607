"""`aftercart plan` and `apply`, as they are typed."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from aftercart.clock import SteppedClock, utc_now
from aftercart.db.tables import sends
from aftercart.starter import init
from aftercart.testing import SECRET_KEY, engine
from tests.cast import ADA, order, rows
from tests.commanded import aftercart


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The campaign of a shop in which Ada ordered the day before yesterday: what would have been due at once is past,
    whatever time of day it is now."""
    monkeypatch.chdir(tmp_path)
    init(tmp_path)
    file = tmp_path / "campaigns" / "accessories.yaml"
    with engine(tmp_path / "data", SteppedClock(utc_now() - timedelta(days=2)), **folders(file)) as app:
        order(app, "1", ADA)
    return file


def folders(file: Path) -> dict[str, Path]:
    shop = file.parent.parent
    return {"campaigns_dir": shop / "campaigns", "templates_dir": shop / "templates"}


def typed(*words: str) -> tuple[int, str]:
    """With the key of the engine above: by the one that `init` draws, Ada would be in the holdout once in ten runs."""
    answer = aftercart(Path.cwd(), *words, AFTERCART_SECRET_KEY=SECRET_KEY)
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


@pytest.mark.parametrize(
    ("old", "new", "why", "words"),
    [
        ("status: active", "status: paused", "campaign_paused", "while it is paused"),
        ("campaign: accessories", "campaign: renamed", "no_file", "for its file, which is not there"),
    ],
)
def test_how_many_mails_wait_and_until_when_is_told(file: Path, old: str, new: str, why: str, words: str) -> None:
    with engine(file.parent.parent / "data", SteppedClock(utc_now() - timedelta(days=1)), **folders(file)) as app:
        order(app, "2", ADA)
        last = max(row["valid_until"] for row in rows(app, sends))
    file.write_text(file.read_text().replace(old, new))
    code, text = typed("plan")
    assert code == 0
    assert f"2 planned mails of accessories to 1 person wait {words}; the first expires on " in text
    assert f", the last on {last:%Y-%m-%d %H:%M} (UTC)." in text
    (told,) = json.loads(typed("plan", "--json")[1])["waiting"]
    assert (told["campaign"], told["waits"], told["mails"], told["people"]) == ("accessories", why, 2, 1)
    assert told["last_expires"] == str(last)


def test_a_pause_of_all_mail_is_told(file: Path) -> None:
    brand = file.parent / "brand.yaml"
    brand.write_text(brand.read_text().replace("paused: false", "paused: true"))
    assert (
        "1 planned mail of accessories to 1 person waits while all mail is paused, and expires on " in typed("plan")[1]
    )


def test_what_cannot_be_done_ends_with_1_in_words_and_in_json(file: Path) -> None:
    file.write_text(file.read_text().replace("after: 3d ", "after: 0d ").replace('at: "10:00"', "# at:"))
    code, text = typed("plan", "--json")
    (mails,) = json.loads(text)["mails"]
    assert (code, mails["effect"], mails["mails"]) == (1, "past", 1)
    assert typed("apply")[0] == 1
