"""The link by which a person confirms their consent: GET asks, POST answers.

A page says the same of everybody: whether an address is known can be learned from no answer without a token that we
signed.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.errors import BadTokenError
from aftercart.pipeline.recipients.confirmed import Answer, Asked, Question, find_question, keep_answer
from aftercart.pipeline.recipients.permission import Terms
from aftercart.tracking.tokens import PATHS, Purpose
from aftercart.web.answering import Answering, ip_of, token_of
from aftercart.web.word_writer import Word, WordWriter

PATH = PATHS[Purpose.CONFIRM] + "{token}"


def confirm_routes(app: App, words: WordWriter) -> list[Route]:
    """The routes under `/y/`."""
    door = _Door(app, words)
    return [
        Route(PATH, door.ask, methods=["GET"]),  # Starlette lets HEAD in where GET is
        Route(PATH, door.answer, methods=["POST"]),
    ]


class _Door:
    def __init__(self, app: App, words: WordWriter) -> None:
        self._app = app
        self._answering = Answering(app, words)

    async def ask(self, request: Request) -> Response:
        """A page with one button. Changes nothing: mail scanners open every link, and some run its scripts."""
        return await self._answering.read(self._ask, request)

    async def answer(self, request: Request) -> Response:
        """The person confirms. 200 and no redirect, however often."""
        try:
            recipient_id, confirmation_id = self._app.tokens.read_confirm(token_of(request))
        except BadTokenError:
            return self._answering.pages(request).no_such_link()
        answer, terms = Answer(recipient_id, confirmation_id, ip_of(request), self._app.clock()), self._terms
        ids = {"recipient_id": recipient_id, "confirmation_id": str(confirmation_id)}
        word = Word("confirmed", recipient_id, ids, lambda connection: keep_answer(connection, answer, terms))
        return await self._answering.keep(word, request, lambda asked: self._page(request, asked))

    def _ask(self, request: Request) -> Response:
        said = self._app.tokens.read_confirm(token_of(request))
        return self._page(request, find_question(self._app.db, *said, self._terms, self._app.clock()))

    def _page(self, request: Request, asked: Asked | None) -> Response:
        if asked is None:
            return self._answering.pages(request).no_such_link()
        pages = self._answering.pages(request, asked.locale)
        match asked.question:
            case Question.OPEN:
                return pages.may_we()
            case Question.SETTLED:
                return pages.confirmed()
            case Question.CLOSED:
                return pages.no_longer_asked()

    @property
    def _terms(self) -> Terms:
        return Terms(self._app.brand.consent_rules, self._app.address_hashes)
