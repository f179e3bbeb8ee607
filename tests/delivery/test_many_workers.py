"""T47: several processes share one limit, on each kind of database. More workers do not mean more mail."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from time import monotonic, sleep

from aftercart.clock import utc_now
from aftercart.db.session import Database
from aftercart.delivery.base import Outcome
from aftercart.delivery.quota import Limit, Limits, Per
from aftercart.delivery.router import Router
from aftercart.delivery.senders import senders_from_urls
from aftercart.delivery.store import SharedTraffic
from tests.messages import a_message, always
from tests.smtp_server import OK, ScriptedServer

WORKERS, LIMIT, SECONDS = 4, 25, 3.0


class Watch:
    """The machine's clock, and what it said last: the instant at which a mail was counted."""

    last: datetime

    def __call__(self) -> datetime:
        self.last = utc_now()
        return self.last


def hammer(url: str, limit: int, pipe: Pipe) -> None:
    """One worker that always has mail; tells when it was allowed to send."""
    left = []
    with closing(Database(url)) as database:
        watch = Watch()
        limits = Limits((Limit(limit, Per.SECOND),))
        traffic = SharedTraffic(database, watch, ["smtp:sink"], lambda _: limits)
        pipe.send("ready")
        pipe.recv()
        end = monotonic() + SECONDS
        while monotonic() < end:
            wait = traffic.take("smtp:sink", "example.com")
            if wait is None:
                left.append(watch.last)
            else:
                sleep(max((wait.until - utc_now()).total_seconds(), 0.001))
    pipe.send(left)


def test_what_several_workers_send_arrives_at_that_pace_too(newest_sqlite: Path, tmp_path: Path) -> None:
    """Over several connections each: what is counted one by one must not leave all at once."""
    shutil.copy(newest_sqlite, tmp_path / "aftercart.db")
    arrivals: list[float] = []

    def arrive(_said: str) -> str:
        arrivals.append(monotonic())
        return OK

    with ScriptedServer(body=arrive) as server, closing(Database(f"sqlite:///{tmp_path / 'aftercart.db'}")) as database:
        limits = Limits((Limit(LIMIT, Per.SECOND),))
        (sender,) = senders_from_urls(f"smtp://127.0.0.1:{server.port}")
        router = Router([sender], SharedTraffic(database, utc_now, [sender.name], lambda _: limits), utc_now)
        with ThreadPoolExecutor(WORKERS) as pool:
            batches = [[a_message() for _ in range(20)] for _ in range(WORKERS)]
            handed_over = pool.map(lambda batch: list(router.send_batch(batch, always)), batches)
            receipts = [receipt for batch in handed_over for receipt in batch]
        router.close()
    assert {receipt.outcome for receipt in receipts} == {Outcome.ACCEPTED}
    fullest = max(sum(first <= other < first + 1 for other in arrivals) for first in arrivals)
    assert fullest <= 1.2 * LIMIT, "but for some that were late on a busy machine"


@contextmanager
def hammering(url: str, count: int) -> Iterator[list[Pipe]]:
    processes = get_context("spawn")
    pipes = [processes.Pipe() for _ in range(count)]
    workers = [processes.Process(target=hammer, args=(url, LIMIT, theirs), daemon=True) for _, theirs in pipes]
    for worker in workers:
        worker.start()
    yield [ours for ours, _ in pipes]
    for worker in workers:
        worker.join(timeout=10)
        assert worker.exitcode == 0


def test_workers_together_never_exceed_the_limit_in_any_second(
    database_url: str,
) -> None:
    with hammering(database_url, WORKERS) as pipes:
        for pipe in pipes:
            assert pipe.recv() == "ready"
        for pipe in pipes:
            pipe.send("go")
        by_worker: list[list[datetime]] = [pipe.recv() for pipe in pipes]
    left = sorted(instant for worker in by_worker for instant in worker)
    second = timedelta(seconds=1)
    fullest = max(sum(first <= other < first + second for other in left) for first in left)
    assert fullest <= LIMIT
    assert len(left) >= 0.7 * LIMIT * SECONDS, "and they use what they may have"
