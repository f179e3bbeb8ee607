"""The engine inside one process, without the web app."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.tables import counted_cohorts
from aftercart.delivery.base import Go, Message, Receipt, Sender
from aftercart.delivery.smtp.opening import Server
from aftercart.delivery.smtp.sender import SmtpSender
from aftercart.errors import ConfigError
from aftercart.intake.signing import sign_generic
from aftercart.ledger.store import REPLY_LEASE
from aftercart.pipeline.incoming.ingest import accept
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.sending.send import deliver
from aftercart.queue import open_queue
from aftercart.reports import sends as report
from aftercart.testing import GENERIC_SECRET, RecordingSender, engine, post
from tests.cast import rows
from tests.deployment import CAMPAIGN, PRODUCTS
from tests.intake.payloads import body, generic, generic_order
from tests.smtp_server import Does, ScriptedServer
from workers.embedded import Embedded

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


class PowerCutError(BaseException):
    """The process dies here."""


class DyingSender(RecordingSender):
    """Dies within the hand-over of its first message: the body may have left."""

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        assert go(next(iter(messages)))
        raise PowerCutError
        yield  # a generator, as a sender is


class SilentSender(RecordingSender):
    """Its server takes bodies and does not answer before it `speaks`."""

    def __init__(self) -> None:
        super().__init__()
        self.speaks = threading.Event()
        self.waits = threading.Semaphore(0)

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        for message in messages:
            receipt = self._send(message, go)
            self.waits.release()
            self.speaks.wait()
            yield receipt


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """An engine with products, best sellers and a campaign that mails one second after an order."""
    campaigns = tmp_path / "campaigns"
    campaigns.mkdir()
    (campaigns / "accessories.yaml").write_text(CAMPAIGN)
    (campaigns / "brand.yaml").write_text(
        "name: Bikes\nsender: Bikes <hello@example.com>\npostal_address: 1 Main Street\ntime_zone: Europe/Paris\n"
        "locale: en_US\nurl: https://www.example.com\nlink_hosts: [example.com]\n"
    )
    with engine(tmp_path / "data", SteppedClock(NOW), campaigns_dir=campaigns) as built:
        for sku, (title, category, price) in PRODUCTS.items():
            facts = {"sku": sku, "title": title, "category": category, "price": price, "currency": "EUR"}
            _tell(built, generic("product.updated", url=f"https://www.example.com/{sku}", **facts), sku)
        lines = [{"sku": sku, "title": title, "unit_price": price} for sku, (title, _, price) in PRODUCTS.items()]
        _tell(built, _order("past", "ben@example.com", accepts=False, lines=lines), "past")
        yield built


def _order(order_id: str, email: str, *, accepts: bool = True, **more: object) -> dict[str, object]:
    buyer = {"email": email, "accepts_marketing": accepts}
    return generic_order(order_id=order_id, placed_at=NOW.isoformat(), customer=buyer, **more)


def _tell(app: App, payload: object, webhook_id: str) -> None:
    content = body(payload)
    post(app, "generic", sign_generic(GENERIC_SECRET, webhook_id, content, NOW), content)


def _store(app: App, payload: object, webhook_id: str) -> None:
    """The webhook is stored, and no worker has looked yet."""
    content = body(payload)
    row = accept(app.shops["generic"], sign_generic(GENERIC_SECRET, webhook_id, content, NOW), content, NOW)
    assert row
    with app.inbox_db.write() as connection:
        inbox.store(connection, [row])


def _arrive(app: App, payload: object, webhook_id: str) -> None:
    """The webhook is stored, and a worker is asked for."""
    _store(app, payload, webhook_id)
    with closing(open_queue("inproc://")) as queue:
        queue.publish("ingest")


def _states(app: App) -> dict[str, str]:
    with app.db.read() as connection:
        return {row["email"]: row["state"] for row in report.listed(connection)}


def _wait_for(app: App, wanted: dict[str, str]) -> None:
    deadline = monotonic() + 60
    while (states := _states(app)) != wanted:
        assert monotonic() < deadline, states
        sleep(0.02)


def _wait_for_state(app: App, name: str, state: str) -> None:
    deadline = monotonic() + 60
    while (found := _states(app).get(f"{name}@example.com")) != state:
        assert monotonic() < deadline, f"{name}: {found}, not {state}"
        sleep(0.02)


@contextmanager
def running(app: App, sender: Sender) -> Iterator[Embedded]:
    alive = replace(app, queue=open_queue("inproc://"), sender=sender)
    embedded = Embedded(alive, concurrency=2)
    embedded.start()
    try:
        yield embedded
    finally:
        assert embedded.stop()
        alive.queue.close()


def test_a_webhook_whose_nudge_got_lost_is_found_by_the_sweep(app: App) -> None:
    """The first one is there when the engine starts and looks; the second comes after that look."""
    _store(app, _order("1", "ada@example.com"), "1")
    found = {"ada@example.com": "scheduled", "ben@example.com": "scheduled"}
    with running(app, RecordingSender()):
        _wait_for(app, found)
        _store(app, _order("2", "chika@example.com"), "2")
        _wait_for(app, found | {"chika@example.com": "scheduled"})


def test_a_silent_mail_server_holds_up_neither_orders_nor_refunds_nor_the_dispatcher(app: App) -> None:
    """Its answer may take ten minutes, and every thread that delivers may have to wait for one."""
    sender = SilentSender()
    assert isinstance(app.clock, SteppedClock)
    with running(app, sender), ExitStack() as at_the_end:
        at_the_end.callback(sender.speaks.set)
        for name in ("ada", "chika"):
            _arrive(app, _order(name, f"{name}@example.com"), name)
            _wait_for_state(app, name, "scheduled")
            app.clock.step(timedelta(seconds=2))
            assert sender.waits.acquire(timeout=30)
        _arrive(app, _order("dev", "dev@example.com"), "dev")
        _wait_for_state(app, "dev", "scheduled")
        _arrive(app, generic("order.refunded", order_id="dev"), "refund")
        _wait_for_state(app, "dev", "canceled")
        app.clock.step(REPLY_LEASE)
        _wait_for_state(app, "ada", "unknown")
        sender.speaks.set()
        for name in ("ada", "chika"):
            _wait_for_state(app, name, "sent")
    assert len(sender.messages) == 2


def test_what_a_dead_process_held_is_taken_over_at_once(app: App) -> None:
    """The mail in doubt is unknown, what was claimed beside it and what was on its way to a worker leave now."""
    people = ["ada", "chika", "dev"]
    for name in people[:2]:
        _tell(app, _order(name, f"{name}@example.com"), name)
    assert isinstance(app.clock, SteppedClock)
    app.clock.step(timedelta(seconds=2))
    dying = replace(app, sender=DyingSender())
    with app.db.read() as connection:
        ids = [UUID(row["send_id"]) for row in report.listed(connection)]
    with pytest.raises(PowerCutError):
        deliver(dying, ids)
    _tell(app, _order("dev", "dev@example.com"), "dev")
    dispatch(app)  # its message is never read
    assert sorted(_states(app).values()) == ["scheduled", "scheduled", "sending", "skipped"]
    doubtful = next(email for email, state in _states(app).items() if state == "sending")
    sender = RecordingSender()
    with running(app, sender):
        wanted = {f"{name}@example.com": "sent" for name in people} | {
            doubtful: "unknown",
            "ben@example.com": "skipped",
        }
        _wait_for(app, wanted)
    assert sorted(message.recipient for message in sender.messages) == sorted(
        f"{name}@example.com" for name in people if f"{name}@example.com" != doubtful
    )


def test_two_engines_do_not_share_a_folder(app: App) -> None:
    with running(app, RecordingSender()), pytest.raises(ConfigError, match="already runs an engine"):
        Embedded(app, concurrency=1).start()
    with running(app, RecordingSender()):
        pass  # the first one is gone


def test_an_engine_that_starts_counts_what_came_of_weeks_at_once(app: App) -> None:
    """Not in an hour: it may be new, or have stood still for weeks."""
    with running(app, RecordingSender()):
        deadline = monotonic() + 60
        while not rows(app, counted_cohorts):
            assert monotonic() < deadline
            sleep(0.02)


def test_stopping_right_after_the_start_is_clean(app: App) -> None:
    for _ in range(3):
        with running(app, RecordingSender()):
            pass


def test_stopping_waits_for_every_mail_whose_body_is_out_and_gives_the_others_back(app: App) -> None:
    """Several connections are at work at once; none of their mails may become `unknown` by our own doing."""
    assert isinstance(app.clock, SteppedClock)
    with ScriptedServer(body=Does.ANSWER_LATE) as server:
        sender = SmtpSender(Server("127.0.0.1", server.port), connections=4)
        names = [f"person{number}" for number in range(12)]
        with running(app, sender):
            for name in names:
                _arrive(app, _order(name, f"{name}@example.com"), name)
            for name in names:
                _wait_for_state(app, name, "scheduled")
            app.clock.step(timedelta(seconds=2))
            deadline = monotonic() + 60
            while len(server.bodies) < 2:
                assert monotonic() < deadline
                sleep(0.01)
        sender.close()
    found = Counter(_states(app)[f"{name}@example.com"] for name in names)
    assert found == {"sent": len(server.bodies), "scheduled": len(names) - len(server.bodies)}
    assert found["scheduled"], "it did not wait for them all"
