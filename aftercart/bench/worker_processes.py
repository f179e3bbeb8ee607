"""Worker processes beside each other on one database, as a fleet runs them, here without a broker between."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from uuid import UUID

from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.delivery.senders import sender_from_url
from aftercart.logs import configure
from aftercart.machine import settle_in
from aftercart.pipeline.sending.send import deliver
from aftercart.pipeline.sending.turn import Turn
from aftercart.settings import Settings

PATIENCE_S = 120
Batch = Sequence[UUID]
Batches = SimpleQueue[tuple[datetime, Batch] | None]


class WorkerProcesses:
    """Deliver batches. Each process has as many threads as a worker has by default."""

    def __init__(self, batches: "Batches", done: "SimpleQueue[int]") -> None:
        self._batches, self._done = batches, done

    def deliver(self, batches: Sequence[Batch], now: datetime) -> None:
        """Have them delivered, as of an instant; returns when all are."""
        for batch in batches:
            self._batches.put((now, batch))
        for _ in batches:
            self._done.get()


@contextmanager
def worker_processes(count: int, settings: Settings, port: int) -> Iterator[WorkerProcesses]:
    """So many processes, ready to work, that hand their mails to a server on this machine."""
    spawned = get_context("spawn")
    batches, done = spawned.SimpleQueue(), spawned.SimpleQueue()
    processes = [spawned.Process(target=_work, args=(settings, port, batches, done), daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    for _ in processes:
        done.get()
    yield WorkerProcesses(batches, done)
    for _ in range(count * settings.workers):
        batches.put(None)
    for process in processes:
        process.join(timeout=PATIENCE_S)


def _work(settings: Settings, port: int, batches: "Batches", done: "SimpleQueue[int]") -> None:
    configure(own=logging.ERROR)
    clock = SteppedClock(datetime.min.replace(tzinfo=UTC))
    built = build(settings, clock=clock, sender=sender_from_url(f"smtp://127.0.0.1:{port}"))
    with closing(built) as app, ThreadPoolExecutor(settings.workers) as threads:
        settle_in()
        done.put(0)
        turn = Turn()
        working = [threads.submit(_thread, app, clock, turn, batches, done) for _ in range(settings.workers)]
        for thread in working:
            thread.result()


def _thread(app: App, clock: SteppedClock, turn: Turn, batches: "Batches", done: "SimpleQueue[int]") -> None:
    while work := batches.get():
        now, ids = work
        clock.move_to(now)
        deliver(app, ids, turn)
        done.put(len(ids))
