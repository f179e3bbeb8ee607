"""Do the mails offer complements? The stored picks, joined with the products, are held against the shop's own orders.

By the rules that the engine states for itself (`recommendation/guards.py`, `categories.py`), counted anew from the orders:

1. Nothing of the narrow category of something bought, unless past orders show that people buy both.
2. Nothing whose category past orders keep apart from those of everything bought.
3. Whatever is not just a best seller names a product of the order as its reason.

And by the one that the demo's campaign for bikes adds, whatever past orders say:

4. Nobody who bought a bike is offered a bike.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from aftercart.db.tables import order_lines, picks, sends
from aftercart.demo.shop import BIKES
from aftercart.recommendation.asking.request import Source
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.models.model import UNTRAINED, Model
from aftercart.recommendation.store import load_facts, load_interactions

WITH_A_REASON = (Source.LIGHTFM, Source.BOUGHT_TOGETHER, Source.CATEGORY_BEST_SELLERS)


@dataclass(frozen=True)
class Offer:
    """One pick of a mail, with what was bought. `pasts`: what the engine may have known of past orders then."""

    send_id: UUID
    sku: str
    because: str
    source: str
    bought: frozenset[str]
    pasts: Sequence[Model]


def unfit_picks(connection: Connection, since: datetime) -> Iterator[str]:
    """A sentence about each rule that some picks break. `since`: when the orders began that the model had not seen."""
    offers = _offers(connection, since)
    catalog = load_facts(connection, {sku for offer in offers for sku in (offer.sku, *offer.bought)})
    bikes = {sku for sku, product in catalog.items() if product.department == BIKES}
    yield from _told(
        "are of the category of something bought, though people do not buy both",
        (offer for offer in offers if _is_substitute(offer, catalog)),
    )
    yield from _told(
        "are of a category that people do not buy together with any of what was bought",
        (offer for offer in offers if _is_of_a_rival_category(offer, catalog)),
    )
    yield from _told(
        "name no product of their order as the reason",
        (offer for offer in offers if offer.source in WITH_A_REASON and offer.because not in offer.bought),
    )
    yield from _told(
        "are bikes for somebody who bought a bike",
        (offer for offer in offers if offer.sku in bikes and offer.bought & bikes),
    )


def _told(fault: str, offers: Iterable[Offer]) -> Iterator[str]:
    found = list(offers)
    if found:
        yield f"{len(found)} picks {fault}, such as {found[0].sku} in send {found[0].send_id}"


def _offers(connection: Connection, since: datetime) -> list[Offer]:
    """A trained model knows the orders before the replay; without one the engine counts those of the week as well."""
    every = load_interactions(connection)
    before, after = (
        Model(UNTRAINED, every.products, evidence_of(past)) for past in (every.until(int(since.timestamp())), every)
    )
    bought = _bought(connection)
    query = select(picks, sends.c.order_id, sends.c.model_version).join(sends, sends.c.id == picks.c.send_id)
    return [
        Offer(
            row.send_id,
            row.sku,
            row.because,
            row.source,
            frozenset(bought[row.order_id]),
            (before, after) if row.model_version == UNTRAINED else (before,),
        )
        for row in connection.execute(query.order_by(picks.c.send_id, picks.c.slot))
    ]


def _bought(connection: Connection) -> Mapping[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    mailed = select(sends.c.order_id)
    query = select(order_lines.c.order_id, order_lines.c.sku).where(order_lines.c.order_id.in_(mailed))
    for order_id, sku in connection.execute(query):
        found[order_id].add(sku)
    return found


def _is_substitute(offer: Offer, catalog: Mapping[str, Product]) -> bool:
    category = catalog[offer.sku].category if offer.sku in catalog else ""
    alike = [sku for sku in offer.bought if category and sku in catalog and catalog[sku].category == category]
    return not any(all(past.are_often_together(sku, offer.sku) for sku in alike) for past in offer.pasts)


def _is_of_a_rival_category(offer: Offer, catalog: Mapping[str, Product]) -> bool:
    if offer.sku not in catalog:
        return False
    category, kinds = catalog[offer.sku].category, {catalog[sku].category for sku in offer.bought if sku in catalog}
    return bool(kinds) and all(all((kind, category) in past.rivals for kind in kinds) for past in offer.pasts)
