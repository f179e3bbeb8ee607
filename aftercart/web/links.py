"""The links in a mail: clicks and unsubscribing.

Bare routes, without cookies, sessions or CSRF checks: mailbox providers post the one-click unsubscribe from their own
machines (RFC 8058), and a check meant for browsers would turn them away.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.clock import Clock
from aftercart.db.session import Database, is_passing
from aftercart.errors import BadTokenError
from aftercart.pipeline.record import Click, Leaver, Leaving, Visit, find_link, who_leaves
from aftercart.tracking.tokens import TokenSigner
from aftercart.web.click_writer import ClickWriter
from aftercart.web.leave_writer import LeaveWriter, NotYetError
from aftercart.web.recipient_pages import RecipientPages

log = structlog.get_logger()

LOOKED_AT_BYTES = 4096
"""So much of a posted body is looked at; a one-click body has 26 bytes, or some hundred as multipart."""
READERS = 8


class BrandLike(Protocol):
    """The part of the brand that the pages show."""

    @property
    def name(self) -> str: ...
    @property
    def color(self) -> str: ...


class LinkApp(Protocol):
    """The part of the engine that these routes need; `bootstrap.App` is one."""

    @property
    def db(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def tokens(self) -> TokenSigner: ...
    @property
    def brand(self) -> BrandLike: ...


def link_routes(app: LinkApp, clicks: ClickWriter, leavers: LeaveWriter) -> list[Route]:
    """The routes under `/c/` and `/u/`, and those of links that were cut off before their token."""
    doors = _Doors(app, clicks, leavers)
    return [
        *(Route(path, doors.cut_off, methods=["GET", "POST"]) for path in ("/c", "/c/", "/u", "/u/")),
        Route("/c/{token}", doors.click, methods=["GET"]),  # Starlette lets HEAD in where GET is
        Route("/u/{token}", doors.ask, methods=["GET"]),
        Route("/u/{token}", doors.leave, methods=["POST"]),
    ]


class _Doors:
    def __init__(self, app: LinkApp, clicks: ClickWriter, leavers: LeaveWriter) -> None:
        self._app, self._clicks, self._leavers = app, clicks, leavers
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="links")

    async def click(self, request: Request) -> Response:
        """302 to the stored address, for readers and machines alike; 404 for a token that is not ours.

        The click is kept behind the reader's back: a database that is busy does not stand between them and the shop.
        """
        return await self._read(self._click, request)

    async def ask(self, request: Request) -> Response:
        """A page with one button. Changes nothing: mail scanners open every link, and some run its scripts."""
        return await self._read(self._ask, request)

    async def leave(self, request: Request) -> Response:
        """The recipient leaves. 200 and no redirect, however often, with whatever body and origin.

        503 where that is not written in time; it is written later then, but whoever can ask again had better do so.
        """
        source = "one_click" if b"One-Click" in await _start_of_body(request) else "page"
        try:
            who = self._app.tokens.read_unsubscribe(_token(request))
            return self._after(await self._leavers.leave(Leaving(*who, source, self._app.clock())))
        except BadTokenError:
            return self._pages.no_such_link()
        except NotYetError:
            return self._pages.try_again()

    async def cut_off(self, _: Request) -> Response:
        """404, and a page that says what to do."""
        return self._pages.no_such_link()

    async def _read(self, answer: Callable[[Request], Response], request: Request) -> Response:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, answer, request)
        except Exception as err:
            if not is_passing(err):
                raise
            log.error("link_not_served", error=str(err.__cause__ or err))
            return self._pages.try_again()

    def _click(self, request: Request) -> Response:
        try:
            link = find_link(self._app.db, self._app.tokens, _token(request))
        except BadTokenError:
            link = None
        if link is None:
            return self._pages.no_such_link()
        visit = Visit(request.method, request.headers.get("user-agent", ""))
        self._clicks.put(Click(link, visit, self._app.clock()))
        return _redirect(link.url)

    def _ask(self, request: Request) -> Response:
        try:
            leaver = who_leaves(self._app.db, self._app.tokens, _token(request))
        except BadTokenError:
            leaver = None
        return self._pages.ask(leaver.email) if leaver and not leaver.has_left else self._after(leaver)

    def _after(self, leaver: Leaver | None) -> Response:
        return self._pages.left(leaver.email) if leaver else self._pages.no_such_link()

    @property
    def _pages(self) -> RecipientPages:
        brand = self._app.brand
        return RecipientPages(brand.name, brand.color)


def _redirect(url: str) -> Response:
    # Not RedirectResponse: it would encode the address anew, and the shop's link must arrive as it was written.
    headers = {"Location": url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(status_code=302, headers={**headers, "X-Robots-Tag": "noindex, nofollow"})


def _token(request: Request) -> str:
    return str(request.path_params["token"])


async def _start_of_body(request: Request) -> bytes:
    start = b""
    async for chunk in request.stream():
        start += chunk[: LOOKED_AT_BYTES - len(start)]
        if len(start) >= LOOKED_AT_BYTES:
            break
    return start
