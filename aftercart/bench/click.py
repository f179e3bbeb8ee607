"""Clicks: the token read, the link looked up, the reader sent on, the click kept; beside a bare route that redirects.

One after the other: what counts is how long a reader waits. Both apps are called directly (ASGI), without sockets.
"""

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from aftercart.bench.timing import Result, beside
from aftercart.bootstrap import App, build
from aftercart.db.tables import enrollments, links, orders, recipients, sends
from aftercart.ids import new_id
from aftercart.testing import settings_for
from aftercart.web.app import create_web

CLICKS = 400
WHERE = "https://www.example.com/lamp?utm_source=aftercart"


def click(rounds: int, folder: Path) -> Result:
    """Some hundred readers of as many mails, each of whom opens a link."""
    floor = Starlette(routes=[Route("/c/{token}", _redirect_only)])
    with closing(build(settings_for(folder))) as app, asyncio.Runner() as runner:
        paths = _mails(app)
        web = create_web(app)
        lifespan = web.router.lifespan_context(web)
        runner.run(lifespan.__aenter__())
        try:
            result = beside(
                "click", "clicks", lambda: runner.run(_open_all(web, paths)),
                "bare route", lambda: runner.run(_open_all(floor, paths)), count=CLICKS, rounds=rounds,
            )  # fmt: skip
        finally:
            runner.run(lifespan.__aexit__(None, None, None))
    more = 1_000 / result.per_second - 1_000 / result.floor_per_second
    return replace(result, note=f"a reader waits {more:.2f} ms longer")


async def _redirect_only(_: Request) -> Response:
    return Response(status_code=302, headers={"Location": WHERE})


async def _open_all(web: ASGIApp, paths: list[str]) -> None:
    for path in paths:
        await _open(web, path)


async def _open(web: ASGIApp, path: str) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    await web(_scope(path), receive, send)
    if (b"location", WHERE.encode()) not in told[0]["headers"]:
        raise RuntimeError(f"the link led elsewhere: {told[0]}")


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"user-agent", b"Mozilla/5.0 Firefox/140.0")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip


def _mails(app: App) -> list[str]:
    """The paths of a link in each of them; the mails went out an hour ago."""
    now = datetime.now(UTC)
    with app.db.write() as connection:
        return [_mail(connection, app, number, now - timedelta(hours=1)) for number in range(CLICKS)]


def _mail(connection: Connection, app: App, number: int, at: datetime) -> str:
    person = {"email": f"{number}@example.com", "first_name": "", "locale": "", "time_zone": "", "country": ""}
    who = {"recipient_id": _added(connection, recipients, {**person, "created_at": at})}
    bought = {"shop": "generic", "shop_order_id": str(number), "state": "completed", "currency": "EUR"}
    about = {"total_minor": 1, "placed_at": at, "source_updated_at": at, "country": "", "region": "", "imported": False}
    run = {**who, "campaign": "c", "order_id": _added(connection, orders, {**bought, **about, **who}), "created_at": at}
    entered = {**run, "campaign_version": "v", "state": "completed"}
    send_id = new_id()
    planned = {"id": send_id, "enrollment_id": _added(connection, enrollments, entered), "step": "s"}
    times = {"due_at": at, "wake_at": at, "valid_until": at, "sent_at": at, "config_version": "v"}
    state = {"state": "sent", "priority": 50, "attempt": 1, "tries": 1}
    connection.execute(sends.insert(), {**run, **planned, **times, **state})
    connection.execute(links.insert(), {"send_id": send_id, "position": 0, "url": WHERE})
    return f"/c/{app.tokens.link(send_id, 0)}"


def _added(connection: Connection, table: Table, row: dict[str, object]) -> int:
    return int(connection.execute(table.insert().returning(table.c.id), row).scalar_one())
