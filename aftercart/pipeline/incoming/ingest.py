"""A webhook comes in.

1. `accept` (in the web process): the signature is checked over the raw body; nothing is read from it before.
2. The raw body is stored in the inbox; only then is the shop answered (see `aftercart/web/webhooks.py`).
3. `take_in` (in a worker): inbox rows become events and orders; orders enroll and earn credit. One transaction a
   batch. A body that cannot be understood is kept, with the field that is at fault; a corrected one under the same
   id takes its place (see `corrected.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from aftercart.bootstrap import App
from aftercart.db import inbox
from aftercart.db.session import is_passing
from aftercart.db.tables import events
from aftercart.errors import UnprocessableError
from aftercart.feedback.told import UnclearError
from aftercart.intake import store as intake_store
from aftercart.intake.base import Delivery, Ping, Shop
from aftercart.intake.changes import Change
from aftercart.pipeline.attribute import attribute
from aftercart.pipeline.incoming.corrected import event_key, inbox_key, one_body_each, put_aside
from aftercart.pipeline.incoming.forgetting import as_kept
from aftercart.pipeline.incoming.parsed import Parsed
from aftercart.pipeline.planning.enroll import enroll
from aftercart.pipeline.recipients import feedback
from aftercart.pipeline.traced import tell_taken_in
from aftercart.rights.store import blank_events

log = structlog.get_logger()

BATCH = 200
SEE_EVENTS = "`aftercart events --state failed` says what is wrong with it"
BATCH_BYTES = 8_000_000
"""The bodies of a batch, together: two hundred of the largest that the door lets in would be 400 MB."""


def accept(shop: Shop, headers: Mapping[str, str], body: bytes, now: datetime) -> dict[str, Any] | None:
    """The inbox row of a webhook whose signature holds; None for a ping. Raises SignatureError."""
    delivery: Delivery | Ping = shop.accept(headers, body, now)
    if isinstance(delivery, Ping):
        return None
    return {
        "shop": shop.name,
        "delivery_key": inbox_key(delivery.delivery_key, delivery.body),
        "topic": delivery.topic,
        "body": delivery.body,
        "headers": dict(delivery.headers),
        "received_at": now,
    }


def take_in(app: App) -> int:
    """Work through the inbox until it is empty; how many webhooks were taken in."""
    taken = 0
    while batch := _take_oldest(app):
        taken += batch
    return taken


def _take_oldest(app: App) -> int:
    emptied = False
    with inbox.held(app.inbox_db, BATCH, BATCH_BYTES) as rows:
        for turn in one_body_each(rows):
            emptied |= _take(app, turn, _new)
    if emptied:  # now that it has left the inbox, it shall not stand in the file of its changes for days
        for db in (app.db, app.inbox_db):
            db.forget_log()
    return len(rows)


def take_again(app: App) -> int:
    """Read every failed event once more, the oldest first; how many were looked at.

    For after an upgrade, or once what was missing is there. What fails again stays, with its newest fault.
    """
    looked_at, last = 0, 0
    while rows := _failed(app, last):
        _take(app, rows, _still_failed)
        looked_at, last = looked_at + len(rows), rows[-1]["id"]
    return looked_at


Rows = Sequence[Mapping[str, Any]]
Choose = Callable[[Connection, Sequence[Parsed]], Sequence[Parsed]]
"""Which of these are this transaction's to take, each with its row of `events`."""


def _take(app: App, rows: Rows, choose: Choose) -> bool:
    """Read rows and act on them. Returns whether any was emptied, because it names somebody who was forgotten.

    Bodies are parsed before the transaction begins: nobody waits for a large one.
    """
    shops = [_parse(app.shops, row) for row in rows if not feedback.is_report(row)]
    reports = [_read_report(app, row) for row in rows if feedback.is_report(row)]
    return any([_take_parsed(app, shops, choose, _act), _take_parsed(app, reports, choose, _hear)])


def _take_parsed(app: App, parsed: Sequence[Parsed], choose: Choose, act: "Act") -> bool:
    if not parsed:
        return False
    try:
        return _take_batch(app, parsed, choose, act)
    except Exception as err:  # a door: whatever one event does, the others must get through
        if is_passing(err):  # the database is busy or away: nothing is lost, the sweep comes again
            raise
        log.exception("ingest_batch_failed", events=len(parsed))
        return _take_one_by_one(app, parsed, choose, act)


def _take_batch(app: App, parsed: Sequence[Parsed], choose: Choose, act: "Act") -> bool:
    now = app.clock()
    with app.db.write() as connection:
        chosen = choose(connection, as_kept(connection, parsed, app.address_hashes))
        act(connection, app, chosen, now)
        _conclude(connection, chosen, now)
        blank_events(connection, (event.row["id"] for event in chosen if event.is_forgotten))
    tell_taken_in(app, [event.row for event in chosen], now)
    return any(event.is_forgotten for event in chosen)


Act = Callable[[Connection, App, Sequence[Parsed], datetime], None]


def _act(connection: Connection, app: App, chosen: Sequence[Parsed], now: datetime) -> None:
    """Act on what shops say: orders are stored, enter campaigns and earn credit."""
    told: dict[str, list[Change]] = {}
    for event in chosen:
        told.setdefault(event.row["shop"], []).extend(event.dated)
    touched = intake_store.apply_all(connection, told, now, app.brand.consent_rules)
    enroll(connection, app, touched, now)
    attribute(connection, touched, app.campaigns.attribution_windows, now)


