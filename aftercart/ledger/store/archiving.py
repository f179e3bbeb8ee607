"""Moving what is over out of the tables that are worked on, an order at a time, and none of it twice.

The send itself stays: a row is small, no hot path reads one that has ended (their indexes leave it out), and caps,
reports and the links of old mails need it. What fills the tables is what hangs on it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, exists, select, tuple_

from aftercart.db.packing import packed
from aftercart.db.tables import (
    archives,
    attempts,
    attributions,
    clicks,
    copies,
    decisions,
    enrollments,
    events,
    feedback,
    orders,
    picks,
    sends,
)
from aftercart.ledger.states import OPEN

# Written into the statement, not bound: else neither database could see that the partial index ix_events_failed serves.
IS_FAILED = events.c.state == bindparam("failed_state", "failed", literal_execute=True)
SPENT = ("processed", "ignored", "replaced")
"""States of webhooks that nobody will read again."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a table, oldest first: whose orders may be over, and which webhooks are about no order at all."""

    orders: frozenset[int]
    about_nothing: tuple[int, ...] = ()
    last_id: int = 0
    is_last: bool = True
    """All older ones have been seen."""


def old_decisions(connection: Connection, before: datetime, after: int, limit: int) -> Page:
    """The next decisions after that id that are older."""
    query = select(decisions.c.id, decisions.c.order_id, decisions.c.at).where(decisions.c.id > after)
    rows = connection.execute(query.order_by(decisions.c.id).limit(limit)).all()
    old = [row for row in rows if row.at < before]
    return Page(frozenset(row.order_id for row in old), (), old[-1].id if old else after, len(old) < limit)


def old_events(connection: Connection, before: datetime, after: int, limit: int) -> Page:
    """The same for webhooks."""
    theirs = (orders.c.shop == events.c.shop) & (orders.c.shop_order_id == events.c.shop_order_id)
    query = (
        select(events.c.id, events.c.received_at, events.c.state, events.c.shop_order_id, orders.c.id.label("order_id"))
        .outerjoin(orders, theirs)
        .where(events.c.id > after)
    )
    rows = connection.execute(query.order_by(events.c.id).limit(limit)).all()
    old = [row for row in rows if row.received_at < before]
    about_orders = frozenset(row.order_id for row in old if row.order_id is not None)
    about_nothing = tuple(row.id for row in old if row.shop_order_id is None and row.state in SPENT)
    return Page(about_orders, about_nothing, old[-1].id if old else after, len(old) < limit)


def forget_events(connection: Connection, ids: Collection[int]) -> None:
    """Webhooks about products and customers: what they said stands in those tables, or was overtaken by newer ones."""
    if ids:
        connection.execute(delete(events).where(events.c.id.in_(ids)))


def forget(connection: Connection, archived_before: datetime, limit: int) -> int:
    """Archives that are older, and webhooks that had failed by then, go for good; how many rows went."""
    oldest = select(archives.c.id, archives.c.archived_at).order_by(archives.c.id).limit(limit)
    old = [id_ for id_, at in connection.execute(oldest) if at < archived_before]
    failed = select(events.c.id).where(IS_FAILED, events.c.received_at < archived_before).limit(limit)
    lost = list(connection.execute(failed).scalars())
    for table, ids in ((archives, old), (events, lost)):
        if ids:
            connection.execute(delete(table).where(table.c.id.in_(ids)))
    return len(old) + len(lost)


def forget_reports(connection: Connection, before: datetime, limit: int) -> None:
    """Reports about no mail that we know: nobody's story tells of them."""
    about_nothing = (feedback.c.send_id.is_(None), feedback.c.heard_at < before)
    ids = list(connection.execute(select(feedback.c.id).where(*about_nothing).limit(limit)).scalars())
    if ids:
        connection.execute(delete(feedback).where(feedback.c.id.in_(ids)))


def over(connection: Connection, order_ids: Collection[int], before: datetime) -> list[int]:
    """Of these orders, those about which nothing will happen by itself and nothing has happened since an instant.

    Their sends are held until commit, so that nobody plans one anew meanwhile.
    """
    if not order_ids:
        return []
    mine = sends.c.order_id.in_(order_ids)
    connection.execute(select(sends.c.id).where(mine).order_by(sends.c.id).with_for_update(key_share=True))
    their_events = (events.c.shop == orders.c.shop) & (events.c.shop_order_id == orders.c.shop_order_id)
    clicked = exists().where(sends.c.order_id == orders.c.id, clicks.c.send_id == sends.c.id, clicks.c.at >= before)
    busy = (
        exists().where(sends.c.order_id == orders.c.id, sends.c.state.in_(OPEN)),
        exists().where(enrollments.c.order_id == orders.c.id, enrollments.c.state == "active"),
        exists().where(decisions.c.order_id == orders.c.id, decisions.c.at >= before),
        exists().where(their_events, events.c.received_at >= before),
        exists().where(
            sends.c.order_id == orders.c.id, feedback.c.send_id == sends.c.id, feedback.c.heard_at >= before
        ),
        clicked,
    )
    chosen = select(orders.c.id).where(orders.c.id.in_(order_ids), *(~still for still in busy))
    return sorted(connection.execute(chosen).scalars())


def archive(connection: Connection, order_ids: Collection[int], now: datetime) -> int:
    """Pack what hangs on these orders, and take it out of its tables; how many had anything."""
    found: dict[int, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    keys = select(orders.c.shop, orders.c.shop_order_id, orders.c.id).where(orders.c.id.in_(order_ids))
    orders_by_key = {(shop, shop_order_id): id_ for shop, shop_order_id, id_ in connection.execute(keys)}
    of_send = dict(
        connection.execute(select(sends.c.id, sends.c.order_id).where(sends.c.order_id.in_(order_ids))).all()
    )
    for row in _taken(connection, decisions, decisions.c.order_id.in_(order_ids)):
        found[row["order_id"]]["decisions"].append(row)
    connection.execute(delete(copies).where(copies.c.send_id.in_(list(of_send))))  # nobody looks at it any more
    credited = exists().where(attributions.c.click_id == clicks.c.id)
    for table, more in ((attempts, ()), (picks, ()), (feedback, ()), (clicks, (~credited,))):
        for row in _taken(connection, table, table.c.send_id.in_(list(of_send)), *more):
            found[of_send[row["send_id"]]][table.name].append(row)
    by_key = tuple_(events.c.shop, events.c.shop_order_id).in_(list(orders_by_key))
    for row in _taken(connection, events, by_key, events.c.state.in_(SPENT)):
        found[orders_by_key[row["shop"], row["shop_order_id"]]]["events"].append(row)
    rows = [{"order_id": id_, "archived_at": now, "content": packed(tables)} for id_, tables in sorted(found.items())]
    if rows:
        connection.execute(archives.insert(), rows)
    return len(rows)


def _taken(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> list[Mapping[str, Any]]:
    """Rows that are no longer in their table."""
    taken = connection.execute(delete(table).where(*conditions).returning(*table.c))
    return [dict(row) for row in taken.mappings()]
