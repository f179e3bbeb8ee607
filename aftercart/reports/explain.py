"""Why did Ada get this mail, or not get it? All that was decided about an order, a send or a person, in order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, select, tuple_

from aftercart.db.tables import (
    attempts,
    attributions,
    clicks,
    decisions,
    events,
    feedback,
    order_lines,
    order_reversals,
    orders,
    picks,
    products,
    recipients,
    sends,
)
from aftercart.intake.clean import clean_email
from aftercart.policy.reason import Reason
from aftercart.reports.archived import Archived, archived
from aftercart.reports.chosen import chosen
from aftercart.reports.expiry import kept_by
from aftercart.reports.moment import Moment
from aftercart.reports.offered import offered
from aftercart.reports.people import person_moments
from aftercart.reports.told import facts_of, sentence_of
from aftercart.reports.words import CLICKS, SOURCES, answer_in_words

LARGEST = 50
"""Orders shown of one person, newest first."""
KINDS = (
    "order",
    "event",
    "reversal",
    "enroll",
    "gate",
    "sender",
    "pick",
    "attempt",
    "feedback",
    "click",
    "leave",
    "operator",
    "attribution",
)
"""The kinds of moments of an order, as they follow one another where they bear the same time."""
_MAIL = {"brand": "marketing ", "all": ""}
"""What a suppression stops, by its scope."""
REVERSED = {"refund": "refunded", "return": "sent back", "cancellation": "canceled", "deletion": "deleted at the shop"}


@dataclass(frozen=True, slots=True)
class SendStory:
    """A planned mail as it stands now."""

    send_id: str
    campaign: str
    step: str
    state: str
    reason: str | None
    sentence: str
    due_at: datetime
    sent_at: datetime | None
    config_version: str
    configuration: str | None
    """Under which version of its campaign, and of campaigns, brand file and templates together, it was decided."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        sent_at = self.sent_at.isoformat() if self.sent_at else None
        return {**asdict(self), "due_at": self.due_at.isoformat(), "sent_at": sent_at}


@dataclass(frozen=True, slots=True)
class OrderStory:
    """One order and all that came of it, oldest first."""

    shop: str
    order_id: str
    state: str
    imported: bool
    email: str | None
    sends: tuple[SendStory, ...]
    moments: tuple[Moment, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        of_sends = [send.plain() for send in self.sends]
        return {**asdict(self), "sends": of_sends, "moments": [moment.plain() for moment in self.moments]}


@dataclass(frozen=True, slots=True)
class PersonStory:
    """What a person has told us, was asked and was offered: consents, confirmations, suppressions, what they chose and
    refused, products; oldest first."""

    email: str
    moments: tuple[Moment, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"email": self.email, "moments": [moment.plain() for moment in self.moments]}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. Empty if nothing goes by that name."""

    orders: tuple[OrderStory, ...] = ()
    people: tuple[PersonStory, ...] = ()
    events: tuple[Moment, ...] = ()
    """Webhooks about an order that never became one."""

    def __bool__(self) -> bool:
        return bool(self.orders or self.people or self.events)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "orders": [order.plain() for order in self.orders],
            "people": [person.plain() for person in self.people],
            "events": [event.plain() for event in self.events],
        }


def explain(connection: Connection, name: str) -> Explanation:
    """Explain what goes by `name`: a send id, an e-mail address, or a shop's order id."""
    name = name.strip()
    # Shops number their orders as they like, with UUIDs too: what is no send may still be an order.
    return _about_send(connection, name) or _about_person(connection, name) or _about_order(connection, name)


def _about_send(connection: Connection, name: str) -> Explanation:
    send_id = _uuid(name)
    if send_id is None:
        return Explanation()
    rows = _orders(connection, orders.c.id.in_(select(sends.c.order_id).where(sends.c.id == send_id)))
    return Explanation(orders=_stories(connection, rows, only_send=send_id))


def _about_order(connection: Connection, name: str) -> Explanation:
    rows = _orders(connection, orders.c.shop_order_id == name)
    return Explanation(orders=_stories(connection, rows), events=() if rows else _events(connection, name))


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name) if len(name) >= 32 else None
    except ValueError:
        return None


