"""What `/openapi.json` says of webhooks, links and pages: bare Starlette routes, which do not describe themselves."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi


def describe(web: FastAPI) -> None:
    """Make a web app describe its bare routes too."""

    def described() -> dict[str, Any]:
        if web.openapi_schema is None:
            schema = get_openapi(title=web.title, version=web.version, routes=web.routes)
            schema["paths"] |= BARE
            web.openapi_schema = schema
        return web.openapi_schema

    web.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _operation(summary: str, tag: str, parameter: str, answers: dict[int, str], **more: Any) -> dict[str, Any]:
    where = {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}
    return {"summary": summary, "tags": [tag], "parameters": [where], "responses": _answers(answers), **more}


def _answers(meanings: dict[int, str]) -> dict[str, Any]:
    return {str(status): {"description": meaning} for status, meaning in meanings.items()}


def _query(name: str, about: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": {"type": "string", **schema}}


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
_OPENED = _operation(
    "The picture of a mail was fetched: it was opened, perhaps",
    "links",
    "token",
    {200: "A picture of one pixel.", 404: "The token is not ours."},
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

_BUSY = "The database is busy: ask again after `Retry-After` seconds."
_NO_LINK = "The token is not ours, or its person was erased."
_FORM = "application/x-www-form-urlencoded"


def _page(summary: str) -> dict[str, Any]:
    return _operation(summary, "links", "token", {200: "The page.", 404: _NO_LINK, 503: _BUSY})


def _form(summary: str, done: str, **fields: str) -> dict[str, Any]:
    """A page that is sent. `fields`: what is in it, and what it says; each may stand there several times."""
    properties = {
        name: {"type": "array", "items": {"type": "string"}, "description": about} for name, about in fields.items()
    }
    body = {"content": {_FORM: {"schema": {"type": "object", "properties": properties}}}} if fields else {}
    more = {"requestBody": body} if body else {}
    return _operation(summary, "links", "token", {200: done, 404: _NO_LINK, 503: _BUSY}, **more)


_TEXT, _MAYBE = {"type": "string"}, {"type": ["string", "null"]}
_PRICE = {"type": "object", "properties": {"minor": {"type": "integer"}, "currency": _MAYBE, "text": _MAYBE}}
_PRODUCT = {
    **dict.fromkeys(("sku", "title", "url", "source"), _TEXT),
    **dict.fromkeys(("image_url", "category", "because"), _MAYBE),
    "price": _PRICE,
}
_SHOWN = {
    "type": "object",
    "required": ["kind", "model", "personal", "products"],
    "properties": {
        "kind": _TEXT,
        "model": _TEXT,
        "personal": {"type": "boolean"},
        "products": {"type": "array", "items": {"type": "object", "properties": _PRODUCT}},
    },
}

_PREFERENCES = _form(
    "Save what a person chose on their preference page",
    "Saved; the page says what, and takes it back on a second press.",
    answer="`save`, or `leave`: no marketing mail at all. Anything else changes nothing.",
    topic="The topics that they want; heard where `topics_shown` stands too, since an empty box posts nothing.",
    topics_shown="`yes`.",
    pace="How often at most, as the page offers it.",
    snooze="How long a break they want, as the page offers it.",
    language="Their language.",
    time_zone="Their time zone, as the IANA names it.",
    refuse="`sku:...` or `category:...`: what is to be kept from them; heard where `refusals_shown` stands too.",
    refusals_shown="`yes`.",
)

_SUGGEST = {
    "summary": "What goes with these products, for a page of the shop",
    "tags": ["recommendations"],
    "parameters": [
        _query("key", "One of AFTERCART_API_KEYS; or in `Authorization: Bearer`."),
        _query("product", "SKU of the page, or those of the cart.", type="array", items={"type": "string"}),
        _query("kind", "What to show.", enum=["goes_with", "bought_together", "best_sellers"]),
        _query("category", "Only products of this category."),
        _query("customer", "ID.SECONDS.SIGNATURE: who looks at the page, signed by the shop's server."),
        _query("k", "How many at most.", type="integer", minimum=1, maximum=24),
    ],
    "responses": {
        "200": {"description": "The products, the best first.", "content": {"application/json": {"schema": _SHOWN}}},
        **_answers(
            {
                304: "As `If-None-Match` has it already.",
                401: "The key is missing or wrong, or the customer is not signed by the shop.",
                404: "There is no key, so it is closed.",
                422: "Asked wrongly; `field` is at fault.",
                429: "Too often: ask again after `Retry-After` seconds.",
                503: _BUSY,
            }
        ),
    },
}
_SCRIPT = {
    "summary": "The script that a shop pastes into its pages",
    "tags": ["recommendations"],
    "responses": _answers({200: "JavaScript.", 404: "There is no key, so it is closed."}),
}

BARE = {
    "/webhooks/{shop}": {"post": _SHOP},
    "/webhooks/esp/{name}": {"post": _SERVICE},
    "/c/{token}": {"get": _CLICK},
    "/o/{token}": {"get": _OPENED},
    "/u/{token}": {"get": _ASK, "post": _LEAVE},
    "/y/{token}": {"get": _MAY_WE, "post": _CONFIRM},
    "/p/{token}": {"get": _page("A person's preference page; changes nothing"), "post": _PREFERENCES},
    "/v/{token}": {"get": _page("A mail in the browser, as it was sent, as long as it is kept")},
    "/w/{token}": {"get": _page("Why did I get this mail?")},
    "/l/{token}": {
        "get": _page("Asks whether this product and its category shall be kept from a person; changes nothing"),
        "post": _form("Less like this", "Kept from now on, however often this is asked."),
    },
    "/h/{token}": {
        "get": _page("Asks whether a person has this product already; changes nothing"),
        "post": _form("I have it already", "Kept from now on, however often this is asked."),
    },
    "/api/recommendations": {"get": _SUGGEST},
    "/api/recommendations.js": {"get": _SCRIPT},
}
