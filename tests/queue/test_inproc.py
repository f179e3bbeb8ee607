"""The broker inside the process, driven through Kombu as Celery drives it."""

import threading
from collections.abc import Iterator
from time import process_time
from uuid import uuid4

import pytest
from kombu import Connection, Consumer, Exchange, Message, Producer, Queue

from aftercart.queue import inproc


@pytest.fixture
def queue() -> Queue:
    """A queue that no other test uses: the broker is one for the whole process."""
    name = uuid4().hex
    return Queue(name, Exchange(name), routing_key=name)


@pytest.fixture
def connection() -> Iterator[Connection]:
    inproc.register()
    with Connection("inproc://") as opened:
        yield opened


def publish(queue: Queue, *bodies: object) -> None:
    with Connection("inproc://") as connection:
        producer = Producer(connection)
        for body in bodies:
            producer.publish(body, exchange=queue.exchange, routing_key=queue.routing_key, declare=[queue])


class Reader(Consumer):
    """Keeps what it gets; acknowledges at once unless told not to."""

    def __init__(self, connection: Connection, queue: Queue, *, prefetch: int = 0, acknowledges: bool = True) -> None:
        self.got: list[object] = []
        self.messages: list[Message] = []
        self._acknowledges = acknowledges
        super().__init__(connection, [queue], callbacks=[self._take], prefetch_count=prefetch)

    def _take(self, body: object, message: Message) -> None:
        self.got.append(body)
        self.messages.append(message)
        if self._acknowledges:
            message.ack()


def test_a_waiting_consumer_gets_a_message_when_it_is_published(connection: Connection, queue: Queue) -> None:
    """Not at the next look: a wait without time-out returns."""
    with Reader(connection, queue) as reader:
        later = threading.Timer(0.1, publish, (queue, "hello"))
        later.start()
        connection.drain_events()
        later.join()
    assert reader.got == ["hello"]


def test_waiting_costs_nothing(connection: Connection, queue: Queue) -> None:
    with Reader(connection, queue):
        before = process_time()
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=1)
        assert process_time() - before < 0.2


def test_a_waiting_consumer_can_be_sent_home(connection: Connection, queue: Queue) -> None:
    with Reader(connection, queue):
        later = threading.Timer(0.1, inproc.interrupt)
        later.start()
        with pytest.raises(TimeoutError):
            connection.drain_events()
        later.join()


@pytest.mark.parametrize("freed_by", ["ack", "reject", "requeue"])
def test_a_full_consumer_goes_on_when_another_thread_frees_a_slot(
    connection: Connection, queue: Queue, freed_by: str
) -> None:
    publish(queue, "first", "second")
    with Reader(connection, queue, prefetch=1, acknowledges=False) as reader:
        connection.drain_events()
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.05)
        later = threading.Timer(0.1, getattr(reader.messages[0], freed_by))
        later.start()
        connection.drain_events()
        later.join()
    assert reader.got == ["first", "second"]


def test_no_message_and_no_wake_up_is_lost_among_many_threads(connection: Connection, queue: Queue) -> None:
    """Eight publishers, a consumer that mostly waits; each message once, though queue and publishers start at once."""
    bodies = [[f"{thread}:{number}" for number in range(200)] for thread in range(8)]
    publishers = [threading.Thread(target=publish, args=(queue, *part)) for part in bodies]
    with Reader(connection, queue, prefetch=4) as reader:
        for publisher in publishers:
            publisher.start()
        while len(reader.got) < 1600:
            connection.drain_events(timeout=30)
        for publisher in publishers:
            publisher.join()
    assert sorted(map(str, reader.got)) == sorted(text for body in bodies for text in body)


def test_two_threads_that_meet_a_new_queue_share_it() -> None:
    """A second queue in place of the first would lose what the first holds."""
    for _ in range(200):
        name, start = uuid4().hex, threading.Barrier(4)
        with Connection("inproc://") as connection:
            channels = [connection.channel() for _ in range(4)]

            def put(channel: object, name: str = name, start: threading.Barrier = start) -> None:
                start.wait()
                channel._put(name, {"body": "x"})  # type: ignore[attr-defined]

            threads = [threading.Thread(target=put, args=(channel,)) for channel in channels]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert channels[0]._size(name) == 4  # type: ignore[attr-defined]  # of the in-memory channel
