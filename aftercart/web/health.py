"""For the operator's machines: is it alive, is it ready, and numbers.

All numbers come from the database, so that they are right whichever of several processes is asked.
"""

from collections.abc import Iterable

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from aftercart.bootstrap import App
from aftercart.reports import status
from aftercart.reports.senders import senders
from aftercart.web.sender_metrics import sender_metrics

log = structlog.get_logger()


def health_router(app: App) -> APIRouter:
    """`/healthz` the process answers; `/readyz` the databases answer; `/metrics` for Prometheus."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:  # needs no thread, so it waits for none
        """The process is alive."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "A database does not answer."}})
    def readyz(response: Response) -> dict[str, str]:
        """Webhooks can be stored and sends can be decided."""
        try:
            with app.db.read() as main, app.inbox_db.read() as inbox:
                status.ping(main)
                status.ping(inbox)
        except SQLAlchemyError as err:
            log.error("not_ready", error=str(err.__cause__ or err))  # the log knows more than a stranger may
            response.status_code = 503
            return {"status": "unavailable"}
        return {"status": "ok"}

    @router.get("/metrics", response_class=Response, responses={503: {"description": "A database does not answer."}})
    def metrics() -> Response:
        """Counts of events and sends by state, and how late the engine is."""
        try:
            with app.db.read() as main, app.inbox_db.read() as inbox:
                now = app.clock()
                numbers = status.numbers(main, inbox, now)
                standing = senders(main, app.traffic.names, app.traffic.limits_of, now)
        except SQLAlchemyError:
            return Response("a database does not answer\n", 503, media_type="text/plain")
        return Response(_exposition(numbers, list(sender_metrics(standing))), media_type=CONTENT_TYPE_LATEST)

    return router


class _Found(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _exposition(numbers: status.Numbers, more: list[Metric]) -> bytes:
    registry = CollectorRegistry()
    sends = Gauge("aftercart_sends", "Sends by state", ["state"], registry=registry)
    for state, count in numbers.sends.items():
        sends.labels(state).set(count)
    events = Gauge(
        "aftercart_events", "Webhooks by state; waiting: stored, not worked through yet", ["state"], registry=registry
    )
    for state, count in numbers.events.items():
        events.labels(state).set(count)
    late = Gauge("aftercart_lateness_seconds", "How long the longest overdue send has been due", registry=registry)
    late.set(numbers.lateness_s)
    registry.register(_Found(more))
    return generate_latest(registry)