def _hear(connection: Connection, _: App, chosen: Sequence[Parsed], now: datetime) -> None:
    """Act on reports of what became of mails."""
    feedback.hear(connection, [(event.row, event.told) for event in chosen], now)


def _take_one_by_one(app: App, parsed: Sequence[Parsed], choose: Choose, act: Act) -> bool:
    """After a batch failed: every event in a transaction of its own, so that only the poison one fails."""
    emptied = False
    for event in parsed:
        try:
            emptied |= _take_batch(app, [event], choose, act)
        except Exception as err:  # the same door; the event is kept as failed, with the cause
            if is_passing(err):
                raise
            log.exception("event_failed", shop=event.row["shop"], topic=event.row["topic"])
            with app.db.write() as connection:
                _conclude(connection, choose(connection, [replace(event, error=_in_words(err))]), app.clock())
    return emptied


def _failed(app: App, after: int) -> Rows:
    with app.db.read() as connection:
        failed = (events.c.state == "failed", events.c.id > after)
        return inbox.first(connection, events, BATCH, BATCH_BYTES, *failed)


def _still_failed(connection: Connection, parsed: Sequence[Parsed]) -> Sequence[Parsed]:
    """Locked until commit: of two that read again, the second finds what the first has left."""
    ids = [p.row["id"] for p in parsed]
    wanted = select(events.c.id).where(events.c.id.in_(ids), events.c.state == "failed").order_by(events.c.id)
    failed = set(connection.execute(wanted.with_for_update()).scalars())
    return [p for p in parsed if p.row["id"] in failed]


def _new(connection: Connection, parsed: Sequence[Parsed]) -> Sequence[Parsed]:
    """Move inbox rows into `events`; those that no earlier delivery and no other worker has brought already."""
    moved = [replace(p, row={**p.row, "delivery_key": event_key(p.row)}) for p in parsed]
    ids = _insert(connection, moved)
    if again := [p for p in moved if _key(p) not in ids]:
        corrected = put_aside(connection, [p.row for p in again])
        ids |= _insert(connection, [p for p in again if _key(p) in corrected])
    return [replace(p, row={**p.row, "id": ids[_key(p)]}) for p in moved if _key(p) in ids]


def _key(parsed: Parsed) -> tuple[str, str]:
    return parsed.row["shop"], parsed.row["delivery_key"]


def _insert(connection: Connection, parsed: Sequence[Parsed]) -> dict[tuple[str, str], int]:
    """The ids of the new events, by shop and delivery key."""
    if not parsed:
        return {}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(events)
        .on_conflict_do_nothing(index_elements=["shop", "delivery_key"])
        .returning(events.c.id, events.c.shop, events.c.delivery_key)
    )
    values = [{**p.row, "state": "pending"} for p in parsed]
    for value in values:
        value.pop("id")
    return {(shop, key): id_ for id_, shop, key in connection.execute(statement, values)}


def _parse(shops: Mapping[str, Shop], row: Mapping[str, Any]) -> Parsed:
    try:
        changes = shops[row["shop"]].parse(row["topic"], row["body"])
    except UnprocessableError as err:
        # Not the problem itself, which quotes the body; it is kept with the event.
        log.warning("event_unprocessable", shop=row["shop"], topic=row["topic"], field=err.field, hint=SEE_EVENTS)
        return Parsed(row, error=str(err), order_id=_order_id(shops, row))
    except Exception as err:  # a door: a parser that stumbles has met a body that nobody thought of
        log.exception("parser_failed", shop=row["shop"], topic=row["topic"])
        return Parsed(row, error=_in_words(err), order_id=_order_id(shops, row))
    return Parsed(row, changes, order_id=next((c.shop_order_id for c in changes if hasattr(c, "shop_order_id")), None))


def _read_report(app: App, row: Mapping[str, Any]) -> Parsed:
    try:
        return Parsed(row, told=feedback.read(app, row))
    except UnclearError as err:
        log.warning("report_unclear", source=row["shop"], reason=err.reason)
        return Parsed(row, unclear=_as_text(str(err)))
    except Exception as err:  # a door: anybody may write to the bounce address
        if is_passing(err):  # it asks the database whom the mail went to
            raise
        log.exception("report_failed", source=row["shop"])
        return Parsed(row, error=_in_words(err))


def _order_id(shops: Mapping[str, Shop], row: Mapping[str, Any]) -> str | None:
    """The order that a body speaks of, though the body cannot be understood."""
    shop = shops.get(row["shop"])
    return shop.order_id(row["topic"], row["body"]) if shop else None


def _in_words(err: Exception) -> str:
    return _as_text(f"{type(err).__name__}: {err}")


def _as_text(words: str) -> str:
    """As a database takes it: faults quote what they stumbled over."""
    return words.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")[:1000]


def _conclude(connection: Connection, parsed: Sequence[Parsed], now: datetime) -> None:
    if not parsed:
        return
    connection.execute(
        update(events)
        .where(events.c.id == bindparam("event"))
        .values(
            state=bindparam("new_state"), error=bindparam("fault"), processed_at=now, shop_order_id=bindparam("about")
        ),
        [
            {"event": p.row["id"], "new_state": p.state, "fault": p.error or p.unclear, "about": p.order_id}
            for p in parsed
        ],
    )