def _orders(connection: Connection, condition: ColumnElement[bool]) -> list[dict[str, Any]]:
    query = (
        select(orders, recipients.c.email)
        .outerjoin(recipients, recipients.c.id == orders.c.recipient_id)
        .where(condition)
        .order_by(orders.c.placed_at.desc())
        .limit(LARGEST)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _about_person(connection: Connection, name: str) -> Explanation:
    if "@" not in name:
        return Explanation()
    email = clean_email(name) or name.lower()  # as it was taken in: jörg@exämple.de is kept with xn--exmple-cua.de
    rows = _orders(connection, recipients.c.email == email)
    said = (Moment(*one) for told in (chosen, offered) for one in told(connection, email))
    moments = sorted([*person_moments(connection, email), *said], key=lambda moment: moment.at)
    if not rows and not moments:
        return Explanation()
    person = PersonStory(email, tuple(moments))
    return Explanation(orders=_stories(connection, rows), people=(person,))


def _stories(
    connection: Connection, rows: Sequence[dict[str, Any]], only_send: UUID | None = None
) -> tuple[OrderStory, ...]:
    by_order: dict[int, list[Moment]] = defaultdict(list)
    ids = [row["id"] for row in rows]
    for order_id, moment in _moments(connection, rows, ids):
        if only_send is None or moment.send_id in (None, str(only_send)):
            by_order[order_id].append(moment)
    planned = _sends(connection, ids, only_send)
    return tuple(
        OrderStory(
            shop=row["shop"],
            order_id=row["shop_order_id"],
            state=row["state"],
            imported=row["imported"],
            email=row["email"],
            sends=tuple(planned[row["id"]]),
            moments=tuple(sorted(by_order[row["id"]], key=lambda moment: (moment.at, KINDS.index(moment.kind)))),
        )
        for row in rows
    )


def _sends(connection: Connection, ids: list[int], only_send: UUID | None) -> Mapping[int, list[SendStory]]:
    query = select(sends).where(sends.c.order_id.in_(ids)).order_by(sends.c.id)
    found: dict[int, list[SendStory]] = defaultdict(list)
    kept = kept_by(connection, ids)
    for row in connection.execute(query if only_send is None else query.where(sends.c.id == only_send)):
        story = SendStory(
            send_id=str(row.id),
            campaign=row.campaign,
            step=row.step,
            state=row.state,
            reason=row.reason,
            sentence=_standing(row.state, row.reason, row.due_at, kept.get(row.id)),
            due_at=row.due_at,
            sent_at=row.sent_at,
            config_version=row.config_version,
            configuration=row.configuration,
        )
        found[row.order_id].append(story)
    return found


def _standing(state: str, reason: str | None, due_at: datetime, because: Reason | None) -> str:
    """Where a mail stands, in words."""
    why = answer_in_words(reason, because) if reason else ""
    if state == "scheduled":
        return f"Due at {due_at:%Y-%m-%d %H:%M} UTC. {why}".rstrip()
    return "The mail is being handed over." if state == "sending" else why


def _moments(connection: Connection, rows: Sequence[dict[str, Any]], ids: list[int]) -> Iterable[tuple[int, Moment]]:
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
    return f"{what} was {REVERSED.get(kind, kind)}."


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


def _events(connection: Connection, shop_order_id: str) -> tuple[Moment, ...]:
    query = select(events).where(events.c.shop_order_id == shop_order_id)
    return tuple(
        Moment(
            row["received_at"],
            "event",
            f"Webhook “{row['topic']}” of {row['shop']}: {row['state']}.",
            facts={"error": row["error"]},
        )
        for row in connection.execute(query).mappings()
    )
