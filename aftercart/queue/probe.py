"""What a broker tells of itself and of the workers that read from it. Asked by hand, so it may take some seconds."""

from typing import Any

from celery import Celery
from kombu import Connection

from aftercart.queue.port import producer_options

EVICTS_NOTHING = "noeviction"


def refusal(broker_url: str) -> str:
    """Why it cannot be used, in its own or its client's words; empty where it can."""
    try:
        with Connection(broker_url, transport_options=producer_options(broker_url), connect_timeout=2) as connection:
            connection.channel()
    except Exception as err:  # noqa: BLE001  # a door: brokers' clients agree on no error
        return str(err) or type(err).__name__
    return ""


def queues_read(broker_url: str, within_s: float) -> dict[str, frozenset[str]]:
    """By worker that answers in time, the queues that it reads. Raises what the broker's client raises."""
    with _asking(broker_url) as anybody:
        read: dict[str, Any] = dict(anybody.control.inspect(timeout=within_s).active_queues() or {})
    return {name: frozenset(queue["name"] for queue in queues) for name, queues in sorted(read.items())}


def times_done(broker_url: str, task: str, within_s: float) -> dict[str, int]:
    """By worker that answers in time, how often it has done a task since it started."""
    with _asking(broker_url) as anybody:
        stats: dict[str, Any] = dict(anybody.control.inspect(timeout=within_s).stats() or {})
    return {name: int(worker.get("total", {}).get(task, 0)) for name, worker in stats.items()}


def evicts(broker_url: str) -> str:
    """The policy of a Redis that drops messages when it is full; empty where it does not, or does not say."""
    if not broker_url.startswith("redis"):
        return ""
    with Connection(broker_url, transport_options=producer_options(broker_url)) as connection:
        try:
            channel: Any = connection.channel()  # Kombu's of Redis
            told = channel.client.config_get("maxmemory*")
        except connection.connection_errors:
            raise
        except Exception:  # noqa: BLE001  # a hosted Redis lets nobody ask
            return ""
    limited = str(told.get("maxmemory", "0")) != "0"
    policy = str(told.get("maxmemory-policy", EVICTS_NOTHING))
    return policy if limited and policy != EVICTS_NOTHING else ""


def _asking(broker_url: str) -> Celery:
    anybody = Celery("aftercart-doctor", broker=broker_url, set_as_current=False)
    anybody.conf.update(broker_transport_options=producer_options(broker_url), broker_connection_timeout=2)
    return anybody
