"""The one-process mode: Celery workers, one a queue, and beat in threads, beside the web app.

The same tasks, the same schedule, over `inproc://`. Messages still queued at the end die with the process, and after
a crash so do its workers; so the next start takes over what they held instead of waiting for their leases to run out.
"""

import fcntl
import os
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import IO, Any
from uuid import UUID

import structlog
from celery.beat import EmbeddedService, Scheduler

from aftercart.bootstrap import App
from aftercart.delivery.base import Go, Message, Outcome, Receipt, Sender
from aftercart.errors import ConfigError
from aftercart.ledger import store as ledger
from aftercart.machine import settle_in
from aftercart.queue import inproc
from aftercart.queue.port import QUEUE_OF
from workers.app import TASKS, SettingsLoader, Workers, celery
from workers.training import trainer

log = structlog.get_logger()

GRACE_S = 6.0
"""How long `stop` waits for mails that are being handed over. Afterwards they are in doubt, as after a crash."""
LOCK_FILE = "engine.lock"


class Embedded:
    """Start and stop the engine inside this process.

    Raises ConfigError at the start if another process works in the same data folder.
    """

    def __init__(self, app: App, *, concurrency: int, beat: bool = True) -> None:
        """`concurrency`: threads that deliver; those that wait for a mail server hold up nothing else."""
        inproc.register()
        self._sender = _StoppableSender(app.sender)
        self._app = replace(app, sender=self._sender)
        celery.hold(self._app)  # the tasks look for it there
        self._crews = [
            _Crew(self._app, queue, threads={QUEUE_OF["deliver"]: concurrency, QUEUE_OF["tell"]: 2}.get(queue, 1))
            for queue in dict.fromkeys(QUEUE_OF.values())
        ]
        self._beat: Any = EmbeddedService(_workers(app), thread=True, scheduler_cls=Scheduler) if beat else None
        self._lock: IO[str] | None = None

    def start(self) -> None:
        """Return at once; the workers take their first message some tenths of a second later."""
        self._lock = hold(self._app.settings.data_dir)
        trainer.go_on()
        _take_over(self._app)
        settle_in()
        for crew in self._crews:
            crew.start()
        if self._beat:
            self._beat.start()

    def stop(self, grace_s: float = GRACE_S) -> bool:
        """Let every worker end after the mail that it is handing over; False if one was still waiting for its answer.

        Then end the process: it is safe to do so, and the next start shows that mail as `unknown`.
        """
        self._sender.stop()
        trainer.stop()
        self._app.courier.stop()
        if self._beat:
            self._beat.stop()
        deadline = monotonic() + grace_s
        # Deliver last: what waits for a mail server must not keep the others from ending.
        if not all(crew.stop(deadline) for crew in sorted(self._crews, key=lambda crew: crew.queue == "deliver")):
            return False
        if self._lock:
            self._lock.close()
        return True


class _Crew:
    """The threads that work one queue off. Each queue has its own, so that none of them waits for another's work."""

    def __init__(self, app: App, queue: str, threads: int) -> None:
        self.queue = queue
        self._ready = threading.Event()
        workers = _workers(app)
        self._worker = workers.WorkController(
            app=workers,
            queues=[queue],
            pool="threads",
            concurrency=threads,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel="WARNING",
            ready_callback=lambda _: self._ready.set(),
        )
        self._thread = threading.Thread(target=self._worker.start, name=queue, daemon=True)

    def start(self) -> None:
        """Begin to read the queue."""
        self._thread.start()

    def stop(self, deadline: float) -> bool:
        """Take no more messages and end what was begun; False if that was not done by then."""
        self._ready.wait(timeout=deadline - monotonic())
        stopping = threading.Thread(target=self._worker.stop, kwargs={"in_sighandler": False}, daemon=True)
        stopping.start()
        ending = (stopping, self._thread)
        while any(thread.is_alive() for thread in ending) and monotonic() < deadline:
            inproc.interrupt()  # its consumer looks up every two seconds only
            for thread in ending:
                thread.join(timeout=0.02)
        return not any(thread.is_alive() for thread in ending)


class _StoppableSender:
    """A sender that can be told to end the batches under way: what has not begun is held back, so given back."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._stopping = threading.Event()
        self.name = sender.name

    def stop(self) -> None:
        self._stopping.set()

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        waiting = iter(messages)
        yield from self._sender.send_batch(self._until_stopped(waiting), self._unless_stopping(go))
        for message in waiting:
            yield self._withheld(message)

    def _until_stopped(self, waiting: Iterator[Message]) -> Iterator[Message]:
        while not self._stopping.is_set() and (message := next(waiting, None)):
            yield message

    def _unless_stopping(self, go: Go) -> Go:
        def go_on(*messages: Message) -> Collection[UUID]:
            return go() if self._stopping.is_set() else go(*messages)

        return go_on

    @staticmethod
    def _withheld(message: Message) -> Receipt:
        return Receipt(message.send_id, Outcome.WITHHELD, "the engine is stopping")

    def close(self) -> None:
        self._sender.close()


def _workers(app: App) -> Workers:
    """A Celery app of its own: which queues a worker reads is remembered there."""
    workers = Workers("aftercart", loader=SettingsLoader, include=TASKS, set_as_current=False)
    workers.hold(app)
    workers.conf.update(worker_enable_remote_control=False)
    return workers


def _take_over(app: App) -> None:
    """What an earlier process held, nobody holds: settle and hand out all of it now.

    Only on SQLite, where the lock proves that there is no other worker. Even a wrong guess would send nothing twice:
    the attempt number fences off whoever held a claim before.
    """
    if app.db.is_sqlite:
        with app.db.write() as connection:
            ledger.take_over(connection, app.clock())
    for task in ("ingest", "dispatch"):
        app.queue.publish(task)


def hold(
    folder: Path,
    what: str = "runs an engine",
    instead: str = "give this one a folder of its own (AFTERCART_DATA_DIR)",
) -> IO[str]:
    """Hold the folder as long as the returned file is open. The kernel lets go of it when the process dies.

    Raises ConfigError if another process holds it: `what` it does there, and what to do `instead` of stopping it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / LOCK_FILE).open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise ConfigError(
            f"process {holder or '(unknown)'} already {what} in {folder}: stop it first, or {instead}"
        ) from err
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
