"""What happened to orders: every table that tells of one, as moments."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, select, tuple_

from aftercart.db.tables import (
    attempts,
    attributions,
    clicks,
    decisions,
    events,
    feedback,
    order_lines,
    order_reversals,
    picks,
    products,
    sends,
)
from aftercart.policy.reason import Reason
from aftercart.reports.archived import Archived, archived
from aftercart.reports.moment import Moment
from aftercart.reports.told import facts_of, sentence_of
from aftercart.reports.words import CLICKS, SOURCES, answer_in_words

_REVERSED = {"refund": "refunded", "return": "sent back", "cancellation": "canceled", "deletion": "deleted at the shop"}


def order_moments(
    connection: Connection, rows: Sequence[dict[str, Any]], ids: list[int]
) -> Iterable[tuple[int, Moment]]:
    """What happened by the id of the order, in no order yet. `rows`: those of the orders, `ids` theirs."""
    keys = {(row["shop"], row["shop_order_id"]): row["id"] for row in rows}
    for row in rows:
        yield (
            row["id"],
            Moment(
                row["placed_at"],
                "order",
                _placed(row),
                facts={"total_minor": row["total_minor"], "currency": row["currency"]},
            ),
        )
    kept = archived(connection, ids)
    for key, moment in _received(connection, list(keys), kept):
        yield keys[key], moment
    for key, moment in _reversals(connection, list(keys)):
        yield keys[key], moment
    yield from _decisions(connection, {row["id"]: row["shop"] for row in rows}, kept)
    yield from _about_sends(connection, ids, kept)
    yield from _credits(connection, ids)


def _placed(row: dict[str, Any]) -> str:
    if row["imported"]:
        return "The order was placed (imported from a file: to learn from, never mailed)."
    return "The order was placed."


def _received(
    connection: Connection, keys: list[tuple[str, str]], kept: Archived
) -> Iterable[tuple[tuple[str, str], Moment]]:
    query = select(events).where(tuple_(events.c.shop, events.c.shop_order_id).in_(keys))
    for row in _all(kept, events, connection.execute(query).mappings()):
        sentence = f"Webhook “{row['topic']}” came in and was {row['state']}."
        facts = {"event_id": row["id"], "error": row["error"]} if row["error"] else {"event_id": row["id"]}
        yield (row["shop"], row["shop_order_id"]), Moment(row["received_at"], "event", sentence, facts=facts)


def _reversals(connection: Connection, keys: list[tuple[str, str]]) -> Iterable[tuple[tuple[str, str], Moment]]:
    query = select(order_reversals).where(tuple_(order_reversals.c.shop, order_reversals.c.shop_order_id).in_(keys))
    for row in connection.execute(query).mappings():
        facts = {name: row[name] for name in ("quantity", "amount_minor", "currency")}
        moment = Moment(row["happened_at"], "reversal", _taken_back(row["kind"], row["sku"]), facts=facts)
        yield (row["shop"], row["shop_order_id"]), moment


def _taken_back(kind: str, sku: str | None) -> str:
    if kind == "adjustment":
        return "Money was given back for no product in particular."
    what = f"Product {sku}" if sku else "The whole order"
    return f"{what} was {_REVERSED.get(kind, kind)}."


def _decisions(connection: Connection, shops: Mapping[int, str], kept: Archived) -> Iterable[tuple[int, Moment]]:
    """`shops`: of the orders, by id."""
    query = select(decisions).where(decisions.c.order_id.in_(shops)).order_by(decisions.c.id)
    for row in _all(kept, decisions, connection.execute(query).mappings()):
        facts = {**row["inputs"], **({"until": row["until"].isoformat()} if row["until"] else {})}
        if row["reason"] == Reason.NO_CONSENT:
            facts["shop"] = shops[row["order_id"]]
        yield (
            row["order_id"],
            Moment(
                row["at"],
                row["stage"],
                _decided(dict(row)),
                campaign=row["campaign"],
                send_id=str(row["send_id"]) if row["send_id"] else None,
                reason=row["reason"],
                facts=facts,
            ),
        )


def _decided(row: Mapping[str, Any]) -> str:
    sentence = answer_in_words(row["reason"], row["inputs"].get("because"))
    if row["outcome"] == "defer" and row["until"]:
        return f"Waits until {row['until']:%Y-%m-%d %H:%M} UTC: {sentence}"
    return sentence


def _about_sends(connection: Connection, ids: list[int], kept: Archived) -> Iterable[tuple[int, Moment]]:
    planned = {
        row.id: row
        for row in connection.execute(
            select(sends.c.id, sends.c.order_id, sends.c.created_at).where(sends.c.order_id.in_(ids))
        )
    }
    for row in _of_sends(connection, attempts, planned, kept):
        yield planned[row["send_id"]].order_id, _attempted(row)
    for row in _of_sends(connection, feedback, planned, kept):
        yield planned[row["send_id"]].order_id, _told(row)
    for row in _of_sends(connection, clicks, planned, kept):
        sentence = f"A link was opened {CLICKS.get(row['reason'], row['reason'])}."
        yield planned[row["send_id"]].order_id, Moment(row["at"], "click", sentence, send_id=str(row["send_id"]))
    chosen_at = _claimed_at(connection, planned, kept)
    bought = _titles(connection, ids)
    named = _catalog_titles(connection, ids)
    for row in _of_sends(connection, picks, planned, kept):
        send = planned[row["send_id"]]
        anchor = bought.get((send.order_id, row["because"])) or named.get(row["because"], row["because"])
        yield send.order_id, _picked(row, anchor, chosen_at.get(send.id, send.created_at))


def _told(row: Mapping[str, Any]) -> Moment:
    send_id = str(row["send_id"])
    return Moment(row["at"], "feedback", sentence_of(row), send_id=send_id, reason=row["kind"], facts=facts_of(row))


def _titles(connection: Connection, ids: list[int]) -> dict[tuple[int, str], str]:
    """What the lines of orders are called."""
    query = select(order_lines.c.order_id, order_lines.c.sku, order_lines.c.title).where(
        order_lines.c.order_id.in_(ids), order_lines.c.title != ""
    )
    return {(order_id, sku): title for order_id, sku, title in connection.execute(query)}


def _catalog_titles(connection: Connection, ids: list[int]) -> dict[str, str]:
    """What the shop calls the products for which others were picked."""
    spoke = select(picks.c.because).join(sends, sends.c.id == picks.c.send_id).where(sends.c.order_id.in_(ids))
    query = select(products.c.sku, products.c.title).where(products.c.sku.in_(spoke))
    return {row.sku: row.title for row in connection.execute(query)}


def _attempted(row: Mapping[str, Any]) -> Moment:
    by = f" by {row['provider']}" if row["provider"] else ""
    facts = {"outcome": row["outcome"], "response": row["response"], "message_id": row["message_id"]}
    if row["retry_at"]:
        facts["retry_at"] = row["retry_at"].isoformat()
    return Moment(
        row["started_at"],
        "attempt",
        f"Attempt {row['attempt']}{by}: {_came_of_it(row)}",
        send_id=str(row["send_id"]),
        reason=row["reason"],
        facts=facts,
    )


def _came_of_it(row: Mapping[str, Any]) -> str:
    if row["reason"] is None:
        return "the hand-over began; its outcome is not on record yet."
    again = f" Again at {row['retry_at']:%Y-%m-%d %H:%M} UTC." if row["retry_at"] else ""
    return Reason(row["reason"]).sentence + again


def _picked(row: Mapping[str, Any], anchor: str, at: datetime) -> Moment:
    because = f" because “{anchor}” was bought" if anchor else ""
    how = SOURCES.get(row["source"], row["source"])
    sentence = f"Slot {row['slot']}: “{row['title']}”{because} ({how})."
    facts = {"sku": row["sku"], "because": row["because"], "source": row["source"], "score": row["score"]}
    return Moment(at, "pick", sentence, send_id=str(row["send_id"]), facts={**facts, **row["evidence"]})


def _claimed_at(connection: Connection, planned: Mapping[UUID, Any], kept: Archived) -> dict[UUID, datetime]:
    """When the content of each send was settled: picks carry no time of their own."""
    query = select(decisions.c.send_id, decisions.c.at).where(
        decisions.c.send_id.in_(list(planned)), decisions.c.outcome == "allow"
    )
    allowed = [(row["send_id"], row["at"]) for row in kept.get("decisions", ()) if row["outcome"] == "allow"]
    return dict(sorted([*allowed, *((row.send_id, row.at) for row in connection.execute(query))], key=itemgetter(1)))


def _of_sends(connection: Connection, table: Table, planned: Mapping[UUID, Any], kept: Archived) -> Iterable[Any]:
    now = connection.execute(select(table).where(table.c.send_id.in_(list(planned)))).mappings()
    return _all(kept, table, now)


def _all(kept: Archived, table: Table, rows: Iterable[Mapping[Any, Any]]) -> Iterable[Any]:
    """Rows of a table, those that were archived first."""
    yield from kept.get(table.name, ())
    yield from rows


def _credits(connection: Connection, ids: list[int]) -> Iterable[tuple[int, Moment]]:
    query = select(attributions).where(attributions.c.order_id.in_(ids))
    for row in connection.execute(query).mappings():
        facts = {name: row[name] for name in ("amount_minor", "reversed_minor", "currency", "model", "click_id")}
        sentence = f"This order is credited to send {row['send_id']} ({row['model'].replace('_', ' ')})."
        yield row["order_id"], Moment(row["created_at"], "attribution", sentence, facts=facts)
