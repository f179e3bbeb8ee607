"""The doors for shops: `POST /webhooks/{shop}`.

200 after the event is durable; 401 nobody we know signed it; 413 too large; 422 (generic door only) the body cannot
be understood, though it is kept; 503 it could not be stored, or not in time, so send it again. Shopify and WooCommerce
switch a webhook off that answers with errors, so they get 200 for a signed body whatever is in it.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.errors import SignatureError, UnprocessableError
from aftercart.intake.base import Shop
from aftercart.pipeline.incoming.ingest import accept
from aftercart.tracing import HEADER
from aftercart.web.inbox_writer import InboxWriter, NotStoredError

log = structlog.get_logger()

RETRY_AFTER_S = 10
DRAIN_TIMES, DRAIN_S = 16, 2.0
"""How much of a body that is too large is read and thrown away, in limits and in seconds."""


def webhook_routes(app: App, writer: InboxWriter) -> list[Route]:
    """One route a shop."""
    return [Route("/webhooks/{shop}", _Doors(app, writer).receive, methods=["POST"])]


class _Doors:
    def __init__(self, app: App, writer: InboxWriter) -> None:
        self._app, self._writer = app, writer
        # Threads of their own, which wait for nothing but the processor: shops never wait behind a reader's click.
        self._readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="verdict")

    async def receive(self, request: Request) -> Response:
        shop = self._app.shops.get(request.path_params["shop"])
        if shop is None:
            known = ", ".join(sorted(self._app.shops))
            return _answer(404, f"no such shop; there are: {known}")
        limit = self._app.settings.max_body_bytes
        body = await read_body(request, limit)
        if body is None:
            log.warning("webhook_refused", shop=shop.name, why=f"the body is larger than {limit:,} bytes")
            return _answer(413, f"the body is larger than {limit:,} bytes")
        return await self._store(shop, dict(request.headers), body)

    async def _store(self, shop: Shop, headers: dict[str, str], body: bytes) -> Response:
        try:
            row = accept(shop, headers, body, self._app.clock())
        except SignatureError as err:
            log.warning("webhook_refused", shop=shop.name, why=str(err))
            return _answer(401, str(err))
        if row is None:
            return _answer(200, "pong")
        with self._app.tracer.span("webhook", shop=shop.name, topic=row["topic"]) as traceparent:
            if traceparent:
                row["headers"][HEADER] = traceparent
            try:
                await self._writer.store(row)
            except NotStoredError:
                return come_again()
            return await self._verdict(shop, row["topic"], body)

    async def _verdict(self, shop: Shop, topic: str, body: bytes) -> Response:
        if not shop.tells_unprocessable:
            return _answer(200, "stored")
        try:
            await asyncio.get_running_loop().run_in_executor(self._readers, shop.parse, topic, body)
        except UnprocessableError as err:
            return _answer(422, str(err), field=err.field)
        return _answer(200, "stored")


async def read_body(request: Request, limit: int) -> bytes | None:
    """The body; None if it is too large. Keeps no more than the limit, whatever the headers claim."""
    parts, size = [], 0
    stream = request.stream()
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        await _drain(stream, DRAIN_TIMES * limit)
        return None
    async for part in stream:
        size += len(part)
        if size > limit:
            await _drain(stream, DRAIN_TIMES * limit)
            return None
        parts.append(part)
    return b"".join(parts)


async def _drain(stream: AsyncIterator[bytes], most: int) -> None:
    """Let a client end what it is sending, within reason: else its connection breaks before it reads our answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            async for part in stream:
                most -= len(part)
                if most < 0:
                    return


def come_again() -> Response:
    answer = _answer(503, "could not be stored; please send it again")
    answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _answer(status: int, detail: str, **more: str) -> Response:
    return JSONResponse({"detail": detail, **more}, status_code=status)
