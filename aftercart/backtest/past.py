"""What was known at the instant at which a backtest begins. Nothing that happened later is in it, by construction:
the engine learns and decides on this, and on what happens in front of it.
"""

from datetime import datetime
from pathlib import Path
from shutil import copyfile

from sqlalchemy import ColumnElement, CompoundSelect, Connection, and_, case, exists, func, insert, or_, select

from aftercart.backtest.source import copy_rows, throwaway
from aftercart.db.session import Database
from aftercart.db.tables import (
    address_moves,
    consents,
    coupons,
    customers,
    order_lines,
    order_notes,
    order_reversals,
    orders,
    preferences,
    products,
    recipients,
    refusals,
    suppressions,
)

TAKEN_BACK = ("canceled", "refunded")
"""States that an order comes to; before that it was a completed one."""


def lay_down(source: Database, start: datetime, sources: Path, folder: Path) -> Database:
    """A database of its own that holds what was known at `start`. Its orders are there to learn from: none mails."""
    file = folder / "sandbox.db"
    copyfile(sources / "empty.db", file)
    past = throwaway(file)
    with source.read() as theirs, past.write() as ours:
        was_placed = orders.c.placed_at < start
        sold = select(order_lines.c.sku).join(orders, orders.c.id == order_lines.c.order_id).where(was_placed)
        copy_rows(theirs, ours, products, products.c.sku.in_(sold), **ALWAYS_THERE)
        copy_rows(theirs, ours, recipients, recipients.c.id.in_(_known_people(start)))
        copy_rows(theirs, ours, customers, customers.c.id.in_(select(orders.c.customer_id).where(was_placed)))
        _copy_orders(theirs, ours, start)
        placed = select(orders.c.id).where(was_placed)
        copy_rows(theirs, ours, order_lines, order_lines.c.order_id.in_(placed))
        copy_rows(theirs, ours, order_reversals, order_reversals.c.happened_at < start)
        copy_rows(theirs, ours, order_notes, order_notes.c.at < start)
        known = select(recipients.c.id).where(recipients.c.id.in_(_known_people(start)))
        in_the_past = address_moves.c.customer_id.in_(select(orders.c.customer_id).where(was_placed))
        copy_rows(theirs, ours, address_moves, in_the_past, address_moves.c.recipient_id.in_(known))
        copy_rows(theirs, ours, consents, was_said(start))
        copy_rows(theirs, ours, suppressions, suppressions.c.at < start)
        copy_rows(theirs, ours, preferences, preferences.c.recipient_id.in_(known), snoozed_until=None)
        copy_rows(theirs, ours, coupons)
        copy_rows(theirs, ours, refusals, refusals.c.recipient_id.in_(known), refusals.c.at < start)
    return past


ALWAYS_THERE = {"stock": None, "published": True}
"""What was in stock then, nobody knows today; and what was sold was for sale."""


def was_said(start: datetime) -> ColumnElement[bool]:
    """Of a consent: whether it was on record. One without a date, of which nobody says since when, counts as old."""
    return or_(consents.c.at < start, consents.c.undated)


def _known_people(start: datetime) -> CompoundSelect[tuple[int | None]]:
    """Who had bought, or said something, and as whom they count since their address changed."""
    bought = select(orders.c.recipient_id).where(orders.c.placed_at < start)
    spoke = select(consents.c.recipient_id).where(was_said(start))
    of_buyers = select(customers.c.recipient_id).join(orders, orders.c.customer_id == customers.c.id)
    people = bought.union(spoke, of_buyers.where(orders.c.placed_at < start)).subquery()
    merged = select(recipients.c.merged_into).where(recipients.c.id.in_(select(people.c[0])))
    return select(people.c[0]).union(merged)


def _copy_orders(theirs: Connection, ours: Connection, start: datetime) -> None:
    """As they stood at `start`: one that was taken back later was still a good order."""
    state = case((and_(orders.c.state.in_(TAKEN_BACK), ~_was_taken_back(start)), "completed"), else_=orders.c.state)
    columns = [column for column in orders.columns if column.name not in ("state", "imported", "source_updated_at")]
    updated = func.min(orders.c.source_updated_at, start, type_=orders.c.source_updated_at.type)
    query = select(*columns, state.label("state"), updated.label("source_updated_at")).where(orders.c.placed_at < start)
    for rows in theirs.execution_options(yield_per=5_000).execute(query.order_by(orders.c.id)).mappings().partitions():
        ours.execute(insert(orders), [{**row, "imported": True} for row in rows])


def _was_taken_back(start: datetime) -> ColumnElement[bool]:
    told = (order_reversals.c.shop == orders.c.shop, order_reversals.c.shop_order_id == orders.c.shop_order_id)
    told_by_then = exists().where(*told, order_reversals.c.happened_at < start).correlate(orders)
    only_by_state = and_(~exists().where(*told).correlate(orders), orders.c.source_updated_at < start)
    return or_(told_by_then, only_by_state)
