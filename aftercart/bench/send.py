"""Sending: due rows decided, recommended, rendered, handed to an SMTP sink and recorded; and the whole way to there.

The floor of both is a bare `smtplib` loop over ready-made bytes on one kept connection to the same sink; the peer is a
mail queue that is given the same mails ready-made. Ours works in one process with as many threads as an engine has by
default. Once more with a sink that is 20 ms away.
"""

import json
import re
import shutil
import smtplib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog

from aftercart.bench import post_office
from aftercart.bench.sink import sink
from aftercart.bench.timing import Result, beside
from aftercart.bench.worker_processes import worker_processes
from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.delivery.base import Message
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.senders import sender_from_url
from aftercart.demo import bike_shop
from aftercart.demo.payloads import generic_order
from aftercart.demo.shop import DemoShop, Order, write_orders, write_products
from aftercart.errors import AftercartError, MissingExtraError
from aftercart.ids import new_id
from aftercart.intake.signing import sign_generic
from aftercart.machine import settle_in
from aftercart.pipeline.incoming.ingest import accept, take_in
from aftercart.pipeline.incoming.load import load_orders, load_products
from aftercart.pipeline.learning.train import train
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.sending.send import deliver
from aftercart.pipeline.sending.turn import Turn
from aftercart.reports.sends import counts
from aftercart.starter import shipped
from aftercart.testing import GENERIC_SECRET, ListQueue, RecordingSender, settings_for

log = structlog.get_logger()

FLOOR = "bare smtplib loop"
FAR_S = 0.02
ORDERS = 2_400
"""A dozen batches: of fewer, one of two processes would get more than its half."""
PEOPLE = 1_000
TRAINING_BUDGET_S = 6.0
MAIL_DUE_IN = timedelta(hours=72)
EVENING = timedelta(hours=18)
"""At 18:00 UTC it is nobody's night, from Los Angeles to Vienna."""


def send(rounds: int, folder: Path) -> Iterator[Result]:
    """From due rows to the sink, beside the floor and beside a peer; and from webhooks in the inbox to the sink."""
    with sink() as port, _engine(folder / "near", port) as bench, smtplib.SMTP("127.0.0.1", port) as bare:
        messages = bench.messages()
        floor = partial(_bare_loop, bare, [to_bytes(message) for message in messages])
        due = beside("send", "mails", bench.send_due, FLOOR, floor, count=ORDERS, rounds=rounds, prepare=bench.plan)
        yield due
        yield from _beside_post_office(due, messages, port)
        yield _two_processes(bench, port, rounds)
        yield beside("whole way", "orders", bench.whole_way, FLOOR, floor, count=ORDERS, rounds=rounds)
    with sink(FAR_S) as port, _engine(folder / "far", port) as bench, smtplib.SMTP("127.0.0.1", port) as bare:
        few = [to_bytes(message) for message in messages[: ORDERS // 20]]
        far = beside(
            "send, 20 ms", "mails", bench.send_due, FLOOR, partial(_bare_loop, bare, few),
            count=ORDERS, floor_count=len(few), rounds=1, prepare=bench.plan,
        )  # fmt: skip
        yield far
        yield from _beside_post_office(far, messages[: ORDERS // 4], port)


def _bare_loop(bare: smtplib.SMTP, ready_made: Sequence[bytes]) -> None:
    for mail in ready_made:
        bare.sendmail("hello@example.com", ["ada@example.com"], mail)


def _two_processes(bench: "_Bench", port: int, rounds: int) -> Result:
    with bench.processes(2, port) as two, bench.processes(1, port) as one:
        return beside(
            "send, 2 procs", "mails", two, "one process", one,
            count=ORDERS, rounds=rounds, prepare=bench.plan, prepare_floor=bench.plan,
        )  # fmt: skip


def _beside_post_office(ours: Result, messages: Sequence[Message], port: int) -> Iterator[Result]:
    """Left out, with a word, where it is not installed."""
    for kind in post_office.SETTINGS:
        try:
            speed = post_office.drained_per_second(kind, messages, port)
        except MissingExtraError as err:
            log.error("peer_left_out", cause=str(err))
            return
        yield replace(ours, floor=f"django-post-office, {kind}", floor_per_second=speed)


class _Bench:
    """An engine with a trained model, and orders of people who may all be mailed."""

    def __init__(self, app: App, clock: SteppedClock, shop: DemoShop) -> None:
        self._queue, self._turn = ListQueue(), Turn()
        self._app, self._clock, self._shop = replace(app, queue=self._queue), clock, shop

    def whole_way(self) -> None:
        """Webhooks become mails."""
        self.plan()
        self.send_due()

    def plan(self) -> None:
        """Webhooks become sends that are due now."""
        self._receive()
        self._clock.step(MAIL_DUE_IN)

    def send_due(self) -> None:
        """Sends become mails, by as many threads as an engine has by default."""
        with ThreadPoolExecutor(self._app.settings.workers) as threads:
            for _ in threads.map(lambda batch: deliver(self._app, batch, self._turn), self._dispatched()):
                pass
        self._see_that_all_went()

    @contextmanager
    def processes(self, count: int, port: int) -> Iterator[Callable[[], None]]:
        """The same, by so many processes that are ready."""
        with worker_processes(count, self._app.settings, port) as workers:

            def send_due() -> None:
                workers.deliver(self._dispatched(), self._clock())
                self._see_that_all_went()

            yield send_due

    def _dispatched(self) -> list[list[UUID]]:
        dispatch(self._app)
        published, self._queue.published[:] = list(self._queue.published), []
        return [[UUID(send_id) for send_id in args[0]] for task, args in published if task == "deliver"]

    def _see_that_all_went(self) -> None:
        with self._app.db.read() as connection:
            states = counts(connection)
        if set(states) != {("sent", "sent")} or states.total() % ORDERS:
            raise AftercartError(f"not every order of this measurement became a mail: {dict(states)}")

    def messages(self) -> list[Message]:
        """What one round sends."""
        recorder = RecordingSender()
        _Bench(replace(self._app, sender=recorder), self._clock, self._shop).whole_way()
        return recorder.messages

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
    folder.mkdir()
    settings = settings_for(folder / "send", campaigns_dir=_campaigns(folder))
    built = build(settings, clock=clock, sender=sender_from_url(f"smtp://127.0.0.1:{port}"))
    app = replace(built, queue=ListQueue())
    products, orders = folder / "products.csv", folder / "orders.csv"
    write_products(shop, products, lambda picture: f"https://shop.example/{picture}")
    write_orders(shop.history, orders)
    load_products(app.db, products, clock(), currency=shop.currency)
    load_orders(app.db, orders, clock(), app.address_hashes, currency=shop.currency)
    train(app.db, settings.models_dir, clock, budget_s=TRAINING_BUDGET_S)
    settle_in()
    try:
        yield _Bench(app, clock, shop)
    finally:
        built.close()


def _campaigns(folder: Path) -> Path:
    """The shipped campaign without holdout and price limit, so that every order becomes a mail, and all at one time."""
    target = folder / "campaigns"
    shutil.copytree(shipped() / "campaigns", target)
    campaign = target / "accessories.yaml"
    text = campaign.read_text(encoding="utf-8")
    for key, value in _EVERY_ORDER.items():
        text = re.sub(rf"\b{key}:[^}}\n]*", f"{key}: {value}" if value else "", text)
    campaign.write_text(text, encoding="utf-8")
    return target


_EVERY_ORDER = {"holdout": "0%", "at_least": "1", "at_most": "10000%", "after": "72h", "at": ""}
