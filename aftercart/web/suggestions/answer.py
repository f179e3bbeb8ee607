"""An answer as JSON, and what a browser may do with it."""

import hashlib
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from aftercart.money import formatted
from aftercart.pipeline.learning.suggest import Kind, Suggestion
from aftercart.recommendation.asking.request import Pick

FOR_ALL, FOR_ONE = "public, max-age=60", "private, no-store"


def answer(request: Request, kind: Kind, found: Suggestion, locale: str, *, is_personal: bool) -> Response:
    """200, or 304 where the browser has it already. What is chosen for one person no cache may keep."""
    products = [_product(pick, locale) for pick in found.picks]
    plain = {"kind": kind, "model": found.model, "personal": is_personal, "products": products}
    body = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"Cache-Control": FOR_ONE if is_personal else FOR_ALL, "ETag": tag}
    if _has_it(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def refusal(status: int, detail: str, **more: str) -> Response:
    """No, and why."""
    return JSONResponse({"detail": detail, **more}, status_code=status, headers={"Cache-Control": "no-store"})


def _product(pick: Pick, locale: str) -> dict[str, Any]:
    """No scores and no counts of orders: the key is public, and how much a shop sells is its own business."""
    return {
        "sku": pick.sku,
        "title": pick.title,
        "url": pick.url,
        "image_url": pick.image_url or None,
        "category": pick.category or None,
        "price": {
            "minor": pick.price_minor,
            "currency": pick.currency or None,
            "text": formatted(pick.price_minor, pick.currency, locale) if pick.currency else None,
        },
        "because": pick.because or None,
        "source": pick.source,
    }


def _has_it(given: str, tag: str) -> bool:
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in given.split(","))
