"""The cast, the shop they buy from, and what they do: orders, refunds and clicks, told to the engine as a shop tells.

Ada (consented, Paris), Ben (unsubscribed), Chika (Tokyo, quiet hours), Dev (refunded his order).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Table, event, select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.session import Database
from aftercart.db.tables import sends
from aftercart.delivery.base import Message, Outcome, Receipt
from aftercart.intake.signing import sign_generic, sign_shopify, sign_woocommerce
from aftercart.pipeline.incoming.ingest import accept, take_in
from aftercart.pipeline.recipients.record import Click, Leaving, Visit, find_link, keep_clicks, keep_leaving
from aftercart.testing import GENERIC_SECRET, SHOP_SECRET, RecordingSender, post

MONDAY = datetime(2026, 3, 2, 14, tzinfo=UTC)
"""15:00 in Paris, 23:00 in Tokyo."""
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

ADA = {
    "id": "1", "email": "ada@example.com", "first_name": "Ada", "locale": "fr-FR",
    "time_zone": "Europe/Paris", "country": "FR", "accepts_marketing": True,
}  # fmt: skip
BEN = {**ADA, "id": "2", "email": "ben@example.com", "first_name": "Ben", "accepts_marketing": False}
CHIKA = {
    "id": "3", "email": "chika@example.com", "first_name": "Chika", "locale": "ja-JP",
    "time_zone": "Asia/Tokyo", "country": "JP", "accepts_marketing": True,
}  # fmt: skip
DEV = {**ADA, "id": "4", "email": "dev@example.com", "first_name": "Dev"}

BIKE = {"sku": "BIKE", "title": "Road bike", "quantity": 1, "unit_price": "900.00"}
HELMET = {"sku": "HELMET", "title": "Helmet", "quantity": 1, "unit_price": "80.00"}
SHELF = ("LAMP", "LOCK", "PUMP", "BELL", "BOTTLE", "CAGE", "GLOVES", "RACK")
"""What there is to go with a bike; each in a category of its own."""


def customer(number: int, **changes: Any) -> dict[str, Any]:
    """Somebody from the street who consents, lives in Paris and is no relation of the cast."""
    return {**ADA, "id": f"c{number}", "email": f"customer{number}@example.com", "first_name": f"C{number}", **changes}


# ---------------------------------------------------------------- what the shop tells


def tell(app: App, type_: str, data: Mapping[str, Any], *, webhook_id: str = "") -> None:
    """A generic webhook, signed, sent now and worked through."""
    body = json.dumps({"type": type_, "timestamp": app.clock().isoformat(), "data": data}).encode()
    tell_raw(app, body, webhook_id=webhook_id)


def tell_raw(app: App, body: bytes, *, webhook_id: str = "") -> None:
    """A webhook with any body. Without an id of its own it is one that never came before."""
    tell_raw.count += 1  # type: ignore[attr-defined]
    id_ = webhook_id or f"msg_{tell_raw.count}"  # type: ignore[attr-defined]
    post(app, "generic", sign_generic(GENERIC_SECRET, id_, body, app.clock()), body)


tell_raw.count = 0  # type: ignore[attr-defined]


def tell_shopify(app: App, topic: str, content: Mapping[str, Any]) -> None:
    """A webhook of Shopify, signed and worked through now."""
    body = json.dumps(content).encode()
    post(app, "shopify", sign_shopify(SHOP_SECRET, "example.myshopify.com", "", topic, body), body)


def tell_woocommerce(app: App, topic: str, content: Mapping[str, Any]) -> None:
    """A webhook of WooCommerce, signed and worked through now."""
    body = json.dumps(content).encode()
    post(app, "woocommerce", sign_woocommerce(SHOP_SECRET, "https://www.example.com", "7", topic, body), body)


def order(
    app: App,
    order_id: str,
    who: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]] = (BIKE,),
    *,
    webhook_id: str = "",
    **changes: Any,
) -> None:
    """Somebody completes an order, now."""
    tell(app, "order.completed", {**_order(app, order_id, who, lines), **changes}, webhook_id=webhook_id)


def orders_of(app: App, people: Iterable[Mapping[str, Any]]) -> None:
    """Each of them completes an order, now; the orders are numbered from 0, and the engine hears of all at once."""
    now = app.clock()
    told = [{"type": "order.completed", "data": _order(app, str(n), who, (BIKE,))} for n, who in enumerate(people)]
    bodies = [json.dumps({**one, "timestamp": now.isoformat()}).encode() for one in told]
    shop = app.shops["generic"]
    taken = [accept(shop, sign_generic(GENERIC_SECRET, f"many_{n}", b, now), b, now) for n, b in enumerate(bodies)]
    with app.inbox_db.write() as connection:
        inbox.store(connection, [row for row in taken if row])
    take_in(app)


def _order(app: App, order_id: str, who: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    now = app.clock().isoformat()
    return {"order_id": order_id, "placed_at": now, "currency": "EUR", "customer": who, "lines": list(lines)}


def refund(app: App, order_id: str, *skus: str) -> None:
    """The order is refunded, in full or only some products."""
    lines = {"lines": [{"sku": sku, "quantity": 1} for sku in skus]} if skus else {}
    tell(app, "order.refunded", {"order_id": order_id, **lines})


def stock_up(app: App, skus: Iterable[str] = ("BIKE", "HELMET", *SHELF)) -> None:
    """The shop tells what it sells."""
    for sku in skus:
        page = {"url": f"https://www.example.com/{sku}", "image_url": f"https://img.example.com/{sku}.jpg"}
        about = {"sku": sku, "title": sku.title(), "price": "900" if sku == "BIKE" else "20", "currency": "EUR"}
        tell(app, "product.updated", {**about, "category": f"{sku} category", "department": "Things", **page})


# ---------------------------------------------------------------- the shop's files


def campaign(
    name: str = "accessories",
    *,
    after: str = "3d",
    at: str = '"10:00"',
    valid_for: str = "3d",
    status: str = "active",
    caps: str = "[]",
    priority: int = 50,
    quiet: str = '"21:00-08:00"',
    holdout: str = "0%",
    template: str = "plain",
    topic: str = "recommendations",
    more_steps: str = "",
) -> str:
    """A campaign file with one step called `complements`, that offers nothing."""
    return f"""\
