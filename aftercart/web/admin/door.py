"""Who may enter: HTTP Basic with the password of the settings, whatever the name. Without a password nobody.

The pages only read, so no other site can make a browser do anything here.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.reports.earned.report import brand_holdout, campaigns_with_mails, report_on
from aftercart.web.admin import pages

ASK = {"WWW-Authenticate": 'Basic realm="Aftercart", charset="UTF-8"', "Cache-Control": "no-store"}

Show = Callable[[Request], Response]


def admin_routes(app: App) -> list[Route]:
    """`/admin` tells of all campaigns, `/admin/campaigns/NAME` of one."""
    console = _Console(app)
    return [
        Route("/admin", _guarded(app, console.overview), methods=["GET"]),
        Route("/admin/campaigns/{name}", _guarded(app, console.campaign), methods=["GET"]),
    ]


def _guarded(app: App, show: Show) -> Show:
    def answer(request: Request) -> Response:
        password = app.settings.admin_password
        if not password:
            raise HTTPException(404)  # as for any address at which nothing is: a stranger learns nothing
        if not hmac.compare_digest(_given(request).encode(), password.encode()):
            return PlainTextResponse("Wrong password.\n", 401, headers=ASK)
        return show(request)

    return answer


def _given(request: Request) -> str:
    """The password that a browser sends (RFC 7617); empty where it sends none."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeError):
        return ""


class _Console:
    def __init__(self, app: App) -> None:
        self._app = app

    def overview(self, _: Request) -> Response:
        brand, now = self._app.brand, self._now()
        with self._app.db.read() as connection:
            names = sorted({*campaigns_with_mails(connection), *self._app.campaigns.by_name})
            reports = [report_on(connection, name, brand.currency, now) for name in names]
            everything = brand_holdout(connection, brand.currency, now)
        return pages.overview(brand, reports, everything, now)

    def campaign(self, request: Request) -> Response:
        name, brand, now = request.path_params["name"], self._app.brand, self._now()
        with self._app.db.read() as connection:
            if name not in {*campaigns_with_mails(connection), *self._app.campaigns.by_name}:
                raise HTTPException(404)
            return pages.campaign(brand, report_on(connection, name, brand.currency, now), now)

    def _now(self) -> datetime:
        return self._app.clock().astimezone(UTC)
