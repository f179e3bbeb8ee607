"""Who may enter: HTTP Basic with the password of the settings, whatever the name. Without a password nobody.

The pages only read, so no other site can make a browser do anything here.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.web.admin.console import Console

ASK = {"WWW-Authenticate": 'Basic realm="Aftercart", charset="UTF-8"', "Cache-Control": "no-store"}
ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("echarts.js", "charts.js")

Show = Callable[[Request], Response]


def admin_routes(app: App) -> list[Route]:
    """`/admin` tells of all campaigns, `/admin/campaigns/NAME` of one; the others of all mails, week by week."""
    console = Console(app)
    pages: dict[str, Show] = {
        "/admin": console.overview,
        "/admin/": console.overview,
        "/admin/campaigns/{name}": console.campaign,
        "/admin/cohorts": console.cohorts,
        "/admin/domains": console.domains,
        "/admin/recommendations": console.recommendations,
        "/admin/assets/{name}": _script,
    }
    return [Route(path, _guarded(app, show), methods=["GET"]) for path, show in pages.items()]


def _script(request: Request) -> Response:
    if request.path_params["name"] not in SCRIPTS:
        raise HTTPException(404)
    kept = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return FileResponse(ASSETS / request.path_params["name"], media_type="text/javascript", headers=kept)


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
