"""`GET /o/{token}`: a picture of one pixel, which mails hold where the shop chose to count opens.

It is answered without a look at the database, and that it was fetched is kept behind the reader's back.
"""

from base64 import b64decode
from collections.abc import Sequence

import structlog
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.errors import BadTokenError
from aftercart.pipeline.recipients.opened import Open, keep_opens
from aftercart.pipeline.recipients.record import Visit
from aftercart.tracking.tokens import PATHS, Purpose
from aftercart.web.answering import token_of
from aftercart.web.click_writer import COMPANY_S
from aftercart.web.group_writer import GroupWriter

log = structlog.get_logger()

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A transparent GIF, 42 bytes."""
HEADERS = {"Cache-Control": "no-store, private", "X-Robots-Tag": "noindex, nofollow"}


class OpenWriter:
    """Keeps opens, as clicks are kept: those beyond 10,000 that wait are lost, and logged."""

    def __init__(self, app: App) -> None:
        def keep(connection: Connection, batch: Sequence[Open]) -> None:
            keep_opens(connection, batch, app.clock())

        self._writer = GroupWriter[Open]("opens", app.db, keep, lost=_log_lost, patient=True, company_s=COMPANY_S)

    def start(self) -> None:
        """Take opens."""
        self._writer.start()

    def stop(self) -> None:
        """Take no more, write what waits, then end."""
        self._writer.stop()

    def put(self, opened: Open) -> None:
        """Keep it, some time soon. Never waits."""
        if not self._writer.put(opened):
            _log_lost([opened], "too many wait already, or the engine is stopping")


def _log_lost(group: Sequence[Open], why: object) -> None:
    for opened in group:
        log.error("open_not_recorded", send_id=str(opened.send_id), error=str(why))


def pixel_routes(app: App, opens: OpenWriter) -> list[Route]:
    """The one route."""

    async def pixel(request: Request) -> Response:
        try:
            recipient_id, send_id = app.tokens.read_page(Purpose.OPEN, token_of(request))
        except BadTokenError:
            return Response(status_code=404, headers=HEADERS)
        visit = Visit(request.method, request.headers.get("user-agent", ""))
        opens.put(Open(send_id, recipient_id, visit, app.clock()))
        return Response(PIXEL, media_type="image/gif", headers=HEADERS)

    return [Route(f"{PATHS[Purpose.OPEN]}{{token}}", pixel, methods=["GET"])]
