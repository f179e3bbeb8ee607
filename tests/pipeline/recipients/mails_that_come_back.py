"""A shop whose mails come back: by a letter to the bounce address, or by a mail service's webhook."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.tables import feedback, suppressions
from aftercart.pipeline.incoming.ingest import take_in
from aftercart.pipeline.recipients.collect import store_mails
from aftercart.pipeline.recipients.feedback import accept_webhook
from aftercart.testing import engine, run_until
from tests.cast import ADA, DAY, MONDAY, Shop, campaign, order, outbox, rows
from tests.feedback.letters import POSTFIX, letter
from tests.feedback.services import HOOKS, SETTING, Event

FULL = {"status": "5.2.2", "diagnostic": "552 5.2.2 mailbox full"}
FORGERY = "bounces+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@shop.example"
"""An address like those that mails carry for their bounces, made by a stranger."""


@contextmanager
def shop_told(folder: Path, database_url: str, brand: str = "") -> Iterator[App]:
    """It is told what becomes of its mails."""
    shop = Shop(folder / "shop").write(campaign(quiet="null", valid_for="2d"), brand=brand)
    settings: dict[str, Any] = {"esp_webhook_secrets": SETTING, "bounce_address": "bounces@shop.example"}
    settings["base_url"] = "https://mail.shop.example"  # Mandrill signs where it posts to
    with engine(folder, SteppedClock(MONDAY), database_url=database_url, **shop.files, **settings) as app:
        yield app


def mail_sent(app: App, order_id: str = "1") -> UUID:
    """Ada has got a mail; the id of its send."""
    order(app, order_id, ADA, placed_at=app.clock().isoformat())
    run_until(app, app.clock() + 4 * DAY)
    return outbox(app).messages[-1].send_id


def bounce(app: App, send_id: UUID, form: str = POSTFIX, **facts: str) -> None:
    """A mail about it comes to the bounce address."""
    assert app.bounces is not None
    address = app.bounces.of(send_id)
    store_mails(app, [letter(form, **{"to": address, "return_path": address, **facts})])
    take_in(app)


def hook(app: App, name: str, event: Event) -> None:
    """The service tells it."""
    headers, body = HOOKS[name](event)
    with app.inbox_db.write() as connection:
        inbox.store(connection, [accept_webhook(app.services[name], headers, body, app.clock())])
    take_in(app)


def reasons(app: App) -> list[str]:
    return [row["reason"] for row in rows(app, suppressions)]


def effects(app: App) -> list[str]:
    return [row["effect"] for row in rows(app, feedback)]
