"""What somebody gets who asks an address for what it does not do: which methods it takes."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route


async def not_allowed(request: Request, error: Exception) -> Response:
    """Handles 405. `Allow` has to name every method of the address (RFC 9110 §10.2.1); what raised the error knows only
    one of the routes that share it."""
    known = getattr(error, "headers", None) or {}
    allowed = {method.strip() for method in known.get("Allow", "").split(",")}
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            allowed |= route.methods or set()
    return JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": ", ".join(sorted(filter(None, allowed)))})
