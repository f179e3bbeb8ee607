"""`aftercart feedback`: what a mail server's pipe hands over."""

from contextlib import closing
from pathlib import Path

import pytest

from aftercart.db import inbox
from aftercart.db.session import Database
from aftercart.starter import init
from tests.commanded import aftercart, fed
from tests.feedback.letters import POSTFIX, letter


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    init(tmp_path / "shop")
    return tmp_path / "shop"


def kept(folder: Path) -> list[bytes]:
    with closing(Database(f"sqlite:///{folder / 'data' / 'inbox.db'}")) as database, database.read() as connection:
        return [row["body"] for row in inbox.oldest(connection, 10)]


def test_a_mail_from_the_input_and_mails_from_files_are_kept(shop: Path) -> None:
    (shop / "one.eml").write_bytes(letter(POSTFIX, to="x@shop.example"))
    done = fed(shop, letter(POSTFIX), "feedback")
    assert done.returncode == 0, done.stderr
    assert aftercart(shop, "feedback", "one.eml").returncode == 0
    assert kept(shop) == [letter(POSTFIX), letter(POSTFIX, to="x@shop.example")]


def test_a_mail_server_is_asked_to_come_again_if_its_mail_cannot_be_kept(shop: Path) -> None:
    """EX_TEMPFAIL; with another code it would bounce the bounce."""
    assert fed(shop, letter(POSTFIX), "feedback", AFTERCART_SECRET_KEY="short").returncode == 75
    done = aftercart(shop, "feedback", "missing.eml")
    assert (done.returncode, done.stderr) == (1, "aftercart: cannot read missing.eml: No such file or directory\n")
