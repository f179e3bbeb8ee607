"""What the mutation check of the YAML keys is made of: the keys there are, files in which one says nothing, and a shop.

How to add a scenario stands in `test_every_key_acts.py`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfo

import httpx
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from aftercart.bootstrap import App, assemble
from aftercart.campaigns.brand import Brand
from aftercart.campaigns.schema import Campaign, Part
from aftercart.campaigns.sending import limits_of
from aftercart.clock import SteppedClock
from aftercart.db import inbox, migrate
from aftercart.db.session import Database
from aftercart.db.tables import InboxRow, Row, events, pauses, sends
from aftercart.delivery.base import Message
from aftercart.delivery.router import Router
from aftercart.delivery.store.shared import SharedTraffic
from aftercart.feedback.told import Kind, Told
from aftercart.pipeline import feedback
from aftercart.pipeline.tidy import tidy
from aftercart.rendering.renderer import Renderer
from aftercart.testing import ListQueue, RecordingSender, run_until, settings_for
from aftercart.tracking.tokens import Purpose
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.cast import ADA, BIKE, MONDAY, click, leave, order, rows, tell

Sees = Callable[["World"], Any]
Files = dict[str, dict[str, Any]]
S = TypeVar("S", bound=Sees)
PARIS = ZoneInfo("Europe/Paris")


# ---------------------------------------------------------------- the keys there are


@dataclass(frozen=True)
class Key:
    """A key that holds a value: `campaign.yaml` or `brand.yaml`, and the way there (`steps[].at`)."""

    file: str
    path: str
    required: bool = field(compare=False, default=False)
    stand_in: Any = field(compare=False, default=None)
    """What stands for a key that must be given, when it is to say nothing: the first example of the schema."""

    def __str__(self) -> str:
        return f"{self.file}: {self.path}"


MODELS: Mapping[str, type[Part]] = {"campaign.yaml": Campaign, "brand.yaml": Brand}


def every_key() -> list[Key]:
    """Found in the schema itself, so that a new key is in the list without anybody's doing.

    One that allows a single value is not: nothing can be said with it.
    """
    return [key for file, model in MODELS.items() for key in _keys(file, model, "")]


def _keys(file: str, model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        if inner := _part_in(info.annotation):
            yield from _keys(file, inner, f"{path}[]." if "tuple" in str(info.annotation) else f"{path}.")
        elif not _has_one_value(info.annotation):
            yield Key(file, path, info.is_required(), _example(info) if info.is_required() else None)


def _part_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _part_in(inner))), None)


def _has_one_value(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def _example(info: FieldInfo) -> Any:
    assert info.examples, "a key that must be given shows an example"
    return info.examples[0]


# ---------------------------------------------------------------- files


CAMPAIGN = {
    "campaign": "mine",
    "status": "active",
    "trigger": "order.completed",
    "steps": [{"id": "only", "after": "3d", "template": "plain"}],
}
BRAND = {
    "name": "Bikes of Tests",
    "sender": "Bikes <bikes@shop.test>",
    "postal_address": "Bikes, 5 Side Street, 10115 Berlin",
    "time_zone": "Europe/Berlin",
    "url": "https://bikes.test",
}


def files_with(says: Mapping[Key, Any]) -> Files:
    """The usual files, but for what is said."""
    files: Files = {"campaign.yaml": deepcopy(CAMPAIGN), "brand.yaml": deepcopy(BRAND)}
    for key, value in says.items():
        *way, last = _parts(key)
        part: Any = files[key.file]
        for name, is_list in way:
            part = part.setdefault(name, [{}] if is_list else {})
            part = part[0] if is_list else part
        part[last[0]] = deepcopy(value)
    return files


def without(files: Files, key: Key) -> Files:
    """The same files as if the key were read and forgotten: its default holds, or, where it has none, the stand-in.

    Of what cannot stand empty (`bought: {}`) nothing is left either, and no more than that: else it could be a parent
    that is missed, and not the key.
    """
    files = deepcopy(files)
    way = _parts(key)
    part = _part_at(files[key.file], way[:-1])
    del part[way[-1][0]]
    if key.required:
        part[way[-1][0]] = key.stand_in
    while way and not _is_valid(key.file, files[key.file]):
        way = way[:-1]
        del _part_at(files[key.file], way[:-1])[way[-1][0]]
    return files


def _part_at(part: Any, way: list[tuple[str, bool]]) -> Any:
    for name, is_list in way:
        part = part[name][0] if is_list else part[name]
    return part


def _is_valid(file: str, content: Mapping[str, Any]) -> bool:
    try:
        MODELS[file].model_validate(content)
    except ValidationError:
        return False
    return True


def _parts(key: Key) -> list[tuple[str, bool]]:
    return [(name.removesuffix("[]"), name.endswith("[]")) for name in key.path.split(".")]


# ---------------------------------------------------------------- scenarios


@dataclass(frozen=True)
class Scenario:
    """With `says` in the files, `observe` sees `sees`; and something else when the key says nothing."""

    key: Key
    observe: Sees
    says: Mapping[Key, Any]
    sees: Any
    other: Mapping[str, Any] = field(default_factory=dict)
    """What a second campaign says, if there is one."""

    @property
    def files(self) -> Files:
        """As a shop owner would write them."""
        second = {"other.yaml": {**deepcopy(CAMPAIGN), "campaign": "other", **self.other}} if self.other else {}
        return {**files_with(self.says), **second}

    def __str__(self) -> str:
        return f"{self.key.path} {self.observe.__name__}"


SCENARIOS: list[Scenario] = []


def campaign_key(path: str, says: Any, *, sees: Any, **beside: Any) -> Callable[[S], S]:
    """A scenario in which `path` of the campaign file acts. `beside`: what else is said, see `_scenario`."""
    return _scenario(Key("campaign.yaml", path), says, sees, **beside)


def brand_key(path: str, says: Any, *, sees: Any, **beside: Any) -> Callable[[S], S]:
    """A scenario in which `path` of the brand file acts. `beside`: what else is said, see `_scenario`."""
    return _scenario(Key("brand.yaml", path), says, sees, **beside)


def _scenario(
    key: Key,
    says: Any,
    sees: Any,
    campaign: Mapping[str, Any] | None = None,
    brand: Mapping[str, Any] | None = None,
    other: Mapping[str, Any] | None = None,
) -> Callable[[S], S]:
    """`campaign`, `brand`: further keys of the two files, by their path. `other`: top keys of a second campaign."""
    also = {Key("campaign.yaml", path): value for path, value in (campaign or {}).items()}
    also |= {Key("brand.yaml", path): value for path, value in (brand or {}).items()}

    def add(observe: S) -> S:
        SCENARIOS.append(Scenario(key, observe, {**also, key: says}, sees, other or {}))
        return observe

    return add


# ---------------------------------------------------------------- the shop


BODY = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text color="{{ brand.color }}">{{ brand.name }} {{ brand.logo_url or "" }} {{ order.placed_at|date }}</mj-text>
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
                    connection.execute(table.delete())

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
            page = httpx.get(f"{url}/p/{token}").text
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
