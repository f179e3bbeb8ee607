"""What the doors for recipients have in common: threads that read the database, the reader's language, what was posted.

Bare routes, without cookies, sessions or CSRF checks: mailbox providers post the one-click unsubscribe from their own
machines (RFC 8058), and a check meant for browsers would turn them away. A token in the address is all that counts.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog
from starlette.requests import Request
from starlette.responses import Response

from aftercart.clock import Clock
from aftercart.db.session import Database, is_passing
from aftercart.errors import BadTokenError
from aftercart.intake.clean import clean_ip
from aftercart.tracking.tokens import TokenSigner
from aftercart.web.languages import accepted, locale_of
from aftercart.web.recipient_pages import RecipientPages
from aftercart.web.word_writer import NotYetError, T, Word, WordWriter

log = structlog.get_logger()

READERS = 8


class BrandLike(Protocol):
    """The part of the brand that the pages show."""

    @property
    def name(self) -> str: ...
    @property
    def color(self) -> str: ...
    @property
    def logo_url(self) -> str | None: ...
    @property
    def locale(self) -> str: ...


class LinkApp(Protocol):
    """The part of the engine that the links need; `bootstrap.App` is one."""

    @property
    def db(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def tokens(self) -> TokenSigner: ...
    @property
    def brand(self) -> BrandLike: ...


class Answering:
    """Answers requests for one engine."""

    def __init__(self, app: LinkApp, words: WordWriter) -> None:
        self._app, self._words = app, words
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="links")

    async def read(self, answer: Callable[[Request], Response], request: Request) -> Response:
        """What reads the database, in a thread of its own: 404 for a token that is not ours, 503 while it is busy."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, answer, request)
        except BadTokenError:
            return self.pages(request).no_such_link()
        except Exception as err:
            if not is_passing(err):
                raise
            log.error("link_not_served", error=str(err.__cause__ or err))
            return self.pages(request).try_again()

    async def keep(self, word: Word[T], request: Request, answer: Callable[[T], Response]) -> Response:
        """What was said is kept, and answered then. 503 where it is not written in time; it is written later then, but
        whoever can ask again had better do so."""
        try:
            return answer(await self._words.say(word))
        except NotYetError:
            return self.pages(request).try_again()

    def pages(self, request: Request, locale: str = "") -> RecipientPages:
        """In the dress of the brand as it stands now; see `pages_of`."""
        return pages_of(self._app.brand, request, locale)


def pages_of(brand: BrandLike, request: Request, locale: str = "") -> RecipientPages:
    """In the language of the person (`locale`) where it is known, else of their browser, else of the brand."""
    spoken = locale_of(locale, *accepted(request.headers.get("accept-language", "")), brand.locale)
    return RecipientPages(brand.name, brand.color, brand.logo_url, spoken)


def token_of(request: Request) -> str:
    """The token in the address."""
    return str(request.path_params["token"])


def ip_of(request: Request) -> str:
    """From where it comes, by the proxies that FORWARDED_ALLOW_IPS trusts; empty where nobody says."""
    return clean_ip(request.client.host) if request.client else ""


async def start_of_body(request: Request, most: int) -> bytes:
    """What was posted, so many bytes of it at most."""
    start = b""
    async for chunk in request.stream():
        start += chunk[: most - len(start)]
        if len(start) >= most:
            break
    return start
