"""An engine of its own to try things in: the real one, over a database that nobody misses, and with no way out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import ClassVar
from uuid import UUID

from aftercart.backtest.future import Barred, Happening
from aftercart.backtest.source import throwaway
from aftercart.bootstrap import App, assemble
from aftercart.campaigns.loader import Campaigns
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.session import Database
from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.intake.base import Shop
from aftercart.intake.changes import Change
from aftercart.ledger.witness import Witness
from aftercart.pipeline.incoming.ingest import take_in
from aftercart.policy import store as policy
from aftercart.settings import Settings
from aftercart.stepped import ListQueue, next_wake, run_due

SAMPLES = 12


@dataclass
class Outbox:
    """Takes every mail and sends none. Keeps some of them, each as likely as any other, and the ids of the latest."""

    name: str = "backtest"
    samples: list[Message] = field(default_factory=list)
    latest: list[UUID] = field(default_factory=list)
    taken: int = 0
    _chance: Random = field(default_factory=lambda: Random(0))

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        for message in messages:
            if not go(message):
                yield Receipt(message.send_id, Outcome.WITHHELD, "")
                continue
            self._keep(message)
            yield Receipt(message.send_id, Outcome.ACCEPTED, "250 ok", code=250)

    def _keep(self, message: Message) -> None:
        self.taken += 1
        self.latest.append(message.send_id)
        place = len(self.samples) if self.taken <= SAMPLES else self._chance.randrange(self.taken)
        self.samples[place : place + 1] = [message] if place < SAMPLES else []

    def close(self) -> None:
        """Nothing to close."""


class Replayed(Shop):
    """A shop whose webhooks are what it told before. A body is the number of what it stands for."""

    name: ClassVar[str] = ""
    setting: ClassVar[str] = ""
    kept_headers: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__("")
        self._told: dict[bytes, Sequence[Change]] = {}
        self._count = 0

    def tells(self, shop: str, changes: Sequence[Change], at: datetime) -> dict[str, object]:
        """The row of the inbox for it."""
        self._count += 1
        body = str(self._count).encode()
        self._told[body] = changes
        about = {"shop": shop, "delivery_key": str(self._count), "topic": "replayed"}
        return {**about, "body": body, "headers": {}, "received_at": at}

    def parse(self, _topic: str, body: bytes) -> tuple[Change, ...]:
        return tuple(self._told.pop(body))

    def order_id_at(self, _topic: str) -> tuple[str, ...]:
        return ()

    def topic(self, _headers: Mapping[str, str], _body: bytes) -> str:
        return "replayed"

    def delivery_key(self, _headers: Mapping[str, str], body: bytes) -> str:
        return body.decode()

    def claimed_signatures(self, _headers: Mapping[str, str]) -> Iterable[str]:
        return ()

    def signature(self, _secret: bytes, _headers: Mapping[str, str], _body: bytes) -> str:
        return ""


class _NoWitness(Witness):
    """A database that nobody misses needs no file beside it that vouches for it."""

    def note(self, place: str, beats: int) -> None:
        self._place, self._beats = place, beats


@dataclass(frozen=True)
class Sandbox:
    """One engine and what moves it."""

    app: App
    clock: SteppedClock
    outbox: Outbox
    replayed: Replayed

    def take(self, happening: Happening) -> None:
        """Let it happen, now, by the way that a webhook goes."""
        self.clock.move_to(happening.at)
        self._bar(happening.barred)
        rows = [self.replayed.tells(shop, told, happening.at) for shop, told in happening.told.items() if told]
        if rows:
            with self.app.inbox_db.write() as connection:
                inbox.store(connection, rows)
            take_in(self.app)

    def _bar(self, barred: Sequence[Barred]) -> None:
        if not barred:
            return
        with self.app.db.write() as connection:
            for one in barred:
                now = self.clock()
                policy.suppress(connection, [one.email], one.reason, one.source, now, one.scope, one.topic)

    def next_wake(self) -> datetime | None:
        """When a planned mail wants to be looked at."""
        return next_wake(self.app)

    def run_due(self) -> int:
        """Decide and deliver what is due; how many mails were handed out for it."""
        return run_due(self.app)


@contextmanager
def sandbox(
    settings: Settings, database: Database, folder: Path, campaigns: Campaigns, shops: Iterable[str], start: datetime
) -> Iterator[Sandbox]:
    """An engine over `database`, at `start`, with these campaigns; whatever the files become meanwhile."""
    clock, outbox, replayed = SteppedClock(start), Outbox(), Replayed()
    inbox_db = throwaway(folder / "inbox.db")
    inbox.prepare(inbox_db)
    own = settings.model_copy(
        update={
            "data_dir": folder,
            "database_url": str(database.engine.url),
            "broker_url": "inproc://",
            "sender_url": "console:",
            "traces_url": "",
            "bounce_mailbox": "",
            "esp_webhook_secrets": "",
        }
    )
    built = assemble(own, clock, database, inbox_db, outbox)
    app = replace(
        built,
        queue=ListQueue(),
        shops=dict.fromkeys(shops, replayed),
        witness=_NoWitness(folder / "beats.json"),
        live_campaigns=lambda: campaigns,
        new_id=numbered_ids(),
    )
    try:
        yield Sandbox(app, clock, outbox, replayed)
    finally:
        built.close()


def numbered_ids() -> "Numbered":
    """Ids that are the same in every run, one after the other."""
    return Numbered(Random(0))


@dataclass
class Numbered:
    """Makes ids of version 7, as the engine does, from a count and from chance that is the same each time."""

    chance: Random
    count: int = 0

    def __call__(self) -> UUID:
        self.count += 1
        low = self.chance.getrandbits(62)
        return UUID(int=self.count << 80 | 0x7 << 76 | self.chance.getrandbits(12) << 64 | 0x2 << 62 | low)
