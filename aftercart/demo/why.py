"""What the engine's database says about a send or an order, as the inbox's "why" pages show it.

The words are those of `aftercart explain` (`reports/words.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from aftercart.db.session import Database
from aftercart.db.tables import orders, picks, products
from aftercart.demo.inbox import Records
from aftercart.demo.unmailed import unmailed_orders
from aftercart.money import formatted
from aftercart.reports.explain import explain
from aftercart.reports.moment import Moment
from aftercart.reports.words import SOURCES, in_words, stage_in_words

TOLD_ELSEWHERE = "pick"


def records_of(db: Database) -> Records:
    """All that the inbox asks of an engine's database."""
    return Records(why_products(db), why_mail(db), why_order(db), partial(unmailed_orders, db))


def why_products(db: Database) -> Callable[[UUID], Sequence[Mapping[str, Any]]]:
    """For a send: what was chosen for its slots, and on what evidence."""

    def answer(send_id: UUID) -> Sequence[Mapping[str, Any]]:
        with db.read() as connection:
            chosen = connection.execute(_CHOSEN.where(picks.c.send_id == send_id)).mappings().all()
            titles = _titles(connection, {row["because"] for row in chosen})
        return [_pick(dict(row), titles) for row in chosen]

    return answer


_CHOSEN = (
    select(picks, products.c.image_url, products.c.url, products.c.price_minor, products.c.currency)
    .outerjoin(products, products.c.sku == picks.c.sku)
    .order_by(picks.c.slot)
)


def _titles(connection: Connection, skus: set[str]) -> dict[str, str]:
    query = select(products.c.sku, products.c.title).where(products.c.sku.in_(skus))
    return {row.sku: row.title for row in connection.execute(query)}


def _pick(row: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    priced = row["price_minor"] is not None and row["currency"]
    return {
        "sku": row["sku"],
        "title": row["title"],
        "because_title": titles.get(row["because"], row["because"]),
        "source": SOURCES.get(row["source"], row["source"]),
        "score": row["score"],
        "lines": in_words("pick", {**row["evidence"], "sku": row["sku"], "score": row["score"]}),
        "image_url": row["image_url"],
        "url": row["url"],
        "price": formatted(row["price_minor"], row["currency"], "en_US") if priced else "",
    }


def why_mail(db: Database) -> Callable[[UUID], Sequence[Mapping[str, Any]]]:
    """For a send: its order's way to this mail, and what became of the mail, oldest first."""

    def answer(send_id: UUID) -> Sequence[Mapping[str, Any]]:
        with db.read() as connection:
            stories = explain(connection, str(send_id)).orders
        return _steps([moment for story in stories for moment in story.moments])

    return answer


def why_order(db: Database) -> Callable[[int], Sequence[Mapping[str, Any]]]:
    """For an order, by our number: what was decided about it, oldest first."""

    def answer(order_id: int) -> Sequence[Mapping[str, Any]]:
        with db.read() as connection:
            named = select(orders.c.shop, orders.c.shop_order_id).where(orders.c.id == order_id)
            order = connection.execute(named).one()
            stories = explain(connection, order.shop_order_id).orders
        return _steps([m for s in stories if (s.shop, s.order_id) == tuple(order) for m in s.moments])

    return answer


def _steps(moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """What other campaigns thought of the order is another mail's story; unless none of them planned a mail."""
    campaigns = {moment.campaign for moment in moments if moment.send_id}
    about = [m for m in moments if not campaigns or m.campaign is None or m.campaign in campaigns]
    return [_step(moment) for moment in about if moment.kind != TOLD_ELSEWHERE]


def _step(moment: Moment) -> dict[str, Any]:
    waits = bool(moment.facts.get("until"))
    return {
        "at": moment.at,
        "stage": stage_in_words(moment.kind),
        "campaign": moment.campaign or "",
        "outcome": "waits" if waits else moment.reason or "",
        "sentence": moment.sentence,
        "lines": in_words(moment.kind, moment.facts),
    }
