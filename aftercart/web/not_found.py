"""What somebody gets who asks for an address at which nothing is: a page for people, a line for programs."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from aftercart.bootstrap import App
from aftercart.web.answering import pages_of


def not_found(app: App) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Handles 404. Browsers name text/html in what they accept; a mail's link may have been cut off anywhere."""

    async def answer(request: Request, error: Exception) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return pages_of(app.brand, request).no_such_link()
        return JSONResponse({"detail": str(getattr(error, "detail", "")) or "Not Found"}, 404)

    return answer
