"""RabbitMQ as the broker of a fleet. `make peers` says what to install where it is missing."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pytest
from kombu import Connection, Queue
from kombu.exceptions import OperationalError

from tests.fleet import each_order_is_mailed_once, fleet
from tests.mail_sink import mail_sink

pytestmark = pytest.mark.peers

BROKER_URL = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
QUEUES = ("ingest", "deliver", "housekeeping")


@pytest.fixture
def rabbitmq() -> str:
    """The URL of a RabbitMQ server whose queues of ours are empty; an installed one is started."""
    if not _answers():
        program = shutil.which("rabbitmq-server") or "/usr/sbin/rabbitmq-server"
        if not Path(program).exists():
            pytest.fail("RabbitMQ is not installed: apt-get install rabbitmq-server, or set RABBITMQ_URL")
        subprocess.run([program, "-detached"], check=True, capture_output=True)
        _wait_for_answer()
    _empty_queues()
    return BROKER_URL


def test_on_rabbitmq_and_postgresql_two_workers_mail_each_order_once(
    tmp_path: Path, rabbitmq: str, postgres_url: str
) -> None:
    """T03: the same tasks, unchanged, on another broker; what it held is lost half-way, and no mail is."""
    with mail_sink() as sink, fleet(tmp_path, sink, rabbitmq, postgres_url) as (shop, processes):
        _empty_queues()
        each_order_is_mailed_once(shop, sink, processes)


def _answers() -> bool:
    try:
        with Connection(BROKER_URL, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except (OperationalError, OSError):
        return False
    return True


def _wait_for_answer() -> None:
    deadline = monotonic() + 60
    while not _answers():
        assert monotonic() < deadline, "RabbitMQ was started and does not answer"
        sleep(1)


def _empty_queues() -> None:
    with Connection(BROKER_URL) as connection:
        for name in QUEUES:
            with suppress(*connection.channel_errors):  # there is none of that name yet
                Queue(name).bind(connection.channel()).purge()
