"""What stands at `/`: a page that tells somebody who followed the address where they are, and nothing else."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.web.recipient_pages import RecipientPages


def landing_routes(app: App) -> list[Route]:
    """The routes of the front door."""

    def show(_: Request) -> Response:
        return RecipientPages(app.brand.name, app.brand.color).landing(app.brand.url)

    return [Route("/", show, methods=["GET"])]
