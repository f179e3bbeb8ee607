"""Publishing never raises and never waits long, whatever the broker does."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from kombu import Connection, Exchange, Queue, pools

from aftercart.queue import open_queue
from aftercart.queue.port import PUBLISH_TIMEOUT_S
from aftercart.queue.port import Queue as Port
from tests.ports import closed_port

LONG_S = 5
"""What a shop waits for its answer; a promise of `Queue.publish`."""
MUCH_LATER = 4
"""On a busy machine. Without a limit it takes minutes, or for ever."""


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        yield listening.getsockname()[1]


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port that does not even take connections: packets vanish."""
    with black_hole() as port:
        crowd = [socket.socket() for _ in range(8)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in crowd:
            one.close()


AWAY = [(scheme, how) for scheme in ("redis", "amqp") for how in (closed_port, black_hole, full_backlog)]


def test_a_broker_that_is_away_is_told_soon() -> None:
    assert PUBLISH_TIMEOUT_S < LONG_S / 2, "to connect, and to be answered"
    with ThreadPoolExecutor(len(AWAY)) as at_once:  # there is nothing to do but to wait
        told = [(how, at_once.submit(_told_twice, *how)) for how in AWAY]
    assert {how: found.result() for how, found in told} == {how: [True, True] for how in AWAY}


def _told_twice(scheme: str, how_away: Callable[[], AbstractContextManager[int]]) -> list[bool]:
    """Whether it was told soon that nothing was published, the first time and then again."""
    with how_away() as port, closing(open_queue(f"{scheme}://127.0.0.1:{port}//")) as queue:
        return [_is_told_soon(queue), _is_told_soon(queue)]


def _is_told_soon(queue: Port) -> bool:
    started = monotonic()
    return queue.publish("ingest") is False and monotonic() - started < LONG_S * MUCH_LATER


def test_a_broker_whose_name_nobody_knows_is_told_too() -> None:
    for scheme in ("redis", "amqp"):
        with closing(open_queue(f"{scheme}://no-such-host.invalid//")) as queue:
            assert queue.publish("ingest") is False


def test_redis_gets_each_task_in_its_queue(redis_url: str) -> None:
    with closing(open_queue(redis_url)) as queue, Connection(redis_url) as connection:
        for task, arguments in (("ingest", ()), ("deliver", (["a", "b"],)), ("dispatch", ())):
            assert queue.publish(task, *arguments) is True
        found = {name: connection.SimpleQueue(name) for name in ("ingest", "deliver", "housekeeping")}
        for name, task in (("ingest", "ingest"), ("deliver", "deliver"), ("housekeeping", "dispatch")):
            message = found[name].get(timeout=30)
            assert message.headers["task"] == task
            message.ack()


def test_a_broker_that_comes_back_is_used_again(redis_url: str) -> None:
    """A kept connection that died is replaced."""
    import redis

    with closing(open_queue(redis_url)) as queue:
        assert queue.publish("ingest")
        with redis.Redis.from_url(redis_url) as admin:
            admin.client_kill_filter(_type="normal", skipme=True)
        published = [queue.publish("ingest") for _ in range(3)]
        assert published[-1]
        with redis.Redis.from_url(redis_url) as admin:
            admin.flushdb()


def test_a_message_that_nobody_has_read_in_time_is_dropped(redis_url: str) -> None:
    """By the worker that finds it, and on RabbitMQ by the broker, which is told the same."""
    with closing(open_queue(redis_url)) as queue, Connection(redis_url) as connection:
        queue.publish("deliver", ["a"], expires_s=60)
        queue.publish("ingest")
        message, lasting = (connection.SimpleQueue(name).get(timeout=30) for name in ("deliver", "ingest"))
        expires = datetime.fromisoformat(message.headers["expires"])
        assert timedelta(seconds=50) < expires - datetime.now(UTC) <= timedelta(seconds=60)
        assert message.properties["expiration"] == "60000"
        assert lasting.headers["expires"] is None
        message.ack()
        lasting.ack()


@pytest.mark.parametrize("scheme", ["redis", "inproc"])
def test_how_many_messages_wait_can_be_asked(scheme: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("redis_url") if scheme == "redis" else "inproc://"
    with closing(open_queue(url)) as queue, Connection(url) as connection:
        Queue("deliver").bind(connection.channel()).purge()
        assert queue.waiting("deliver") == 0
        for _ in range(3):
            queue.publish("deliver", ["a"])
        assert queue.waiting("deliver") == 3
        connection.SimpleQueue("deliver").get(timeout=30).ack()
        assert queue.waiting("deliver") == 2
        Queue("deliver").bind(connection.channel()).purge()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_away_does_not_say_how_many_wait(scheme: str) -> None:
    with closed_port() as port, closing(open_queue(f"{scheme}://127.0.0.1:{port}//")) as queue:
        assert queue.waiting("deliver") is None


def test_a_redis_that_is_full_is_told(redis_url: str) -> None:
    import redis

    with closing(open_queue(redis_url)) as queue, redis.Redis.from_url(redis_url) as admin:
        admin.config_set("maxmemory", "1")
        assert queue.publish("ingest") is False
        admin.config_set("maxmemory", "0")
        assert queue.publish("ingest") is True
        admin.flushdb()


def test_a_broker_that_refuses_is_told_like_one_that_is_away() -> None:
    """Somebody has set up the same name in another way; RabbitMQ says 406, this broker has an error of its own."""
    pools.reset()  # this broker lives as long as the process: others have used it, and remember what they declared
    with closing(open_queue("inproc://")) as queue, Connection("inproc://") as connection:
        ours, other = (Exchange("ingest", kind).bind(connection.channel()) for kind in ("direct", "fanout"))
        ours.declare()
        ours.delete()
        other.declare()
        assert queue.publish("ingest") is False
        other.delete()
        assert queue.publish("ingest") is True
        Queue("ingest").bind(connection.channel()).purge()


def test_a_task_that_no_queue_carries_is_a_slip_of_ours() -> None:
    with closing(open_queue("inproc://")) as queue, pytest.raises(KeyError):
        queue.publish("no_such_task")


@pytest.mark.parametrize("package", ["packaging", "redis"])
@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_broker_whose_packages_are_missing_is_refused_at_once(scheme: str, package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from aftercart.errors import MissingExtraError\n"
        "from aftercart.queue import open_queue\n"
        f"try: open_queue('{scheme}://127.0.0.1/0')\n"
        "except MissingExtraError as err: print(err)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "Redis needs an optional package: pip install 'aftercart[fleet]'\n"
