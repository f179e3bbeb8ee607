"""An installation with a few sends in a folder, and the commands as they are typed in it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from aftercart.cli import app
from aftercart.db.session import Database
from aftercart.db.tables import orders, sends
from aftercart.testing import lay_down
from tests.deployment import BIN
from tests.rows import MONDAY, Rows

Typed = Callable[..., Result]

HOSTILE_ORDER = "[/bold] [red]7[/nonsense]"
"""An order id that a careless terminal library takes for markup."""


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type words after `aftercart` in the folder of the installation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFTERCART_SECRET_KEY", "k" * 40)
    return lambda *words: CliRunner().invoke(app, words, env={"COLUMNS": "80"})


def aftercart(folder: Path, *words: str, code: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run it as a process of its own in a folder, with no setting but those given; `code` in place of the command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
    started = [sys.executable, "-c", code] if code else [str(BIN / "aftercart")]
    return subprocess.run(
        [*started, *words], cwd=folder, env={**clean, **env}, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def some_sends(tmp_path: Path) -> None:
    """Ada's mail was sent, Ben's was skipped, Chika's order has an odd id and her mail waits."""
    url = f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}"
    lay_down(url)
    db = Database(url)
    rows = Rows(db)
    for email, state, reason, sent_at in (
        ("ada@example.com", "sent", "sent", MONDAY),
        ("ben@example.com", "skipped", "no_consent", None),
        ("chika@example.com", "scheduled", None, None),
    ):
        recipient = rows.recipient(email)
        order = rows.order(recipient)
        sleep(0.002)  # ids of one millisecond stand in any order
        send = rows.send(order, recipient, sent_at)
        with db.write() as connection:
            connection.execute(update(sends).where(sends.c.id == send).values(state=state, reason=reason))
            if email.startswith("chika"):
                connection.execute(update(orders).where(orders.c.id == order).values(shop_order_id=HOSTILE_ORDER))
    db.close()
