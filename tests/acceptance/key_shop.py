"""The shop in which the stories of `test_every_key_acts.py` are told."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from aftercart.bootstrap import App, assemble
from aftercart.campaigns.sending import limits_of
from aftercart.clock import SteppedClock
from aftercart.coupons import store as coupons
from aftercart.coupons.coupon import Code
from aftercart.db import inbox, migrate
from aftercart.db.session import Database
from aftercart.db.tables import InboxRow, Row, events, pauses, sends
from aftercart.delivery.base import Message
from aftercart.delivery.router import Router
from aftercart.delivery.store.shared import SharedTraffic
from aftercart.feedback.told import Kind, Told
from aftercart.pipeline.recipients import feedback
from aftercart.pipeline.upkeep.tidy import tidy
from aftercart.rendering.renderer import Renderer
from aftercart.testing import ListQueue, RecordingSender, run_until, settings_for
from aftercart.tracking.tokens import Purpose
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.acceptance.yaml_keys import Files
from tests.cast import ADA, BIKE, MONDAY, click, leave, order, rows, tell

PARIS = ZoneInfo("Europe/Paris")

BODY = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text color="{{ brand.color }}">{{ brand.name }} {{ brand.logo_url or "" }} {{ brand.font }}
{{ order.placed_at|date }}</mj-text>
<mj-text><a href="{{ brand.url }}/a">A</a> <a href="https://partner.test/b">B</a></mj-text>
<mj-text>{% for pick in picks %}{{ pick.title }} {% endfor %}</mj-text>
<mj-text>{{ brand.postal_address }} <a href="{{ links.unsubscribe }}">Leave</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


@dataclass
class Ground:
    """What all scenarios share, because it takes time to make: databases, emptied in between, and templates."""

    folder: Path

    def __post_init__(self) -> None:
        self.main, self.inbox = (Database(f"sqlite:///{self.folder / name}.db") for name in ("main", "inbox"))
        migrate.make_usable(self.main)
        inbox.prepare(self.inbox)
        for name in ("plain", "accessories", "other"):
            template = self.templates / name
            template.mkdir(parents=True)
            (template / "body.mjml").write_text(BODY, encoding="utf-8")
            (template / "subject.txt").write_text(f"The {name} mail", encoding="utf-8")
        self.renderer = Renderer(self.templates, self.folder / "cache")

    @property
    def templates(self) -> Path:
        return self.folder / "templates"

    def clear(self) -> None:
        """Forget everything."""
        for database, tables in ((self.main, Row.metadata), (self.inbox, InboxRow.metadata)):
            with database.write() as connection:
                for table in reversed(tables.sorted_tables):
                    connection.exec_driver_sql(f"DELETE FROM {table.name}")

    def close(self) -> None:
        self.main.close()
        self.inbox.close()


@dataclass(frozen=True)
class World:
    """A shop with its files, at Monday 15:00 in Berlin, where Ada lives in Paris; two senders carry its mails."""

    app: App
    carriers: tuple[RecordingSender, RecordingSender]

    def order(self, number: str = "1", who: Mapping[str, Any] = ADA, *lines: Mapping[str, Any], **changes: Any) -> None:
        """Somebody orders a bike, or something else, now."""
        order(self.app, number, who, lines or [BIKE], **changes)

    def live(self, days: float) -> "World":
        """Let time pass, with everything that falls due meanwhile."""
        run_until(self.app, self.app.clock() + timedelta(days=days))
        return self

    def sleep(self, days: float) -> "World":
        """Let time pass while the engine is down."""
        clock = self.app.clock
        assert isinstance(clock, SteppedClock)
        clock.step(timedelta(days=days))
        return self

    def sell(self, sku: str, **about: Any) -> None:
        """The shop tells of a product; all that tells products apart is its own."""
        kinds = {name: f"{sku} {name}" for name in ("department", "category", "brand", "family")}
        page = {"url": f"https://bikes.test/{sku}", "price": "20.00", "currency": "EUR"}
        tell(self.app, "product.updated", {"sku": sku, "title": sku.title(), **kinds, **page, **about})

    def bring(self, code: str, ends: datetime) -> None:
        """The shop brings a coupon code."""
        with self.app.db.write() as connection:
            coupons.add_codes(connection, "thanks", [Code(code, ends)], self.app.clock())

    @property
    def mails(self) -> list[Message]:
        """What has left, the first sender's first."""
        return [message for carrier in self.carriers for message in carrier.messages]

    @property
    def mail(self) -> Message:
        """The one mail that has left."""
        (message,) = self.mails
        return message

    @property
    def fates(self) -> list[str]:
        """What became of each send: its reason, else its state."""
        return [row["reason"] or row["state"] for row in rows(self.app, sends)]

    @property
    def due(self) -> str:
        """When the one planned mail is due, by the clock in Paris."""
        (row,) = rows(self.app, sends)
        return f"{row['due_at'].astimezone(PARIS):%a %H:%M}"

    def click(self) -> None:
        """Ada opens the first link of her mail."""
        click(self.app, self.mail)

    def complain(self) -> None:
        """Who got the first mail marks it as spam."""
        send = rows(self.app, sends)[0]
        source = {**rows(self.app, events)[0], "shop": "esp:tests"}  # any event will do
        with self.app.db.write() as connection:
            feedback.hear(connection, [(source, [Told(Kind.COMPLAINT, "1", send["id"])])], self.app.clock())

    def leave(self) -> None:
        """Who got the first mail unsubscribes in it."""
        send = rows(self.app, sends)[0]
        leave(self.app, send["recipient_id"], send["id"])

    def pauses(self) -> list[str]:
        """What pauses itself, now that housekeeping looks."""
        tidy(self.app)
        return sorted(row["scope"] for row in rows(self.app, pauses))

    def topics(self) -> list[tuple[str, ...]]:
        """What the reader of the one mail may choose from, on their page: id, name, description."""
        (send,) = rows(self.app, sends)
        token = self.app.tokens.page(Purpose.PREFERENCES, send["recipient_id"], send["id"])
        with serving(create_web(self.app)) as url:
            page = httpx.get(f"{url}/p/{token}", timeout=30).text
        return re.findall(r'name="topic" value="(\w+)".*?<span>([^<]*)(?:<small>([^<]*))?', page)


@contextmanager
def world(ground: Ground, folder: Path, files: Files) -> Iterator[World]:
    """A shop with these files and nothing done yet."""
    ground.clear()
    (folder / "campaigns").mkdir(parents=True)
    for name, content in files.items():
        (folder / "campaigns" / name).write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    settings = settings_for(folder, campaigns_dir=folder / "campaigns", templates_dir=ground.templates)
    clock = SteppedClock(MONDAY)
    carriers = RecordingSender("first"), RecordingSender("second")
    app = assemble(settings, clock, ground.main, ground.inbox, carriers[0])
    traffic = SharedTraffic(app.db, clock, [c.name for c in carriers], lambda name: limits_of(app.brand.senders, name))
    sender = Router(carriers, traffic, clock)
    yield World(replace(app, queue=ListQueue(), renderer=ground.renderer, traffic=traffic, sender=sender), carriers)
