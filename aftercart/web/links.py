"""The links in a mail: clicks and unsubscribing."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.errors import BadTokenError
from aftercart.pipeline.recipients.record import Click, Leaver, Leaving, Visit, find_link, keep_leaving, who_leaves
from aftercart.tracking.bots import loads_in_case
from aftercart.tracking.tokens import PATHS
from aftercart.web.answering import Answering, LinkApp, start_of_body, token_of
from aftercart.web.click_writer import ClickWriter
from aftercart.web.form import only_value, read_form
from aftercart.web.topics import Topics
from aftercart.web.word_writer import Word, WordWriter

LOOKED_AT_BYTES = 4096
"""So much of a posted body is looked at; a one-click body has 26 bytes, or some hundred as multipart."""


def link_routes(app: LinkApp, clicks: ClickWriter, words: WordWriter, topics: Topics) -> list[Route]:
    """The routes under `/c/` and `/u/`, and those of all links that were cut off before their token."""
    doors = _Doors(app, clicks, words, topics)
    return [
        *(Route(path, doors.cut_off, methods=["GET", "POST"]) for path in _cut_off(tuple(PATHS.values()))),
        Route("/c/{token}", doors.click, methods=["GET"]),  # Starlette lets HEAD in where GET is
        Route("/u/{token}", doors.ask, methods=["GET"]),
        Route("/u/{token}", doors.leave, methods=["POST"]),
    ]


class _Doors:
    def __init__(self, app: LinkApp, clicks: ClickWriter, words: WordWriter, topics: Topics) -> None:
        self._app, self._clicks, self._topics = app, clicks, topics
        self._answering = Answering(app, words)

    async def click(self, request: Request) -> Response:
        """302 to the stored address, for readers and machines alike; 404 for a token that is not ours.

        The click is kept behind the reader's back: a database that is busy does not stand between them and the shop.
        """
        return await self._answering.read(self._click, request)

    async def ask(self, request: Request) -> Response:
        """A page with a button or two. Changes nothing: mail scanners open every link, and some run its scripts."""
        return await self._answering.read(self._ask, request)

    async def leave(self, request: Request) -> Response:
        """The recipient leaves. 200 and no redirect, however often, with whatever body and origin.

        Everything, unless the body clearly says that it is the topic alone.
        """
        body = await start_of_body(request, LOOKED_AT_BYTES)
        try:
            recipient_id, send_id = self._app.tokens.read_unsubscribe(token_of(request))
        except BadTokenError:
            return self._answering.pages(request).no_such_link()
        source = "one_click" if b"One-Click" in body else "page"
        only_topic = source == "page" and only_value(read_form(body), "answer") == "topic"
        leaving = Leaving(recipient_id, send_id, source, self._app.clock(), only_topic=only_topic)
        ids = {"recipient_id": recipient_id, "send_id": str(send_id), "source": source, "only_topic": only_topic}
        word = Word("unsubscribed", recipient_id, ids, lambda connection: keep_leaving(connection, leaving))
        return await self._answering.keep(word, request, lambda leaver: self._after(request, leaver, only_topic))

    async def cut_off(self, request: Request) -> Response:
        """404, and a page that says what to do."""
        return self._answering.pages(request).no_such_link()

    def _click(self, request: Request) -> Response:
        link = find_link(self._app.db, self._app.tokens, token_of(request))
        if link is None:
            return self._answering.pages(request).no_such_link()
        visit = Visit(request.method, request.headers.get("user-agent", ""), loads_in_case(request.headers))
        self._clicks.put(Click(link, visit, self._app.clock()))
        return _redirect(link.url)

    def _ask(self, request: Request) -> Response:
        leaver = who_leaves(self._app.db, self._app.tokens, token_of(request))
        if leaver is None or leaver.has_left:
            return self._after(request, leaver)
        pages = self._answering.pages(request, leaver.locale)
        topics = self._topics.ids(leaver.topic)
        may_choose = leaver.topic in topics and not leaver.has_left_topic and len(topics) > 1
        return pages.ask(leaver.email, self._topics.name(leaver.topic, pages) if may_choose else "")

    def _after(self, request: Request, leaver: Leaver | None, only_topic: bool = False) -> Response:
        if leaver is None:
            return self._answering.pages(request).no_such_link()
        pages = self._answering.pages(request, leaver.locale)
        only = only_topic and leaver.has_left_topic and not leaver.has_left
        return pages.left(leaver.email, self._topics.name(leaver.topic, pages) if only else "")


def _cut_off(paths: Sequence[str]) -> list[str]:
    return [path for full in paths for path in (full.rstrip("/"), full)]


def _redirect(url: str) -> Response:
    # Not RedirectResponse: it would encode the address anew, and the shop's link must arrive as it was written.
    headers = {"Location": url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(status_code=302, headers={**headers, "X-Robots-Tag": "noindex, nofollow"})
