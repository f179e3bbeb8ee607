"""Numbers for Prometheus, from the database and the broker: right whichever of several processes is asked.

Sends and webhooks are as they were last counted, a minute ago (`pipeline/upkeep/tidy.py`): there may be millions.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from time import monotonic

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from aftercart.bootstrap import App
from aftercart.coupons import store as coupons
from aftercart.db import tables
from aftercart.ledger.store import tallying
from aftercart.outward import store as outward
from aftercart.policy import store as policy
from aftercart.queue.port import QUEUE_OF
from aftercart.reports import readings, status
from aftercart.reports.recommending import recommending
from aftercart.reports.senders import senders
from aftercart.web.outlet_metrics import outlet_metrics
from aftercart.web.patience import Patience
from aftercart.web.recommendation_metrics import recommendation_metrics
from aftercart.web.sender_metrics import sender_metrics

BROKER_WITHIN_S = 3.0
SHARE = 20
"""Asking may take a twentieth of the time: an answer that took half a second is given again for ten."""


class Metrics:
    """The page that Prometheus reads."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._patience = Patience[dict[tuple[str, ...], int]](BROKER_WITHIN_S)
        self._lock = threading.Lock()
        self._counted: list[Metric] = []
        self._good_until = 0.0

    def page(self) -> bytes:
        """The numbers as of now, or of a moment ago. Raises SQLAlchemyError when a database does not answer."""
        with self._lock:
            if monotonic() >= self._good_until:
                started = monotonic()
                self._counted = list(self._of_the_database())
                self._good_until = monotonic() + SHARE * (monotonic() - started)
            return _page([*self._counted, *self._of_the_broker()])

    def _of_the_database(self) -> Iterator[Metric]:
        now = self._app.clock()
        with self._app.db.read() as main, self._app.inbox_db.read() as inbox:
            is_held_back = self._app.traffic.is_held_back(main, now)
            numbers = status.numbers(main, inbox, now, is_held_back=is_held_back)
            sends = tallying.kept(main, tables.sends)
            dispatcher = readings.dispatcher(main)
            trained_at, oldest = readings.serving_since(main), readings.oldest_webhook(inbox)
            paused = policy.pauses(main)
            pools = coupons.pools(main, now)
            fares = recommending(main, now)
            told = outward.outlet_rows(main)
            standing = senders(main, self._app.traffic.names, self._app.traffic.limits_of, now)
        yield from _counts(numbers, sends)
        yield _one("aftercart_lateness_seconds", "How long the longest overdue send has been due", numbers.lateness_s)
        yield _one(
            "aftercart_inbox_oldest_seconds", "How long the oldest webhook that waits has waited", _age(oldest, now)
        )
        yield _one("aftercart_held", "1 while all mail is held for a person's word", int(bool(dispatcher.held_because)))
        about_pauses = (
            "1 for each campaign, variant of an experiment, or (an empty name) all mail, that has paused itself"
        )
        by_name = (((pause.name,), 1) for pause in paused)
        yield _by("aftercart_paused_itself", about_pauses, ("campaign",), by_name)
        left = (((pool.name,), pool.left) for pool in pools)
        yield _by("aftercart_coupons_left", "Codes that can still be handed out, by pool", ("pool",), left)
        yield from sender_metrics(standing)
        yield from outlet_metrics(told, now)
        if dispatcher.beat_at:
            about_beat = "Since the dispatcher's last sign of life; missing where it never ran"
            yield _one("aftercart_dispatcher_seconds", about_beat, _age(dispatcher.beat_at, now))
        if trained_at:
            about_model = "Age of the model that serves; missing where none does"
            yield _one("aftercart_model_age_seconds", about_model, _age(trained_at, now))
        yield from recommendation_metrics(fares)

    def _of_the_broker(self) -> Iterator[Metric]:
        counted = self._patience.ask({"broker": self._queues})["broker"]
        waiting = counted.result() if counted.done() else {}
        yield _by("aftercart_queue_messages", "Messages that wait in the broker", ("queue",), waiting.items())
        yield _one(
            "aftercart_broker_up", "1 where the broker answers", int(len(waiting) == len(set(QUEUE_OF.values())))
        )

    def _queues(self) -> dict[tuple[str, ...], int]:
        """By queue. A broker that does not answer for one is not asked for the others."""
        found: dict[tuple[str, ...], int] = {}
        for task, queue in QUEUE_OF.items():
            count = self._app.queue.waiting(task)
            if count is None:
                break
            found[queue,] = count
        return found


def _counts(numbers: status.Numbers, sends: tallying.Tally) -> Iterator[Metric]:
    """How many sends, confirmations and webhooks there are, by state."""
    yield _by("aftercart_sends", "Sends by state", ("state",), _by_state(numbers.sends))
    about_asking = "Mails that ask to confirm a consent (double opt-in), by state"
    yield _by("aftercart_confirmations", about_asking, ("state",), _by_state(numbers.confirmations))
    reasons = (((state, reason or ""), number) for (state, reason), number in sends.items())
    yield _by("aftercart_send_reasons", "Sends by state and reason", ("state", "reason"), reasons)
    handed_over = readings.handed_over(sends)
    yield CounterMetricFamily("aftercart_handed_over", "Mails that a provider took", value=handed_over)
    about_events = "Webhooks by state; waiting: stored, not worked through yet"
    yield _by("aftercart_events", about_events, ("state",), _by_state(numbers.events))


def _by_state(counts: Mapping[str, int]) -> Iterator[tuple[tuple[str, ...], float]]:
    return (((state,), count) for state, count in counts.items())


def _age(instant: datetime | None, now: datetime) -> float:
    return (now - instant).total_seconds() if instant else 0.0


def _one(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _by(name: str, about: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in sorted(values):
        family.add_metric(key, value)
    return family


def _page(families: list[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Found(families))
    return generate_latest(registry)


class _Found(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
