"""Readers go on to the shop at once, whatever the database does; their clicks are kept behind their backs."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import structlog
from sqlalchemy import event, text

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import clicks, suppressions
from aftercart.intake.signing import sign_generic
from aftercart.testing import GENERIC_SECRET, engine
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.intake.payloads import body, generic_order
from tests.rows import Rows
from tests.web.conftest import NOW, lock_held

READERS = 45


@dataclass
class Mails:
    """So many mails of as many people, with a link each; and the engine that sent them."""

    app: App
    sends: dict[UUID, int]
    """Send → recipient."""

    @property
    def links(self) -> list[str]:
        return [f"/c/{self.app.tokens.link(send, 0)}" for send in self.sends]

    @property
    def ways_out(self) -> list[str]:
        return [f"/u/{self.app.tokens.unsubscribe(person, send)}" for send, person in self.sends.items()]


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mails]:
    with engine(tmp_path, SteppedClock(NOW)) as app:
        rows = Rows(app.db)
        people = [rows.recipient(f"reader{number}@example.com") for number in range(READERS)]
        sends = {rows.send(rows.order(person), person): person for person in people}
        for send in sends:
            rows.link(send)
        yield Mails(app, sends)


@contextmanager
def served(mails: Mails) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_connections=2 * READERS)
    with (
        serving(create_web(mails.app)) as url,
        httpx.Client(base_url=url, verify=False, timeout=30, limits=limits) as client,
    ):
        yield client


def kept(mails: Mails) -> list[UUID]:
    return [row["send_id"] for row in Rows(mails.app.db).all(clicks)]


def test_readers_are_sent_on_while_somebody_locks_the_database_and_no_click_is_lost(mails: Mails) -> None:
    """A large import does: readers waited for it up to 25 seconds."""
    with served(mails) as client, lock_held(mails.app.db), ThreadPoolExecutor(READERS) as readers:
        answers = list(readers.map(client.get, mails.links))
        assert {answer.status_code for answer in answers} == {302}
        assert kept(mails) == []
    assert sorted(kept(mails)) == sorted(mails.sends)


def test_neither_shops_nor_health_nor_readers_wait_behind_those_who_leave(mails: Mails) -> None:
    """Who leaves waits until that is durable, or is asked to come again; what they want is written in any case."""
    at_work = threading.Semaphore(0)
    event.listen(mails.app.db.engine, "checkout", lambda *_: at_work.release())
    content = body(generic_order())
    with served(mails) as client, ThreadPoolExecutor(READERS) as leavers:
        with lock_held(mails.app.db):
            leaving = [leavers.submit(client.post, way_out) for way_out in mails.ways_out]
            assert at_work.acquire(timeout=30)
            headers = sign_generic(GENERIC_SECRET, "msg_1", content, NOW)
            assert client.post("/webhooks/generic", content=content, headers=headers).status_code == 200
            assert client.get("/healthz").status_code == 200
            assert client.get(mails.links[0]).status_code == 302
            told = {one.result().status_code for one in leaving if one.done()}
            assert told <= {503}, "on a busy machine some have been asked already to come again"
        assert {one.result().status_code for one in leaving} <= {200, 503}
    assert len(Rows(mails.app.db).all(suppressions)) == READERS


def test_a_click_that_cannot_be_kept_leads_on_and_is_logged(mails: Mails) -> None:
    refuse = "CREATE TRIGGER full BEFORE INSERT ON clicks BEGIN SELECT RAISE(ABORT, 'no room'); END"
    with mails.app.db.write() as connection:
        connection.execute(text(refuse))
    with structlog.testing.capture_logs() as logs, served(mails) as client:
        assert client.get(mails.links[0]).status_code == 302
    (lost,) = (entry for entry in logs if entry["log_level"] == "error")
    assert (lost["event"], lost["send_id"], lost["position"]) == ("click_not_recorded", str(next(iter(mails.sends))), 0)
