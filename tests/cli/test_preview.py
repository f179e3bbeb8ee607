"""`aftercart send-test` and what `aftercart preview` refuses, as a person types it."""

import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aftercart.cli import app
from aftercart.starter import init


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh deployment whose mails go into a folder."""
    init(tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("AFTERCART_SENDER_URL", f"file:{tmp_path / 'outbox'}")
    return tmp_path / "outbox"


def test_a_test_goes_to_whoever_asks_for_it(outbox: Path) -> None:
    done = CliRunner().invoke(app, ["send-test", "review", "me@example.com", "--sample", "largest", "--locale", "de"])
    assert done.exit_code == 0, done.output
    assert "Sent to me@example.com by file" in done.stdout
    (file,) = outbox.rglob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=default)
    assert mail["To"] == "me@example.com"
    assert mail["Subject"].startswith("[Test] Wie gefällt Ihnen")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Example Bikes" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["reviw", "me@example.com"], 1, "did you mean 'review'?"),
        (["review", "me@example.com", "--sample", "huge"], 2, "there is no sample 'huge'; there are sample, largest"),
        (["review", "me@example.com", "--locale", "xx"], 2, "'xx' is no locale: write, for example, fr or pt_BR"),
        (["review", "nobody"], 2, "nobody is no address that mail can be sent to"),
    ],
)
def test_what_there_is_not_is_said(arguments: list[str], code: int, said: str, outbox: Path) -> None:
    done = CliRunner().invoke(app, ["send-test", *arguments])
    assert said in (done.output + str(done.exception))
    assert done.exit_code == code
    assert not outbox.exists()


def test_who_asks_for_a_language_that_there_is_not_is_told_which_one_comes(outbox: Path) -> None:
    brand = Path("campaigns/brand.yaml")
    brand.write_text(brand.read_text(encoding="utf-8").replace("locale: en_US", "locale: fr_FR"), encoding="utf-8")
    done = CliRunner().invoke(app, ["send-test", "review", "me@example.com", "--locale", "pt_BR"])
    assert done.exit_code == 0, done.output
    assert "review has no words for pt_BR; it has en, ar, de, es, fr: who reads it gets fr_FR" in done.stderr
    (file,) = outbox.rglob("*.eml")
    assert "Qu’en pensez-vous" in message_from_bytes(file.read_bytes(), policy=default).get_body().get_content()  # type: ignore[union-attr]
    again = CliRunner().invoke(app, ["send-test", "review", "me@example.com", "--locale", "de_AT"])
    assert again.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--baseline", "pictures"], "--baseline compares the pictures of --shots DIR"),
        (["--shots", "now", "--baseline", "none"], "there is no folder none to compare with: --shots none makes it"),
        (["--shots", "templates", "--baseline", "./templates"], "--shots and --baseline name the same folder"),
    ],
)
@pytest.mark.usefixtures("outbox")
def test_pictures_are_compared_with_those_of_another_folder(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["preview", *arguments])
    assert (done.exit_code, said in done.stderr) == (2, True)


@pytest.mark.usefixtures("outbox")
def test_who_cannot_compare_pictures_is_told_before_a_minute_of_taking_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    Path("signed").mkdir()
    done = CliRunner().invoke(app, ["preview", "--shots", "now", "--baseline", "signed"])
    assert "--baseline needs an optional package: pip install 'aftercart[preview]'" in str(done.exception)
    assert not Path("now").exists()


@pytest.mark.usefixtures("outbox")
def test_a_test_by_button_needs_an_address_too() -> None:
    done = CliRunner().invoke(app, ["preview", "--to", "nobody"])
    assert (done.exit_code, "nobody is no address that mail can be sent to" in done.stderr) == (2, True)
