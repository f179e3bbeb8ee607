"""Fakes that ship, so that whoever writes campaigns or senders can test with them too.

with engine(tmp_path, clock=SteppedClock(start)) as app:
    post(app, "generic", order_completed(...))
    run_until(app, start + timedelta(days=4))
    assert app.sender.mails_to("ada@example.com")
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.db import inbox, migrate
from aftercart.db.session import Database
from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.pipeline.incoming.ingest import accept, take_in
from aftercart.settings import Settings
from aftercart.starter import shipped
from aftercart.stepped import ListQueue, next_wake, run_due

__all__ = [
    "GENERIC_SECRET",
    "SECRET_KEY",
    "SHOP_SECRET",
    "ListQueue",
    "RecordingSender",
    "engine",
    "post",
    "run_due",
    "run_until",
    "settings_for",
]

GENERIC_SECRET = "whsec_" + "dGVzdC1zZWNyZXQtZm9yLXRoZS1nZW5lcmljLWRvb3I="
SHOP_SECRET = "a-secret-for-tests-only"
EACH_SECOND = timedelta(seconds=1)
"""How often the dispatcher looks."""
SECRET_KEY = "a-key-for-tests-only-0123456789abcdef"


@dataclass
class RecordingSender:
    """Takes every message and keeps it. `answers`: what to say for an address, in place of yes, once each."""

    name: str = "recording"
    messages: list[Message] = field(default_factory=list)
    answers: dict[str, list[Receipt]] = field(default_factory=dict)

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        for message in messages:
            yield self._send(message, go)

    def _send(self, message: Message, go: Go) -> Receipt:
        if not go(message):
            return Receipt(message.send_id, Outcome.WITHHELD, "")
        if answers := self.answers.get(message.recipient):
            return replace(answers.pop(0), send_id=message.send_id)
        self.messages.append(message)
        return Receipt(message.send_id, Outcome.ACCEPTED, "250 ok", code=250)

    def mails_to(self, address: str) -> list[Message]:
        """What was taken for one address, oldest first."""
        return [message for message in self.messages if message.recipient == address]

    def close(self) -> None:
        """Nothing to close."""


def settings_for(data_dir: Path, **changes: Any) -> Settings:
    """Settings for a test: everything under `data_dir`, the shipped campaigns and templates, nothing from outside."""
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "database_url": "",
        "broker_url": "inproc://",
        "sender_url": f"file:{data_dir / 'outbox'}",
        "secret_key": (SECRET_KEY,),
        "base_url": "https://mail.example.com",
        "campaigns_dir": shipped() / "campaigns",
        "templates_dir": shipped() / "templates",
        "generic_secret": GENERIC_SECRET,
        "shopify_secret": SHOP_SECRET,
        "woocommerce_secret": SHOP_SECRET,
        **changes,
    }
    return Settings.model_validate(values)


@contextmanager
def engine(data_dir: Path, clock: SteppedClock, sender: Any = None, **changes: Any) -> Iterator[App]:
    """An engine whose clock stands still, whose mails are recorded and whose tasks run when you say.

    With a `sender_url` the mails go there instead, by the way they would go in earnest.
    """
    recording = None if "sender_url" in changes else RecordingSender()
    settings = settings_for(data_dir, **changes)
    lay_down(settings.database)
    built = build(settings, clock=clock, sender=sender or recording)
    app = replace(built, queue=ListQueue())
    try:
        yield app
    finally:
        built.close()


def lay_down(url: str) -> None:
    """A new SQLite database begins as a copy: to copy one takes a tenth of the time that it takes to make one."""
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_newest())


@cache
def _newest() -> bytes:
    """A SQLite database at the newest schema."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "aftercart.db"
        with closing(Database(f"sqlite:///{file}")) as database:
            migrate.upgrade(database)
        return file.read_bytes()


def post(app: App, shop: str, headers: dict[str, str], body: bytes) -> None:
    """A webhook comes in: checked, stored, and worked through at once."""
    row = accept(app.shops[shop], headers, body, app.clock())
    if row is not None:
        with app.inbox_db.write() as connection:
            inbox.store(connection, [row])
    take_in(app)


def run_until(app: App, end: datetime) -> None:
    """Let the engine live until `end`: at every instant at which something falls due, do it."""
    clock = app.clock
    if not isinstance(clock, SteppedClock):
        raise TypeError("run_until needs an engine with a SteppedClock")
    while (wake := next_wake(app)) is not None and wake <= end:
        clock.move_to(wake)
        if run_due(app) or (next_wake(app) or end) > clock():
            continue
        if clock() >= end:
            break
        clock.step(min(EACH_SECOND, end - clock()))  # what is due waits for a sender
    clock.move_to(end)
