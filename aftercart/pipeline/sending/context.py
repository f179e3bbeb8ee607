"""What a template sees of an order and its picks: plain values, as `rendering/running/context.py` documents them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aftercart.bootstrap import App
from aftercart.coupons.coupon import Coupon
from aftercart.pipeline.planning.planned import Line, Planned
from aftercart.pipeline.sending.copies import page_links, pick_links
from aftercart.recommendation.asking.request import Pick, Recommendation
from aftercart.recommendation.inputs.catalog import Details, Product


@dataclass(frozen=True)
class Shelf:
    """What a batch needs beside the picks: products bought, what the shop says about those offered, codes."""

    bought: Mapping[str, Product]
    offered: Mapping[str, Details]
    coupons: Mapping[UUID, Coupon]


def context_of(app: App, planned: Planned, locale: str, found: Recommendation | None, shelf: Shelf) -> dict[str, Any]:
    """The context of one mail."""
    brand, base_url, tokens = app.brand, app.settings.base_url, app.tokens
    return {
        "brand": brand.for_templates(),
        "campaign": {"name": planned.campaign_name, "step": planned.step_id},
        "recipient": {"first_name": planned.first_name or None, "locale": locale},
        "order": {
            "id": planned.shop_order_id,
            "placed_at": planned.placed_at.isoformat(),
            "currency": planned.currency,
            "lines": [line_seen(line, planned.currency, shelf.bought.get(line.sku)) for line in planned.anchors],
        },
        "picks": [
            {
                **pick_seen(slot, pick, shelf.offered.get(pick.sku, Details()), planned.currency),
                **pick_links(base_url, tokens, planned.recipient_id, planned.send_id, slot),
            }
            for slot, pick in enumerate(found.picks if found else (), start=1)
        ],
        "coupon": coupon.for_templates() if (coupon := shelf.coupons.get(planned.send_id)) else None,
        "links": page_links(base_url, tokens, planned.recipient_id, planned.send_id),
    }


def line_seen(line: Line, currency: str, product: Product | None) -> dict[str, Any]:
    """A line of the order. `product`: as it stands now, if it does."""
    return {
        "sku": line.sku,
        "title": line.title or (product.title if product else "") or line.sku,
        "quantity": int(line.left) if line.left.is_integer() else line.left,
        "price": {"minor": line.unit_price_minor, "currency": currency},
        "image_url": (product.image_url if product else "") or None,
        "url": (product.url if product else "") or None,
    }


def pick_seen(slot: int, pick: Pick, details: Details, theirs: str) -> dict[str, Any]:
    """A pick, without the links that are one person's.

    `theirs`: the currency that the buyer pays in. Where the shop has told no price in it, the catalog's is shown.
    """
    in_theirs = details.price_in(theirs)
    minor, currency = (pick.price_minor, pick.currency) if in_theirs is None else (in_theirs, theirs)
    struck = details.struck_price(minor, currency)
    return {
        "slot": slot,
        "sku": pick.sku,
        "title": pick.title,
        "url": pick.url,
        "image_url": pick.image_url or None,
        "price": {"minor": minor, "currency": currency},
        "compare_at": {"minor": struck, "currency": currency} if struck else None,
        "rating": {"value": details.rating, "count": details.rating_count} if details.is_rated else None,
        "because": {"sku": pick.because, "title": pick.because_title or None} if pick.because else None,
        "category": pick.category or None,
        "description": details.description or None,
    }
