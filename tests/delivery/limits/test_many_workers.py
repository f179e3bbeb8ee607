"""T47: several processes share one limit, on each kind of database. More workers do not mean more mail."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from time import monotonic

from aftercart.clock import utc_now
from aftercart.db.session import Database
from aftercart.delivery.base import Outcome
from aftercart.delivery.limits.quota import Limit, Limits, Per
from aftercart.delivery.limits.traffic import Wait
from aftercart.delivery.router import Router
from aftercart.delivery.senders import senders_from_urls
from aftercart.delivery.smtp.sender import CONNECTIONS
from aftercart.delivery.store import SharedTraffic
from tests.forked import FORKED
from tests.messages import a_message, always
from tests.smtp_server import OK, ScriptedServer

WORKERS, LIMIT, MAILS = 4, 25, 20
MOST_UNDER_WAY = CONNECTIONS + WORKERS - 1
"""Connections are shared, but every batch has one in any case."""


class Counting(SharedTraffic):
    """Notes when each mail was counted: by the clock that has counted it, once it was its turn."""

    def __init__(self, database: Database, sender: str, limits: Limits) -> None:
        self.now, self.counted = utc_now(), list[datetime]()
        super().__init__(database, self._watch, [sender], lambda _: limits)

    def _watch(self) -> datetime:
        self.now = utc_now()
        return self.now

    def take(self, sender: str, domain: str) -> Wait | None:
        wait = super().take(sender, domain)
        if wait is None:
            self.counted.append(self.now)
        return wait


def hammer(url: str, port: int, pipe: Pipe) -> None:
    """One worker that has mail for seconds, by way of one connection; tells when each was counted."""
    with closing(Database(url)) as database:
        (sender,) = senders_from_urls(f"smtp://127.0.0.1:{port}?connections=1")
        traffic = Counting(database, sender.name, Limits((Limit(LIMIT, Per.SECOND),)))
        router = Router([sender], traffic, utc_now)
        pipe.send("ready")
        pipe.recv()
        left = MAILS
        while left:
            receipts = router.send_batch([a_message() for _ in range(min(5, left))], always)
            left -= sum(receipt.outcome is Outcome.ACCEPTED for receipt in receipts)
        router.close()
    pipe.send(traffic.counted)


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
            batches = [[a_message() for _ in range(MAILS)] for _ in range(WORKERS)]
            handed_over = pool.map(lambda batch: list(router.send_batch(batch, always)), batches)
            receipts = [receipt for batch in handed_over for receipt in batch]
        router.close()
    assert {receipt.outcome for receipt in receipts} == {Outcome.ACCEPTED}
    assert fullest(arrivals) <= LIMIT + MOST_UNDER_WAY < len(arrivals) / 2, "but for some late ones on a busy machine"


@contextmanager
def hammering(url: str, port: int, count: int) -> Iterator[list[Pipe]]:
    pipes = [FORKED.Pipe() for _ in range(count)]
    workers = [FORKED.Process(target=hammer, args=(url, port, theirs), daemon=True) for _, theirs in pipes]
    for worker in workers:
        worker.start()
    yield [ours for ours, _ in pipes]
    for worker in workers:
        worker.join(timeout=60)
        assert worker.exitcode == 0


def test_processes_together_never_exceed_the_limit_in_any_second(database_url: str) -> None:
    """Neither as they count, nor as the mail server sees it: there each may have one more under way, and one waiting
    for its answer, however late a busy machine lets them arrive."""
    arrivals: list[float] = []

    def arrive(_said: str) -> str:
        arrivals.append(monotonic())
        return OK

    with ScriptedServer(body=arrive) as server, hammering(database_url, server.port, WORKERS) as pipes:
        for pipe in pipes:
            assert pipe.recv() == "ready"
        for pipe in pipes:
            pipe.send("go")
        counted = [instant for pipe in pipes for instant in pipe.recv()]
    assert fullest([instant.timestamp() for instant in counted]) <= LIMIT
    assert fullest(arrivals) <= LIMIT + 2 * WORKERS
    assert len(arrivals) == len(counted) == WORKERS * MAILS


def fullest(instants: list[float]) -> int:
    """The most in any one second."""
    return max(sum(first <= other < first + 1 for other in instants) for first in instants)
