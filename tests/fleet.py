"""The engine as a fleet: web, three Celery workers and beat, each a process of its own."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

from celery import Celery
from sqlalchemy import update

from aftercart.db.session import Database
from aftercart.db.tables import sends
from tests.deployment import WEB, Deployment, Process, deployed
from tests.mail_sink import MailSink

ORDERS = 40
START_S = 180
LOST_S = 60
"""When the dispatcher repeats a message about a due send that got lost."""


class Broker(Protocol):
    """What the test does to the broker."""

    url: str

    def undelivered(self) -> int:
        """How many messages about due sends wait for a worker."""
        ...

    def forget(self) -> None:
        """Lose every message."""
        ...


@dataclass(frozen=True)
class Fleet:
    """Two workers do everything; the third only takes in and hands out, and goes on while the others are held."""

    shop: Deployment
    web: Process
    workers: tuple[Process, Process]
    others: tuple[Process, Process]

    @property
    def processes(self) -> list[Process]:
        return [self.web, *self.workers, *self.others]

    @property
    def logs(self) -> str:
        return "\n\n".join(f"{process.log_file.name}:\n{process.log[-3000:]}" for process in self.processes)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody delivers meanwhile."""
        for worker in self.workers:
            worker.popen.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in self.workers:
                worker.popen.send_signal(signal.SIGCONT)


@contextmanager
def fleet(folder: Path, sink: MailSink, broker: Broker, database_url: str) -> Iterator[Fleet]:
    """A running fleet with a stocked shop; stops it at the end and looks at how each process ended."""
    shop = deployed(folder / "shop", sink.url, broker_url=broker.url, database_url=database_url)
    upgraded = shop.run("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    worker = ["celery", "-A", "workers", "worker"]
    commands = [
        WEB,
        [*worker, "--concurrency", "2", "--hostname", "one@%h"],
        [*worker, "--concurrency", "2", "--hostname", "two@%h"],
        [*worker, "--concurrency", "1", "--hostname", "desk@%h", "-Q", "ingest,housekeeping"],
        ["celery", "-A", "workers", "beat"],
    ]
    with shop.running(*commands) as [web, one, two, desk, beat]:
        running = Fleet(shop, web, (one, two), (desk, beat))
        shop.wait_until_ready(web)
        with Celery(broker=broker.url, set_as_current=False) as anybody:
            _until(running, lambda: len(anybody.control.ping(timeout=2, limit=3) or ()) == 3, START_S)
        shop.stock_the_shop()
        yield running
        for process in running.processes:
            process.popen.send_signal(signal.SIGTERM)
        ended = [process.ended(seconds=90) for process in running.processes]
        assert ended == [0, 0, 0, 0, 0], running.logs
        for process in running.processes:
            assert "Traceback" not in process.log, process.log
            assert "@example.com" not in process.log


def each_order_is_mailed_once(fleet: Fleet, sink: MailSink, broker: Broker) -> None:
    """Orders in, mails out, though the broker forgets after half of them, and again while sends are due."""
    numbers = count()

    def order() -> int:
        number = next(numbers)
        assert fleet.shop.post(fleet.shop.order(f"{number}"), f"order-{number}") == 200
        return number

    while order() < ORDERS // 2:
        pass
    broker.forget()
    with fleet.held():
        # Not in a burst: each of the held workers still gets the first message that it was waiting for.
        _until(fleet, lambda: order() and broker.undelivered(), LOST_S, every=1)
        broker.forget()
    while (last := order()) < ORDERS:
        pass
    _time_passes(fleet.shop.env["AFTERCART_DATABASE_URL"], timedelta(seconds=LOST_S))
    _until(fleet, lambda: len(sink.envelopes) > last and _is_settled(fleet.shop), 2 * LOST_S)
    assert sink.addresses == {f"buyer{number}@example.com": 1 for number in range(last + 1)}


def _time_passes(database_url: str, by: timedelta) -> None:
    """For what was handed out and is not mailed. The processes read the machine's clock, and nobody waits for it."""
    handed_out = sends.c.state == "scheduled", sends.c.wake_at > sends.c.due_at
    with closing(Database(database_url)) as database, database.write() as connection:
        connection.execute(update(sends).where(*handed_out).values(wake_at=sends.c.wake_at - by))


def _is_settled(shop: Deployment) -> bool:
    """The last mail may have come before its sender wrote that down."""
    states = {send["state"] for send in shop.sends(shop.env["AFTERCART_DATABASE_URL"])}
    return states == {"sent", "skipped"}


def _until(fleet: Fleet, happened: Callable[[], object], seconds: float, every: float = 0.1) -> None:
    deadline = monotonic() + seconds
    while not happened():
        assert monotonic() < deadline, fleet.logs
        sleep(every)
