"""The doors for mail services: `POST /webhooks/esp/{name}`.

200 after the report is durable, whatever it says: services switch a webhook off that answers with errors, and an
unclear report is kept. 401 without the service's secret, with the challenge that Amazon SNS waits for before it
shows its login. 404, 413 and 503 as for shops. A HEAD, by which some try the address, is answered.
"""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.errors import SignatureError
from aftercart.pipeline.recipients.feedback import accept_webhook
from aftercart.web.inbox_writer import InboxWriter, NotStoredError
from aftercart.web.webhooks import come_again, read_body

log = structlog.get_logger()


def esp_webhook_routes(app: App, writer: InboxWriter) -> list[Route]:
    """One route for all of them."""

    async def receive(request: Request) -> Response:
        door = app.services.get(request.path_params["name"])
        if door is None:
            known = ", ".join(sorted(app.services)) or "none"
            detail = f"no such mail service; with a secret in AFTERCART_ESP_WEBHOOK_SECRETS: {known}"
            return JSONResponse({"detail": detail}, status_code=404)
        if request.method == "HEAD":
            return Response()
        limit = app.settings.max_body_bytes
        body = await read_body(request, limit)
        if body is None:
            return JSONResponse({"detail": f"the body is larger than {limit:,} bytes"}, status_code=413)
        try:
            row = accept_webhook(door, dict(request.headers), body, app.clock())
        except SignatureError as err:
            log.warning("webhook_refused", shop=door.name, why=str(err))
            challenge = {"WWW-Authenticate": 'Basic realm="aftercart"'}
            return JSONResponse({"detail": str(err)}, status_code=401, headers=challenge)
        try:
            await writer.store(row)
        except NotStoredError:
            return come_again()
        return JSONResponse({"detail": "stored"})

    return [Route("/webhooks/esp/{name}", receive, methods=["POST", "HEAD"])]
