"""T47: several processes share one limit, on each kind of database. More workers do not mean more mail."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from time import monotonic, sleep

from aftercart.clock import utc_now
from aftercart.db.session import Database
from aftercart.delivery.quota import Limit, Limits, Per
from aftercart.delivery.store import SharedTraffic

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
    newest_url: str,
) -> None:
    with hammering(newest_url, WORKERS) as pipes:
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
