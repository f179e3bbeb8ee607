"""For the operator's machines: is it alive, is it ready, and numbers."""

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from aftercart.bootstrap import App
from aftercart.web.metrics import Metrics
from aftercart.web.readiness import Readiness


def health_router(app: App) -> APIRouter:
    """`/healthz` the process answers; `/readyz` it can do its work; `/metrics` for Prometheus."""
    router = APIRouter(tags=["health"])
    readiness, numbers = Readiness(app), Metrics(app)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:  # needs no thread, so it waits for none
        """The process is alive."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "Webhooks could not be stored; or, `strict`, see above."}})
    def readyz(response: Response, strict: bool = False) -> dict[str, str | dict[str, str]]:
        """`unavailable` (503): webhooks could not be stored. `degraded`: they are, but something needs a person.

        `strict`: 503 for that, too. `amiss` says what, by part.
        """
        amiss = readiness.ask()
        if not amiss:
            return {"status": "ok"}
        closed = readiness.closes_the_doors(amiss)
        response.status_code = 503 if closed or strict else 200
        return {"status": "unavailable" if closed else "degraded", "amiss": amiss}

    @router.get("/metrics", response_class=Response, responses={503: {"description": "A database does not answer."}})
    def metrics() -> Response:
        """Counts of events and sends, and how late the engine is."""
        try:
            return Response(numbers.page(), media_type=CONTENT_TYPE_LATEST)
        except SQLAlchemyError:
            return Response("a database does not answer\n", 503, media_type="text/plain")

    return router
