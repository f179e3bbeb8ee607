"""A shop and its engine on each kind of database. A file that needs another campaign says so by a `shop` of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.testing import engine
from tests.cast import MONDAY, Shop, campaign, outbox

Open = Callable[..., App]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Its mails go three days after the order, at 10:00 where the person lives."""
    return Shop(tmp_path / "shop").write(campaign())


@pytest.fixture
def open_app(shop: Shop, tmp_path: Path, database_url: str) -> Iterator[Open]:
    """Opens engines on one database, as a process that starts again does; a later one begins where time stands."""
    with ExitStack() as opened:

        def open_at(start: datetime = MONDAY, **changes: Any) -> App:
            settings = {"database_url": database_url, **shop.files, **changes}
            return opened.enter_context(engine(tmp_path, SteppedClock(start), **settings))

        yield open_at


@pytest.fixture
def app(open_app: Open) -> App:
    """An engine on a Monday."""
    return open_app()


def in_between(app: App, act: Callable[[], object]) -> App:
    """The same engine, but for what happens after the claim of the first mail and before its hand-over."""
    sender, acted = outbox(app), list[object]()

    class Interrupted:
        name = "recording"

        def send_batch(self, messages: Any, go: Any) -> Any:
            if not acted:
                acted.append(act())
            return sender.send_batch(messages, go)

        def close(self) -> None: ...

    return replace(app, sender=Interrupted())
