"""How the engine hands work to its workers."""

from importlib import import_module
from typing import Any, Protocol

import structlog
from celery import Celery
from kombu import Connection

from aftercart.errors import MissingExtraError
from aftercart.queue import inproc

log = structlog.get_logger()

PUBLISH_TIMEOUT_S = 2
CONNECT_TIMEOUT_S = 10


class Queue(Protocol):
    """Safe to use from many threads."""

    def publish(self, task: str, *args: Any, expires_s: float | None = None) -> bool:
        """Ask a worker to run `task`; False if the broker did not take it. Never raises, never waits long.

        A worker that is free only after `expires_s` drops the message.
        """
        ...

    def waiting(self, task: str) -> int | None:
        """How many messages wait in the queue of `task`; None where the broker does not say. Never raises either."""
        ...

    def close(self) -> None:
        """Close connections to the broker."""
        ...


class CeleryQueue:
    """Publishes by task name; knows nothing of what the tasks do."""

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery("aftercart-producer", broker=broker_url, set_as_current=False)
        self._celery.conf.update(
            task_ignore_result=True,
            task_default_queue="housekeeping",
            task_create_missing_queues=True,
            broker_connection_timeout=PUBLISH_TIMEOUT_S,
            broker_transport_options=producer_options(broker_url),
        )

    def publish(self, task: str, *args: Any, expires_s: float | None = None) -> bool:
        queue = QUEUE_OF[task]
        try:
            self._celery.send_task(task, args=args, queue=queue, expires=expires_s, ignore_result=True, retry=False)
        except Exception as err:  # noqa: BLE001  # a door: brokers' clients agree on no error, and the sweep repeats it
            log.warning("publish_failed", task=task, error=f"{type(err).__name__}: {err}")
            return False
        return True

    def waiting(self, task: str) -> int | None:
        queue = self._celery.amqp.queues[QUEUE_OF[task]]
        try:
            with self._celery.producer_or_acquire() as producer:
                declared = queue(producer.channel).queue_declare()
                return int(declared.message_count)  # type: ignore[union-attr]  # the stubs take it for the name
        except Exception as err:  # noqa: BLE001  # the same door
            log.warning("queue_not_counted", task=task, error=f"{type(err).__name__}: {err}")
            return None

    def close(self) -> None:
        self._celery.close()


QUEUE_OF = {
    "ingest": "ingest",
    "deliver": "deliver",
    "confirm": "deliver",
    "dispatch": "housekeeping",
    "tidy": "housekeeping",
    "survey": "train",
    "collect": "feedback",
    "settle": "feedback",
    "learn": "feedback",
    "train": "train",
    "tell": "outward",
}
"""Which queue carries which task. A worker may listen to some of them only: `celery -A workers worker -Q deliver`."""


def producer_options(broker_url: str) -> dict[str, Any]:
    """Transport options that make a broker that is away fail fast instead of holding up a request."""
    if broker_url.startswith("redis"):
        limits = {"socket_connect_timeout": PUBLISH_TIMEOUT_S, "socket_timeout": PUBLISH_TIMEOUT_S}
        return {**limits, "retry_on_timeout": False}
    if broker_url.startswith("amqp"):
        limits = {"read_timeout": PUBLISH_TIMEOUT_S, "write_timeout": PUBLISH_TIMEOUT_S}
        return {**limits, "max_retries": 0, "confirm_publish": False}
    return {}


def worker_options(broker_url: str) -> dict[str, Any]:
    """Transport options of a process that waits for messages: one that is cut off without a word notices, too."""
    if broker_url.startswith("redis"):
        return {"socket_keepalive": True, "socket_connect_timeout": CONNECT_TIMEOUT_S, "health_check_interval": 25}
    return {}


def require_packages(broker_url: str) -> None:
    """Raises MissingExtraError where this kind of broker needs a package that is not installed. Connects to nothing."""
    inproc.register()
    try:
        if broker_url.startswith("redis"):
            import_module("redis")  # where it is missing, Kombu stumbles and does not say over what
        with Connection(broker_url) as connection:
            _ = connection.transport  # Kombu imports what a broker needs when it is first asked for it
    except ImportError as err:
        raise MissingExtraError("fleet", "Redis") from err


def open_queue(broker_url: str) -> Queue:
    """The queue behind a broker URL. Opens no connection before the first message. Raises MissingExtraError."""
    require_packages(broker_url)
    return CeleryQueue(broker_url)
