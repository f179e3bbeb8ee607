"""RabbitMQ as the broker of a fleet. `make peers` says what to install where it is missing."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import pytest
from kombu import Connection, Queue, pools
from kombu.exceptions import OperationalError

from aftercart.queue import open_queue
from tests.broker_promises import BrokerPromises
from tests.fleet import each_order_is_mailed_once, fleet
from tests.mail_sink import mail_sink

pytestmark = pytest.mark.peers

QUEUES = ("ingest", "deliver", "housekeeping")


class RabbitMQ:
    """A RabbitMQ server whose queues of ours begin empty; an installed one is started."""

    url = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")

    def __init__(self) -> None:
        if not self._answers():
            program = shutil.which("rabbitmq-server") or "/usr/sbin/rabbitmq-server"
            if not Path(program).exists():
                pytest.fail("RabbitMQ is not installed: apt-get install rabbitmq-server, or set RABBITMQ_URL")
            subprocess.run([program, "-detached"], check=True, capture_output=True)
            self._wait_for_answer()
        self.forget()

    def undelivered(self) -> int:
        with Connection(self.url) as connection:
            found: Any = Queue("deliver").bind(connection.channel()).queue_declare(passive=True)
            return int(found.message_count)

    def forget(self) -> None:
        with Connection(self.url) as connection:
            for name in QUEUES:
                with suppress(*connection.channel_errors):  # there is none of that name yet
                    Queue(name).bind(connection.channel()).purge()

    def _answers(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=2) as connection:
                connection.ensure_connection(max_retries=1, timeout=2)
        except (OperationalError, OSError):
            return False
        return True

    def _wait_for_answer(self) -> None:
        deadline = monotonic() + 60
        while not self._answers():
            assert monotonic() < deadline, "RabbitMQ was started and does not answer"
            sleep(1)


class TestRabbitMQ(BrokerPromises):
    """The same as every other broker."""

    @pytest.fixture
    def url(self) -> str:
        return RabbitMQ().url


def test_on_rabbitmq_and_postgresql_a_fleet_mails_each_order_once(tmp_path: Path, postgres_url: str) -> None:
    """T03: the same tasks, unchanged, on another broker; what it held is lost half-way, and no mail is."""
    broker = RabbitMQ()
    with mail_sink() as sink, fleet(tmp_path, sink, broker, postgres_url) as running:
        each_order_is_mailed_once(running, sink, broker)


def test_a_queue_that_was_made_in_another_way_is_told_and_mended_without_a_restart() -> None:
    """RabbitMQ refuses to declare it and closes the channel (406)."""
    url = RabbitMQ().url
    pools.reset()  # connections of other tests have declared the queue before, and do so once
    with Connection(url) as connection, closing(open_queue(url)) as queue:
        Queue("ingest").bind(connection.channel()).delete()
        other = Queue("ingest", queue_arguments={"x-max-length": 5}).bind(connection.channel())
        other.queue_declare()
        assert [queue.publish("ingest"), queue.publish("dispatch")] == [False, True]
        other.delete()
        assert queue.publish("ingest") is True


@contextmanager
def mute_on_demand(url: str) -> Iterator[tuple[str, Event]]:
    """The broker behind a wire on which its answers get lost once the event is set."""
    broker, mute = urlsplit(url), Event()

    def carry(source: socket.socket, target: socket.socket, lost: Event | None = None) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not (lost and lost.is_set()):
                    target.sendall(data)

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection((broker.hostname or "", broker.port or 5672))
                Thread(target=carry, args=(near, far), daemon=True).start()
                Thread(target=carry, args=(far, near, mute), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"amqp://{broker.username}:{broker.password}@127.0.0.1:{listening.getsockname()[1]}//", mute


def test_a_broker_that_falls_silent_holds_nobody_up() -> None:
    """It answers publishers no more when its memory or its disk is full. The dispatcher asks it once a second."""
    with mute_on_demand(RabbitMQ().url) as (url, mute), closing(open_queue(url)) as queue:
        assert queue.publish("deliver", ["a"]) is True
        deadline = monotonic() + 5  # RabbitMQ counts a message some milliseconds after it was given
        while queue.waiting("deliver") != 1 and monotonic() < deadline:
            sleep(0.01)
        assert queue.waiting("deliver") == 1
        mute.set()
        asking = Thread(target=lambda: answers.append(queue.waiting("deliver")), daemon=True)
        answers: list[int | None] = []
        asking.start()
        asking.join(timeout=20)
        assert answers == [None]
        mute.clear()
        assert queue.waiting("deliver") == 1