campaign: {name}
status: {status}
topic: {topic}
trigger: order.completed
steps:
  - {{id: complements, after: {after}, at: {at}, valid_for: {valid_for}, template: {template}}}
{more_steps}
limits: {{frequency_cap: {caps}, quiet_hours: {quiet}, priority: {priority}}}
holdout: {holdout}
attribution: {{window: 5d}}
"""


BRAND = """\
name: Example Bikes
sender: Example Bikes <hello@example.com>
postal_address: Example Bikes, 1 Main Street, 75001 Paris, France
time_zone: Europe/Paris
url: https://www.example.com
"""

BODY = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hi {{ recipient.first_name }}, about your {% for line in order.lines %}{{ line.title }} {% endfor %}</mj-text>
<mj-text><a href="{{ brand.url }}">Shop</a> <a href="{{ links.unsubscribe }}">Leave</a></mj-text>
<mj-text>{{ brand.postal_address }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


@dataclass(frozen=True)
class Shop:
    """The files of a shop owner: campaigns and templates, and where the engine keeps its data."""

    folder: Path

    @property
    def files(self) -> dict[str, Path]:
        """The settings that lead to them."""
        return {"campaigns_dir": self.folder / "campaigns", "templates_dir": self.folder / "templates"}

    def write(self, *campaigns: str, brand: str = "") -> "Shop":
        """These campaigns, and no others. `brand`: lines beside the usual ones."""
        folder = self.folder / "campaigns"
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.yaml"):
            file.unlink()
        (folder / "brand.yaml").write_text(BRAND + brand)
        for number, text in enumerate(campaigns):
            (folder / f"{number}.yaml").write_text(text)
        return self.template("plain", BODY)

    def template(self, name: str, body: str) -> "Shop":
        """A template with this body."""
        folder = self.folder / "templates" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "body.mjml").write_text(body)
        (folder / "subject.txt").write_text("About order {{ order.id }}")
        return self


# ---------------------------------------------------------------- what comes of it


def clock_of(app: App) -> SteppedClock:
    """The clock that a test may move."""
    assert isinstance(app.clock, SteppedClock)
    return app.clock


def outbox(app: App) -> RecordingSender:
    """What has left."""
    assert isinstance(app.sender, RecordingSender)
    return app.sender


def rows(app: App, table: Table) -> list[dict[str, Any]]:
    """What a table holds, in the order of its key."""
    with app.db.read() as connection:
        query = select(table).order_by(*table.primary_key.columns)
        return [dict(row) for row in connection.execute(query).mappings()]


def fates(app: App) -> list[tuple[str, str | None]]:
    """(state, reason) of every send, the oldest first."""
    return [(row["state"], row["reason"]) for row in rows(app, sends)]


def only_send(app: App) -> dict[str, Any]:
    """The one send that there is."""
    (row,) = rows(app, sends)
    return row


def links_in(message: Message) -> list[str]:
    """The tokens of the tracked links of a mail."""
    return re.findall(r"/c/([A-Za-z0-9_.\-]+)", message.html)


def click(app: App, message: Message, position: int = 0) -> str | None:
    """A person opens a link of a mail, now; where it leads."""
    link = find_link(app.db, app.tokens, links_in(message)[position])
    if link is None:
        return None
    now = app.clock()
    with app.db.write() as connection:
        made = Click(link, Visit("GET", "Mozilla/5.0 Firefox/140.0"), now)
        keep_clicks(connection, [made], app.campaigns.attribution_windows, now)
    return link.url


def leave(app: App, recipient_id: int, send_id: UUID) -> None:
    """A person unsubscribes, now."""
    token = app.tokens.unsubscribe(recipient_id, send_id)
    with app.db.write() as connection:
        keep_leaving(connection, Leaving(*app.tokens.read_unsubscribe(token), "one_click", app.clock()))


def answer(outcome: Outcome, response: str = "", **facts: Any) -> Receipt:
    """A receipt for `RecordingSender.answers`, which fills in the send."""
    return Receipt(UUID(int=0), outcome, response, **facts)


class Statements:
    """The statements executed on a database while the `with` block lasts; `calls`: with their parameters."""

    def __init__(self, database: Database) -> None:
        self.calls: list[tuple[str, Any]] = []
        self._engine = database.engine

    def __enter__(self) -> "Statements":
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, text: str, parameters: Any, *_: object) -> None:
        self.calls.append((text, parameters))

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[str]:
        return (text for text, _ in self.calls)
