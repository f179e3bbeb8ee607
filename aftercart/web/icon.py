"""The little picture that browsers show beside a page's title: the brand's letter on its color."""

from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aftercart.bootstrap import App
from aftercart.web.recipient_pages import readable_on, shown_color

_HEADERS = {"Cache-Control": "max-age=86400", "X-Content-Type-Options": "nosniff"}


def icon_routes(app: App) -> list[Route]:
    """Where browsers look for it by themselves; each that asks takes SVG there too."""

    def show(_: Request) -> Response:
        color, letter = shown_color(app.brand.color), escape(app.brand.name[:1].upper())
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" '
            f'fill="{color}"/><text x="16" y="23" text-anchor="middle" font-family="sans-serif" font-size="20" '
            f'font-weight="700" fill="{readable_on(color)}">{letter}</text></svg>'
        )
        return Response(svg, media_type="image/svg+xml", headers=_HEADERS)

    return [Route("/favicon.ico", show, methods=["GET"])]
