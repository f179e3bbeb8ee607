"""What the mails of a week showed because of what, who had chosen it, and what people did with it.

How often each was shown is counted by the database. Clicks, purchases and refusals are few: they come row by row.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, bindparam, func, select

from aftercart.db.calendar import WEEK
from aftercart.db.tables import (
    attributions,
    clicks,
    decisions,
    links,
    model_versions,
    order_lines,
    picks,
    products,
    refusals,
    sends,
)
from aftercart.policy.preferences import RefusalKind, RefusalWhy
from aftercart.tracking.links import leads_to

Rows = list[dict[str, Any]]
Event = Any
"""A row with what `_EACH` names."""

# Written into the statement, not bound: else no database could see that the partial index ix_decisions_leave serves.
HAS_LEFT = decisions.c.stage == bindparam("leave_stage", "leave", literal_execute=True)
_MODEL = func.coalesce(sends.c.model_version, "").label("model")
_PAIR = (sends.c.campaign, picks.c.because, picks.c.sku)
_SOURCE = (_MODEL, picks.c.source)
_EACH = (picks.c.send_id, picks.c.slot, *_PAIR, *_SOURCE)


def shown(connection: Connection, start: datetime) -> tuple[Rows, Rows]:
    """Rows of `weekly_pairs`, and of `weekly_sources`, of the week from that instant on, without the week."""
    sent = (sends.c.sent_at >= start, sends.c.sent_at < start + WEEK)
    clicked, bought = _clicked(connection, sent), _events(connection, _purchases(sent))
    refused, left = (_events(connection, query) for query in (_refusals(sent, start), _departures(sent, start)))
    pairs = {"clicked": clicked, "bought": bought, "refused": refused, "left_after": left}
    return _pairs(connection, sent, pairs), _sources(connection, sent, {"clicked": clicked, "bought": bought})


def _pairs(connection: Connection, sent: Sequence[ColumnElement[bool]], events: Mapping[str, Sequence[Event]]) -> Rows:
    query = select(*_PAIR, func.count().label("mails")).join(sends, sends.c.id == picks.c.send_id)
    counted = {name: Counter((e.campaign, e.because, e.sku) for e in found) for name, found in events.items()}
    return [
        {**row, **{name: by[row["campaign"], row["because"], row["sku"]] for name, by in counted.items()}}
        for row in connection.execute(query.where(*sent).group_by(*_PAIR)).mappings()
    ]


def _sources(
    connection: Connection, sent: Sequence[ColumnElement[bool]], events: Mapping[str, Sequence[Event]]
) -> Rows:
    counts = (func.count(picks.c.send_id.distinct()).label("mails"), func.count().label("picks"))
    query = select(*_SOURCE, *counts).join(sends, sends.c.id == picks.c.send_id)
    counted = {name: Counter((e.model, e.source) for e in found) for name, found in events.items()}
    facts = {row.version: row.facts for row in connection.execute(select(model_versions))}
    return [
        {
            **row,
            **{name: by[row["model"], row["source"]] for name, by in counted.items()},
            **_tested(facts.get(row["model"], {}), row["source"]),
        }
        for row in connection.execute(query.where(*sent).group_by(*_SOURCE)).mappings()
    ]


def _tested(facts: Mapping[str, Any], source: str) -> dict[str, float | None]:
    """How it did on orders that its version had not seen."""
    quality = (facts.get("comparison") or {}).get(source) or {}
    return {"ndcg10": quality.get("ndcg10"), "hr10": quality.get("hr10")}


# ---------------------------------------------------------------- what people did with it


def _events(connection: Connection, query: Select[Any]) -> list[Event]:
    return _distinct(connection.execute(query))


def _distinct(rows: Iterable[Event]) -> list[Event]:
    """Each pick once, however often it happened."""
    return list({(row.send_id, row.slot): row for row in rows}.values())


def _clicked(connection: Connection, sent: Sequence[ColumnElement[bool]]) -> list[Event]:
    """By a person, on a link to the product."""
    place = (links.c.send_id == clicks.c.send_id) & (links.c.position == clicks.c.position)
    query = select(*_EACH, links.c.url.label("link"), products.c.url.label("page")).select_from(sends)
    query = query.join(clicks, clicks.c.send_id == sends.c.id).join(links, place)
    query = query.join(picks, picks.c.send_id == sends.c.id).join(products, products.c.sku == picks.c.sku)
    rows: Iterable[Event] = connection.execute(query.where(*sent, clicks.c.verdict == "human", products.c.url != ""))
    return _distinct(row for row in rows if leads_to(row.link, row.page))


# What happened is few, and picks are many. SQLite keeps no statistics and would begin with the picks; with a DISTINCT
# part it cannot, so each of these begins with what happened.


def _purchases(sent: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """In an order that the mail is credited with."""
    query = select(attributions.c.send_id, attributions.c.order_id).distinct()
    query = query.join(sends, sends.c.id == attributions.c.send_id)
    credited = query.where(*sent, attributions.c.model == "last_click").subquery()
    # The few lines of the order are looked through, not all lines with the product: an index serves no function.
    of_it = (order_lines.c.order_id == credited.c.order_id) & (func.coalesce(order_lines.c.sku, "") == picks.c.sku)
    return _picks_of(credited).join(order_lines, of_it)


def _refusals(sent: Sequence[ColumnElement[bool]], start: datetime) -> Select[Any]:
    """ "Less like this" by its reader, from the mail on."""
    said = (refusals.c.kind == RefusalKind.SKU, refusals.c.why == RefusalWhy.LESS_LIKE_THIS, refusals.c.at >= start)
    query = select(refusals.c.value, sends.c.id.label("send_id")).distinct()
    query = query.join(sends, sends.c.recipient_id == refusals.c.recipient_id)
    refused = query.where(*sent, *said, refusals.c.at >= sends.c.sent_at).subquery()
    return _picks_of(refused).where(picks.c.sku == refused.c.value)


def _departures(sent: Sequence[ColumnElement[bool]], start: datetime) -> Select[Any]:
    """By a link of the mail."""
    query = select(decisions.c.send_id).distinct().join(sends, sends.c.id == decisions.c.send_id)
    return _picks_of(query.where(*sent, HAS_LEFT, decisions.c.at >= start).subquery())


def _picks_of(happened: Subquery) -> Select[Any]:
    query = select(*_EACH).select_from(happened).join(sends, sends.c.id == happened.c.send_id)
    return query.join(picks, picks.c.send_id == sends.c.id)
