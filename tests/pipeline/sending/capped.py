"""Campaigns with frequency caps, and what is asked of their mails."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from aftercart.bootstrap import App
from aftercart.db.tables import decisions, preferences, recipients, sends
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.sending.send import claim
from aftercart.testing import ListQueue, engine
from tests.cast import (
    MONDAY,
    Shop,
    rows,
)
from tests.jumping_clock import JumpingClock

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""
ONE: dict[str, Any] = {"caps": "[1 per 1d]", "quiet": "null"}

Open = Callable[..., App]


@contextmanager
def engines(folder: Path, database_url: str) -> Iterator[Open]:
    """Opens engines with campaigns that are given as text; `brand`: lines of the brand file."""
    with ExitStack() as opened:

        def with_files(*campaigns: str, brand: str = "") -> App:
            shop = Shop(folder / "shop").write(*campaigns, brand=brand)
            return opened.enter_context(engine(folder, JumpingClock(MONDAY), database_url=database_url, **shop.files))

        yield with_files


def with_limits(text: str, **limits: str) -> str:
    """A campaign file with more keys in its limits."""
    more = "".join(f", {key}: {value}" for key, value in limits.items())
    return text.replace("}\nholdout", f"{more}}}\nholdout")


def transactional(name: str = "receipt", **facts: str) -> str:
    lines = "".join(f"{key}: {value}\n" for key, value in facts.items())
    return (
        f"campaign: {name}\nstatus: active\nclass: transactional\n{lines}trigger: order.completed\n"
        'steps: [{id: complements, after: 3d, at: "10:00", valid_for: 3d, template: plain}]\n'
    )


def by_campaign(app: App) -> dict[str, tuple[str, str | None]]:
    return {row["campaign"]: (row["state"], row["reason"]) for row in rows(app, sends)}


def claim_due(app: App) -> list[Any]:
    """What is due is claimed, and its worker pauses before the hand-over."""
    assert isinstance(app.queue, ListQueue)
    dispatch(app)
    published, app.queue.published[:] = list(app.queue.published), []
    return [claimed for _, (ids,) in published for claimed in claim(app, [UUID(id_) for id_ in ids])]


def stops_of(app: App, reason: str) -> list[list[str]]:
    """What stood in the way where decisions gave that reason."""
    return [row["inputs"]["stops"] for row in rows(app, decisions) if row["reason"] == reason]


def want_mail_once_a_week(app: App) -> None:
    with app.db.write() as connection:
        row = {"locale": "", "time_zone": "", "at_most": "1 per 7d", "updated_at": app.clock()}
        connection.execute(preferences.insert().values(recipient_id=rows(app, recipients)[0]["id"], **row))
