"""Ingest: signed webhooks, durable before the answer, beside a bare route that only reads the body.

Both apps are called directly (ASGI), 64 requests at a time, so that no client's sockets blur the picture.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from aftercart.bench.timing import Result, beside
from aftercart.bootstrap import build
from aftercart.ids import new_id
from aftercart.intake.signing import sign_generic
from aftercart.testing import GENERIC_SECRET, settings_for
from aftercart.web.app import create_web

WEBHOOKS, AT_ONCE = 1_000, 64

Posted = tuple[dict[str, str], bytes]


def ingest(rounds: int, folder: Path) -> Result:
    """Orders of four lines through the generic door, with SQLite flushed to disk before each answer."""
    app = build(settings_for(folder))
    web = create_web(app)
    floor = Starlette(routes=[Route("/webhooks/generic", _read_only, methods=["POST"])])
    with asyncio.Runner() as runner:
        lifespan = web.router.lifespan_context(web)
        runner.run(lifespan.__aenter__())
        try:
            return beside(
                "ingest", "webhooks", lambda: runner.run(_post_all(web, _webhooks())),
                "bare route", lambda: runner.run(_post_all(floor, _webhooks())), count=WEBHOOKS, rounds=rounds,
            )  # fmt: skip
        finally:
            runner.run(lifespan.__aexit__(None, None, None))
            app.close()


async def _read_only(request: Request) -> Response:
    await request.body()
    return PlainTextResponse("ok")


def _webhooks() -> list[Posted]:
    now = datetime.now(UTC)
    return [_webhook(str(new_id()), now) for _ in range(WEBHOOKS)]


def _webhook(order_id: str, now: datetime) -> Posted:
    line = {"sku": "BK-R64Y-38", "title": "Road-550-W Yellow, 38", "quantity": 1, "unit_price": "1000.44"}
    customer = {"id": order_id, "email": f"{order_id}@example.com", "locale": "fr-FR", "accepts_marketing": True}
    order = {"order_id": order_id, "placed_at": now.isoformat(), "currency": "EUR", "customer": customer}
    body = json.dumps({"type": "order.completed", "data": {**order, "lines": [line] * 4}}).encode()
    return sign_generic(GENERIC_SECRET, order_id, body, now), body


async def _post_all(web: ASGIApp, posts: Sequence[Posted]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def post(headers: dict[str, str], body: bytes) -> None:
        async with slots:
            await _post(web, headers, body)

    await asyncio.gather(*(post(headers, body) for headers, body in posts))


async def _post(web: ASGIApp, headers: dict[str, str], body: bytes) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    statuses: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await web(_scope(headers), receive, send)
    if statuses != [200]:
        raise RuntimeError(f"the door answered {statuses}")


def _scope(headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/webhooks/generic", "raw_path": b"/webhooks/generic", "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
