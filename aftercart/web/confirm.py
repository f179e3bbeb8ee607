"""The link by which a person confirms their consent: GET asks, POST answers.

A bare route without cookies, as those of `links.py`. A page says the same of everybody: whether an address is known
can be learned from no answer without a token that we signed.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.db.session import is_passing
from aftercart.errors import BadTokenError
from aftercart.intake.clean import clean_ip
from aftercart.pipeline.confirm import Answer, is_asked, keep_answer
from aftercart.web.recipient_pages import RecipientPages

log = structlog.get_logger()


def confirm_routes(app: App) -> list[Route]:
    """The routes under `/y/`."""
    door = _Door(app)
    return [
        *(Route(path, door.cut_off, methods=["GET", "POST"]) for path in ("/y", "/y/")),
        Route("/y/{token}", door.ask, methods=["GET"]),  # Starlette lets HEAD in where GET is
        Route("/y/{token}", door.answer, methods=["POST"]),
    ]


class _Door:
    def __init__(self, app: App) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="confirm")

    async def ask(self, request: Request) -> Response:
        """A page with one button. Changes nothing: mail scanners open every link, and some run its scripts."""
        return await self._do(self._ask, request)

    async def answer(self, request: Request) -> Response:
        """The person confirms. 200 and no redirect, however often."""
        return await self._do(self._answer, request)

    async def cut_off(self, _: Request) -> Response:
        """404, and a page that says what to do."""
        return self._pages.no_such_link()

    async def _do(self, act: Callable[[Request], Response], request: Request) -> Response:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, act, request)
        except BadTokenError:
            return self._pages.no_such_link()
        except Exception as err:
            if not is_passing(err):
                raise
            log.error("confirmation_not_served", error=str(err.__cause__ or err))
            return self._pages.try_again()

    def _ask(self, request: Request) -> Response:
        stands = is_asked(self._app.db, self._app.tokens, request.path_params["token"])
        if stands is None:
            return self._pages.no_such_link()
        return self._pages.may_we() if stands else self._pages.confirmed()

    def _answer(self, request: Request) -> Response:
        recipient_id, confirmation_id = self._app.tokens.read_confirm(request.path_params["token"])
        ip = clean_ip(request.client.host) if request.client else ""
        with self._app.db.write() as connection:
            done = keep_answer(connection, Answer(recipient_id, confirmation_id, ip, self._app.clock()))
        return self._pages.confirmed() if done else self._pages.no_such_link()

    @property
    def _pages(self) -> RecipientPages:
        brand = self._app.brand
        return RecipientPages(brand.name, brand.color)
