"""Sending: due rows decided, recommended, rendered, handed to an SMTP sink and recorded; and the whole way to there.

The floor of both is a bare `smtplib` loop over ready-made bytes on one kept connection to the same sink, which runs
in a process of its own. Ours works in one thread.
"""

import json
import shutil
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from aftercart.bench.timing import Result, beside
from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.senders import sender_from_url
from aftercart.demo import bike_shop
from aftercart.demo.payloads import generic_order
from aftercart.demo.shop import DemoShop, Order, write_orders, write_products
from aftercart.demo.smtp_server import SmtpServer
from aftercart.errors import AftercartError
from aftercart.ids import new_id
from aftercart.intake.signing import sign_generic
from aftercart.pipeline.ingest import accept, take_in
from aftercart.pipeline.load import load_orders, load_products
from aftercart.pipeline.train import train
from aftercart.reports.sends import counts
from aftercart.starter import shipped
from aftercart.testing import GENERIC_SECRET, ListQueue, RecordingSender, run_due, settings_for

ORDERS = 400
PEOPLE = 1_000
TRAINING_BUDGET_S = 6.0
MAIL_DUE_IN = timedelta(days=4)
EVENING = timedelta(hours=18)
"""At 18:00 UTC it is nobody's night, from Los Angeles to Vienna."""


def send(rounds: int, folder: Path) -> tuple[Result, Result]:
    """Two results: from due rows to the sink, and from webhooks in the inbox to the sink."""
    with _sink() as port, _engine(folder, port) as bench, smtplib.SMTP("127.0.0.1", port) as bare:
        ready_made = bench.ready_made()

        def floor() -> None:
            for mail in ready_made:
                bare.sendmail("hello@example.com", ["ada@example.com"], mail)

        name = "bare smtplib loop"
        whole = beside("whole way", "orders", bench.whole_way, name, floor, count=ORDERS, rounds=rounds)
        due = beside("send", "mails", bench.send_due, name, floor, count=ORDERS, rounds=rounds, prepare=bench.plan)
    return due, whole


class _Bench:
    """An engine with a trained model, and orders of people who may all be mailed."""

    def __init__(self, app: App, clock: SteppedClock, shop: DemoShop) -> None:
        self._app, self._clock, self._shop = app, clock, shop

    def whole_way(self) -> None:
        """Webhooks become mails."""
        self.plan()
        self.send_due()

    def plan(self) -> None:
        """Webhooks become sends that are due now."""
        self._receive()
        self._clock.step(MAIL_DUE_IN)

    def send_due(self) -> None:
        """Sends become mails."""
        run_due(self._app)
        with self._app.db.read() as connection:
            states = counts(connection)
        if set(states) != {("sent", "sent")} or states.total() % ORDERS:
            raise AftercartError(f"not every order of this measurement became a mail: {dict(states)}")

    def ready_made(self) -> list[bytes]:
        """What one round sends, as bytes."""
        recorder = RecordingSender()
        recording = replace(self._app, sender=recorder)
        _Bench(recording, self._clock, self._shop).whole_way()
        return [to_bytes(message) for message in recorder.messages]

    def _receive(self) -> None:
        rows = [self._webhook(order) for order in self._shop.orders[-ORDERS:]]
        with self._app.inbox_db.write() as connection:
            inbox.store(connection, [row for row in rows if row])
        take_in(self._app)

    def _webhook(self, past: Order) -> dict[str, object] | None:
        """The order once more, as new, by somebody new who agreed to be mailed."""
        now, name = self._clock(), str(new_id())
        buyer = replace(past.customer, id=name, email=f"{name}@example.com", opted_in=True, unsubscribed_at=None)
        order = replace(past, id=name, customer=buyer, placed_at=now)
        body = json.dumps(generic_order(self._shop, order)).encode()
        return accept(self._app.shops["generic"], sign_generic(GENERIC_SECRET, name, body, now), body, now)


@contextmanager
def _engine(folder: Path, port: int) -> Iterator[_Bench]:
    shop = bike_shop.generate(people=PEOPLE)
    clock = SteppedClock(shop.replay_starts_at + EVENING)
    settings = settings_for(folder / "send", campaigns_dir=_campaigns(folder))
    built = build(settings, clock=clock, sender=sender_from_url(f"smtp://127.0.0.1:{port}"))
    app = replace(built, queue=ListQueue())
    products, orders = folder / "products.csv", folder / "orders.csv"
    write_products(shop, products, lambda picture: f"https://shop.example/{picture}")
    write_orders(shop.history, orders)
    load_products(app.db, products, clock(), currency=shop.currency)
    load_orders(app.db, orders, clock(), currency=shop.currency)
    train(app.db, settings.models_dir, clock, budget_s=TRAINING_BUDGET_S)
    try:
        yield _Bench(app, clock, shop)
    finally:
        built.close()


def _campaigns(folder: Path) -> Path:
    """The shipped campaign without holdout and price limit, so that every order becomes a mail."""
    target = folder / "campaigns"
    shutil.copytree(shipped() / "campaigns", target)
    campaign = target / "accessories.yaml"
    text = (
        campaign.read_text(encoding="utf-8")
        .replace("holdout: 10%", "holdout: 0%")
        .replace("at_least: 2", "at_least: 1")
    )
    campaign.write_text(text.replace("at_most: 100%", "at_most: 10000%"), encoding="utf-8")
    return target


@contextmanager
def _sink() -> Iterator[int]:
    """An SMTP server in a process of its own that takes everything and keeps nothing; yields its port."""
    processes = get_context("spawn")
    ours, theirs = processes.Pipe()
    process = processes.Process(target=_swallow, args=(theirs,), daemon=True)
    process.start()
    yield ours.recv()
    ours.send("stop")
    process.join(timeout=10)


def _swallow(pipe: Pipe) -> None:
    with SmtpServer(lambda _: None) as server:
        pipe.send(server.port)
        pipe.recv()
