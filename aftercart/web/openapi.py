"""What `/openapi.json` says about the hot routes, which are bare Starlette routes and so do not describe themselves."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi


def describe(web: FastAPI) -> None:
    """Make a web app describe its hot routes too."""

    def described() -> dict[str, Any]:
        if web.openapi_schema is None:
            schema = get_openapi(title=web.title, version=web.version, routes=web.routes)
            schema["paths"] |= HOT
            web.openapi_schema = schema
        return web.openapi_schema

    web.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _operation(summary: str, tag: str, parameter: str, answers: dict[int, str], **more: Any) -> dict[str, Any]:
    where = {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}
    responses = {str(status): {"description": meaning} for status, meaning in answers.items()}
    return {"summary": summary, "tags": [tag], "parameters": [where], "responses": responses, **more}


_SHOP = _operation(
    "A shop tells what happened",
    "webhooks",
    "shop",
    {
        200: "The event is stored, or it was a ping.",
        401: "Nobody we know signed this, or the signature is stale.",
        404: "There is no such shop.",
        413: "The body is too large.",
        422: "Generic door only: the event is stored, but cannot be understood; `field` is at fault.",
        503: "It could not be stored, or not in time: send it again after `Retry-After` seconds.",
    },
    requestBody={"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
)
_SERVICE = _operation(
    "A mail service tells what became of a mail",
    "webhooks",
    "name",
    {
        200: "The report is stored.",
        401: "The request does not carry the service's secret.",
        404: "There is no such mail service, or it has no secret.",
        413: "The body is too large.",
        503: "It could not be stored, or not in time: send it again after `Retry-After` seconds.",
    },
    requestBody={"required": True, "content": {"application/json": {"schema": {}}}},
)
_CLICK = _operation(
    "A link of a mail was opened",
    "links",
    "token",
    {302: "To the page that the link leads to.", 404: "The token is not ours."},
)
_ASK = _operation(
    "A page that asks whether to unsubscribe; changes nothing",
    "links",
    "token",
    {200: "The page.", 404: "The token is not ours."},
)
_LEAVE = _operation(
    "Unsubscribe, by the page or in one click (RFC 8058)",
    "links",
    "token",
    {
        200: "Unsubscribed, however often this is asked.",
        404: "The token is not ours.",
        503: "The database is busy: it will be written, but ask again after `Retry-After` seconds to be sure.",
    },
)

_MAY_WE = _operation(
    "A page that asks whether a new consent is meant; changes nothing",
    "links",
    "token",
    {200: "The page.", 404: "The token is not ours."},
)
_CONFIRM = _operation(
    "Confirm a new consent (double opt-in)",
    "links",
    "token",
    {
        200: "Confirmed, however often this is asked; or, as the page says, they left since and nothing changes.",
        404: "The token is not ours.",
        503: "The database is busy: ask again after `Retry-After` seconds.",
    },
)

HOT = {
    "/webhooks/{shop}": {"post": _SHOP},
    "/webhooks/esp/{name}": {"post": _SERVICE},
    "/c/{token}": {"get": _CLICK},
    "/u/{token}": {"get": _ASK, "post": _LEAVE},
    "/y/{token}": {"get": _MAY_WE, "post": _CONFIRM},
}
