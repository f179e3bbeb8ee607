"""What stands at `/`: a page that tells somebody who followed the address where they are, and nothing else."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.web.answering import pages_of


def landing_routes(app: App) -> list[Route]:
    """The routes of the front door."""

    def show(request: Request) -> Response:
        return pages_of(app.brand, request).landing(app.brand.url)

    return [Route("/", show, methods=["GET"])]
