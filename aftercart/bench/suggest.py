"""`GET /api/recommendations`, beside a bare route: called directly (ASGI), one question after the other."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message
from threadpoolctl import threadpool_limits

from aftercart.bench.timing import Result, beside
from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.db.tables import products
from aftercart.pipeline.learning.suggest import KEPT_FOR
from aftercart.recommendation import store
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.models import files
from aftercart.recommendation.models.model import Model
from aftercart.testing import settings_for
from aftercart.web.app import create_web

QUESTIONS, KEY, PATH = 200, "key-of-the-pages-of-a-shop", "/api/recommendations"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def suggest(rounds: int, folder: Path, model: Model) -> Iterator[Result]:
    """Questions about products of this model's catalog: each for the first time, and again within a minute."""
    clock = SteppedClock(NOW)
    app = build(settings_for(folder, api_keys=KEY, api_per_minute=10**9), clock=clock)
    serve(app, model)
    web, floor = create_web(app), Starlette(routes=[Route(PATH, _nothing)])
    asked = [_scope(product.sku) for product in model.products[:QUESTIONS]]
    with asyncio.Runner() as runner, threadpool_limits(1, user_api="blas"):  # as `settle_in` has it in every process
        for name, prepare in (("api", lambda: clock.step(KEPT_FOR)), ("api, again", lambda: None)):
            found = beside(
                name, "questions", lambda: runner.run(_ask(web, asked)), "bare route",
                lambda: runner.run(_ask(floor, asked)), count=QUESTIONS, rounds=rounds, prepare=prepare,
            )  # fmt: skip
            yield replace(found, note=f"{1000 / found.per_second:.1f} ms each, {len(model.products):,} products")
    app.close()


def serve(app: App, model: Model) -> None:
    """Let this model serve, with its catalog on sale."""
    names = [field.name for field in fields(Product)]
    for_sale = [
        {name: getattr(product, name) for name in names}
        | {"price_minor": 1_000, "currency": "EUR", "url": f"https://www.example.com/{product.sku}", "updated_at": NOW}
        for product in model.products
    ]
    checksum = files.save(model, app.settings.models_dir)
    with app.db.write() as connection:
        connection.execute(insert(products), for_sale)
        version = store.Version(model.version, checksum)
        store.add_version(connection, version, trained_at=NOW, data_until=NOW, facts={}, serve=True)


def _nothing(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _ask(web: ASGIApp, scopes: Sequence[dict[str, Any]]) -> None:
    for scope in scopes:
        statuses: list[int] = []

        async def send(message: Message, statuses: list[int] = statuses) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await web(dict(scope), _nothing_posted, send)
        if statuses != [200]:
            raise RuntimeError(f"the door answered {statuses}")


async def _nothing_posted() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _scope(sku: str) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": PATH, "raw_path": PATH.encode(), "query_string": urlencode({"key": KEY, "product": sku}).encode(),
        "root_path": "", "headers": [], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
