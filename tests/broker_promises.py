"""What every broker must do for the engine (aftercart/queue/port.py), as one suite: each of them keeps all of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from time import monotonic, sleep

import pytest
from kombu import Connection, Message, Queue

from aftercart.queue import open_queue
from aftercart.queue.port import QUEUE_OF

NAMES = sorted(set(QUEUE_OF.values()))


class BrokerPromises:
    """Subclass it with a fixture `url`."""

    @pytest.fixture(autouse=True)
    def empty_queues(self, url: str) -> Iterator[None]:
        """Nothing waits there from others, nor for them."""
        with closing(open_queue(url)):
            self._purge(url)
        yield
        self._purge(url)

    def test_each_task_waits_in_its_queue_with_its_words_and_without_a_time(self, url: str) -> None:
        """T05."""
        with closing(open_queue(url)) as queue:
            for task in QUEUE_OF:
                assert queue.publish(task, task) is True
        for name in NAMES:
            expected = [task for task, where in QUEUE_OF.items() if where == name]
            messages = self._messages(url, name, len(expected))
            assert sorted(message.headers["task"] for message in messages) == sorted(expected)
            assert all(message.payload[0] == [message.headers["task"]] for message in messages)
            assert {message.headers["eta"] for message in messages} == {None}

    def test_messages_come_in_their_order_and_once(self, url: str) -> None:
        """T03."""
        with closing(open_queue(url)) as queue:
            for number in range(5):
                queue.publish("deliver", [str(number)])
            assert [message.payload[0] for message in self._messages(url, "deliver", 5)] == [
                [[str(n)]] for n in range(5)
            ]
            assert queue.waiting("deliver") == 0

    def test_how_many_wait_can_be_asked(self, url: str) -> None:
        with closing(open_queue(url)) as queue:
            assert queue.waiting("deliver") == 0
            for _ in range(3):
                queue.publish("deliver", ["a"])
            deadline = monotonic() + 30  # RabbitMQ counts a message some milliseconds after it was given
            while queue.waiting("deliver") != 3 and monotonic() < deadline:
                sleep(0.01)
            assert queue.waiting("deliver") == 3

    def test_when_a_message_grows_old_is_told_to_whoever_takes_it(self, url: str) -> None:
        with closing(open_queue(url)) as queue:
            queue.publish("deliver", ["a"], expires_s=60)
            queue.publish("deliver", ["b"])
        expiring, lasting = self._messages(url, "deliver", 2)
        assert expiring.headers["expires"]
        assert lasting.headers["expires"] is None

    def test_many_threads_may_publish_at_once(self, url: str) -> None:
        with closing(open_queue(url)) as queue, ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda number: queue.publish("deliver", [str(number)]), range(40)))
        assert len({str(message.payload[0]) for message in self._messages(url, "deliver", 40)}) == 40

    @staticmethod
    def _purge(url: str) -> None:
        with Connection(url) as connection:
            for name in NAMES:
                bound = Queue(name).bind(connection.channel())
                bound.queue_declare()
                bound.purge()

    @staticmethod
    def _messages(url: str, name: str, count: int) -> list[Message]:
        with Connection(url) as connection:
            found = connection.SimpleQueue(name)
            messages = [found.get(timeout=30) for _ in range(count)]
            for message in messages:
                message.ack()
            return messages
