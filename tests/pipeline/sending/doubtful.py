"""A shop whose mail service does not answer: its mails are in doubt."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.delivery.base import Go, Message, Receipt
from aftercart.delivery.esp.from_url import esp_from_url
from aftercart.delivery.esp.sender import EspSender
from aftercart.pipeline.sending.doubts import settle_doubts
from aftercart.testing import engine, run_until
from tests.cast import (
    ADA,
    MONDAY,
    Shop,
    campaign,
    clock_of,
    fates,
    order,
)
from tests.mail_services import FakeService, fake_service

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def database_of(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A new database, of the kind that the test asks for; else a file."""
    if getattr(request, "param", "sqlite") == "postgresql":
        url: str = request.getfixturevalue("newest_postgres_url")
        return url
    file = tmp_path / "aftercart.db"
    shutil.copy(request.getfixturevalue("newest_sqlite"), file)
    return f"sqlite:///{file}"


@dataclass
class Shopkeeper:
    """An engine that sends by a mail service."""

    app: App
    service: FakeService
    shop: Shop

    def hinder(self, **how: Callable[[], object]) -> None:
        """From now on this happens around its requests."""
        sender = self.app.senders[f"esp:{self.service.service.name}"]
        sender = sender.service if isinstance(sender, Hindered) else sender
        assert isinstance(sender, EspSender)
        hindered = Hindered(sender, **how)
        self.app = replace(self.app, sender=hindered, senders={hindered.name: hindered})

    def time_passes(self, time: timedelta) -> Callable[[], object]:
        return lambda: clock_of(self.app).step(time)

    def mail_in_doubt(self, fault: str) -> None:
        """Ada's mail is handed over, and no answer comes."""
        self.service.next = [fault]
        order(self.app, "1", ADA)
        run_until(self.app, DUE)
        assert fates(self.app) == [("unknown", "unknown_outcome")]

    def after(self, time: timedelta) -> list[tuple[str, str | None]]:
        """What the sweep that runs then makes of it."""
        clock_of(self.app).step(time)
        settle_doubts(self.app)
        return fates(self.app)


@dataclass
class Hindered:
    """A mail service, and what happens before its requests and after them."""

    service: EspSender
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.name = self.service.name

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        for message in messages:
            self.before()
            for receipt in self.service.send_batch([message], go):
                self.after()
                yield receipt

    def account(self, secret: str) -> str:
        return self.service.account(secret)

    def close(self) -> None:
        self.service.close()


def fail() -> None:
    raise RuntimeError("the worker dies")


@contextmanager
def shop_at(name: str, folder: Path, database: str, brand: str = "") -> Iterator[Shopkeeper]:
    shop = Shop(folder / "shop").write(campaign(quiet="null", valid_for="2d"), brand=brand)
    with fake_service(name) as service:
        sender = esp_from_url(service.url, {})
        with engine(folder, SteppedClock(MONDAY), sender=sender, database_url=database, **shop.files) as app:
            yield Shopkeeper(app, service, shop)
