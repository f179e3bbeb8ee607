"""The door: who may ask, how often, from which pages; and the script that a shop pastes in.

A bare Starlette route: every visitor of every product page asks it. Closed, as if it were not there, without a key.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.db.session import is_passing
from aftercart.errors import SignatureError
from aftercart.pipeline.learning.suggest import Suggesting, Wanted
from aftercart.web.suggestions.answer import answer, refusal
from aftercart.web.suggestions.asked import Asked, AskedWronglyError, read_question
from aftercart.web.suggestions.customer import proven_customer
from aftercart.web.suggestions.pace import Pace

log = structlog.get_logger()

PATH, SCRIPT_PATH = "/api/recommendations", "/api/recommendations.js"
READERS = 4
RETRY_AFTER_S = 5
_OPEN_TO_PAGES = {
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

Door = Callable[[Request], Awaitable[Response]]


class SuggestionDoor:
    """Answers the pages of one shop."""

    def __init__(self, app: App) -> None:
        self._app, self._suggesting = app, Suggesting(app)
        self._pace = Pace(app.settings.api_per_minute)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="suggest")
        self._script = files("aftercart.web.suggestions").joinpath("script.js").read_bytes()

    def routes(self) -> list[Route]:
        """None without a key."""
        if not self._app.settings.api_keys:
            return []
        return [
            Route(PATH, self._for_pages(self.suggest), methods=["GET"]),
            Route(PATH, self._for_pages(self.may_ask), methods=["OPTIONS"]),
            Route(SCRIPT_PATH, self._for_pages(self.script), methods=["GET"]),
        ]

    def warm_up(self) -> None:
        """Load the model behind the back of whoever starts the web app."""
        if self._app.settings.api_keys:
            self._readers.submit(self._warm_up)

    def close(self) -> None:
        """No more questions."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def suggest(self, request: Request) -> Response:
        """200 or 304; 401 a wrong key or customer, 422 asked wrongly, 429 too often, 503 the database is busy."""
        wait = self._pace.wait(request.client.host if request.client else "")
        if wait:
            return _later(429, "too many questions from this address", wait)
        if not self._has_key(request):
            return refusal(401, "the key is missing or wrong: key=..., or Authorization: Bearer ...")
        try:
            asked = read_question(request.query_params)
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._answer, request, asked)
        except AskedWronglyError as err:
            return refusal(422, str(err), field=err.field)
        except SignatureError as err:
            return refusal(401, str(err), field="customer")

    async def may_ask(self, _: Request) -> Response:
        """What browsers ask before a question with an Authorization header."""
        allowed = {"Access-Control-Allow-Methods": "GET", "Access-Control-Allow-Headers": "Authorization"}
        return Response(status_code=204, headers={**allowed, "Access-Control-Max-Age": "86400"})

    async def script(self, _: Request) -> Response:
        """The same for everybody; browsers keep it for an hour."""
        headers = {"Cache-Control": "public, max-age=3600"}
        return Response(self._script, media_type="text/javascript; charset=utf-8", headers=headers)

    def _answer(self, request: Request, asked: Asked) -> Response:
        settings, wanted = self._app.settings, asked.wanted
        customer = proven_customer(settings.api_secrets, asked.customer, self._app.clock()) if asked.customer else ""
        mine = Wanted(wanted.kind, wanted.products, wanted.category, wanted.most, customer)
        try:
            found = self._suggesting.suggest(mine)
        except Exception as err:
            if not is_passing(err):
                raise
            log.error("suggestion_not_served", error=str(err.__cause__ or err))
            return _later(503, "the database is busy", RETRY_AFTER_S)
        return answer(request, wanted.kind, found, self._app.brand.locale, is_personal=bool(customer))

    def _has_key(self, request: Request) -> bool:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else request.query_params.get("key", "")
        return any(hmac.compare_digest(given.encode(), key.encode()) for key in self._app.settings.api_keys.split())

    def _for_pages(self, door: Door) -> Door:
        """Let the shop's own pages read the answer, whatever it is."""

        async def opened(request: Request) -> Response:
            response = await door(request)
            origin = request.headers.get("origin", "")
            response.headers.update({**_OPEN_TO_PAGES, "Vary": "Origin"})
            if origin in self._app.settings.api_origins.split():
                response.headers["Access-Control-Allow-Origin"] = origin
            return response

        return opened

    def _warm_up(self) -> None:
        try:
            self._suggesting.warm_up()
        except Exception as err:
            if not is_passing(err):
                raise
            log.warning("suggestions_not_warm", error=str(err.__cause__ or err))


def _later(status: int, detail: str, seconds: int) -> Response:
    response = refusal(status, detail)
    response.headers["Retry-After"] = str(seconds)
    return response
