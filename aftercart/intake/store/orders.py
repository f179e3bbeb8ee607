"""Orders, their lines and their reversals."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from aftercart.db.chunks import chunks
from aftercart.db.session import insert_new
from aftercart.db.tables import order_lines, order_reversals, orders
from aftercart.intake.changes import Order, OrderLine, OrderState, Reversal, ReversalKind
from aftercart.intake.order_state import is_newer, paid_since, settled
from aftercart.intake.store.people import People
from aftercart.intake.store.rows import changed_values, fetch, find_or_make, grouped

BEFORE_ANY_VERSION = datetime(1970, 1, 1, tzinfo=UTC)
"""`source_updated_at` of a row that was made a moment ago, so that every version is newer."""


@dataclass
class _Known:
    """One order of the batch: its row, and what it becomes."""

    row: dict[str, Any]
    lines: tuple[OrderLine, ...]
    reversals: dict[str, Reversal]
    version: Order | None = None
    completed_at: datetime | None = None

    def see(self, versions: Iterable[Order]) -> None:
        """Take the newest version; the first to call the order paid says since when."""
        held = (self.row["source_updated_at"], OrderState(self.row["state"]))
        self.completed_at = self.row["completed_at"]
        for version in versions:
            if is_newer(version.updated_at, version.state, held):
                shown = held[0] > BEFORE_ANY_VERSION
                held = (version.updated_at, version.state)
                self.version = version
                self.completed_at = self.completed_at or paid_since(version, shown_unpaid=shown)

    @property
    def new_lines(self) -> tuple[OrderLine, ...] | None:
        """The lines to write; None if they stay as they are."""
        if self.version is None or self.version.lines == self.lines:
            return None
        return self.version.lines

    def values(self, people: People) -> dict[str, Any]:
        """The columns as they should be."""
        values = self._values_of(self.version, people) if self.version else {}
        now = {**self.row, **values}
        lines = self.version.lines if self.version else self.lines
        state = settled(
            self.version.state if self.version else OrderState(self.row["state"]),
            now["source_updated_at"],
            now["total_minor"],
            now["currency"],
            [(line.sku, line.quantity) for line in lines],
            self.reversals.values(),
        )
        return {**values, "state": str(state), "completed_at": self.completed_at}

    def _values_of(self, version: Order, people: People) -> dict[str, Any]:
        return {
            "customer_id": people.customer_of(version.buyer) or self.row["customer_id"],
            "recipient_id": people.recipient_of(version.buyer) or self.row["recipient_id"],
            "currency": version.currency,
            "total_minor": version.total_minor,
            "country": version.country,
            "region": version.region,
            "analytics_id": version.analytics_id or self.row["analytics_id"],
            "placed_at": version.placed_at,
            "source_updated_at": version.updated_at,
        }


def store_orders(
    connection: Connection,
    shop: str,
    seen: Mapping[str, Sequence[Order]],
    reversals: Mapping[str, Sequence[Reversal]],
    people: People,
    now: datetime,
) -> tuple[set[int], list[Order]]:
    """The ids of the orders that changed and may mail, and the versions that now hold in place of others.

    `reversals` may speak of orders that are not here yet: they are kept, and the order finds them when it comes.
    """
    if not seen and not reversals:
        return set(), []
    known, told = _load(connection, shop, seen, reversals, now)
    for shop_order_id, order in known.items():
        order.see(seen.get(shop_order_id, ()))
    changed = _save_orders(connection, known, people)
    _save_lines(connection, [order for order in known.values() if order.new_lines is not None])
    touched = changed | {known[id_].row["id"] for id_ in told if id_ in known}
    never_mail = {order.row["id"] for order in known.values() if order.row["imported"]}
    return touched - never_mail, [order.version for order in known.values() if order.version]


def _load(
    connection: Connection,
    shop: str,
    seen: Mapping[str, Sequence[Order]],
    reversals: Mapping[str, Sequence[Reversal]],
    now: datetime,
) -> tuple[dict[str, _Known], set[str]]:
    """The orders of the batch that exist (now), locked, and the ids that were told of a new reversal."""
    fresh = {id_: _empty_row(shop, versions[0]) for id_, versions in seen.items()}
    rows, _ = find_or_make(connection, orders, orders.c.shop_order_id, fresh, shop=shop, find=reversals)
    with_lines = [row["id"] for row in rows.values() if row["source_updated_at"] > BEFORE_ANY_VERSION]
    lines = _lines_of(connection, with_lines)
    all_reversals, told = _keep_reversals(connection, shop, reversals.keys() | rows.keys(), reversals, now)
    known = {id_: _Known(row, lines.get(row["id"], ()), all_reversals.get(id_, {})) for id_, row in rows.items()}
    return known, told


def _empty_row(shop: str, order: Order) -> dict[str, Any]:
    return {
        "shop": shop,
        "shop_order_id": order.shop_order_id,
        "state": str(OrderState.PLACED),
        "currency": order.currency,
        "total_minor": 0,
        "country": "",
        "region": "",
        "analytics_id": None,
        "placed_at": order.placed_at,
        "source_updated_at": BEFORE_ANY_VERSION,
        "imported": order.imported,
    }


def _lines_of(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[OrderLine, ...]]:
    statement = select(order_lines).order_by(order_lines.c.order_id, order_lines.c.line_no)
    rows = grouped(fetch(connection, statement, order_lines.c.order_id, sorted(ids)), by="order_id")
    return {id_: tuple(_line(row) for row in group) for id_, group in rows.items()}


def _line(row: Mapping[str, Any]) -> OrderLine:
    return OrderLine(row["sku"], row["title"], row["quantity"], row["unit_price_minor"])


def _save_orders(connection: Connection, known: Mapping[str, _Known], people: People) -> set[int]:
    new = {order.row["id"]: order.values(people) for order in known.values()}
    rows = {order.row["id"]: order.row for order in known.values()}
    changed = {id_: values for id_, values in new.items() if changed_values(rows[id_], values)}
    if changed:
        whole = [{**rows[id_], **values} for id_, values in changed.items()]
        columns = [
            column.name for column in orders.columns if column.name not in ("id", "shop", "shop_order_id", "imported")
        ]
        statement = update(orders).where(orders.c.id == bindparam("row"))
        statement = statement.values({name: bindparam(f"new_{name}") for name in columns})
        connection.execute(
            statement, [{"row": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in whole]
        )
    return set(changed)


def _save_lines(connection: Connection, changed: Sequence[_Known]) -> None:
    emptied = [order.row["id"] for order in changed if order.lines]
    for chunk in chunks(emptied):
        connection.execute(delete(order_lines).where(order_lines.c.order_id.in_(chunk)))
    rows = [
        _line_row(order.row["id"], number, line)
        for order in changed
        for number, line in enumerate(order.new_lines or (), start=1)
    ]
    if rows:
        connection.execute(insert(order_lines), rows)


def _line_row(order_id: int, number: int, line: OrderLine) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "line_no": number,
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor,
    }


# ---------------------------------------------------------------- reversals


def _keep_reversals(
    connection: Connection, shop: str, about: Iterable[str], told: Mapping[str, Sequence[Reversal]], now: datetime
) -> tuple[dict[str, dict[str, Reversal]], set[str]]:
    """All reversals of these orders by their keys, and the orders for which a new one was kept."""
    statement = select(order_reversals).where(order_reversals.c.shop == shop)
    known: dict[str, dict[str, Reversal]] = {}
    for row in fetch(connection, statement, order_reversals.c.shop_order_id, sorted(about)):
        known.setdefault(row["shop_order_id"], {})[row["reversal_key"]] = _reversal(row)
    new = []
    for shop_order_id, reversals in told.items():
        held = known.setdefault(shop_order_id, {})
        for reversal in reversals:
            if reversal.key not in held:
                row = _reversal_row(shop, shop_order_id, reversal, now)
                held[reversal.key] = _reversal(row)
                new.append(row)
    insert_new(connection, order_reversals, new, unique=("shop", "shop_order_id", "reversal_key"))
    return known, {row["shop_order_id"] for row in new}


def _reversal_row(shop: str, shop_order_id: str, reversal: Reversal, now: datetime) -> dict[str, Any]:
    return {
        "shop": shop,
        "shop_order_id": shop_order_id,
        "reversal_key": reversal.key,
        "kind": str(reversal.kind),
        "sku": reversal.sku,
        "quantity": reversal.quantity,
        "amount_minor": reversal.amount_minor,
        "currency": reversal.currency,
        "happened_at": reversal.happened_at or now,
    }


def _reversal(row: Mapping[str, Any]) -> Reversal:
    return Reversal(
        row["reversal_key"],
        ReversalKind(row["kind"]),
        row["sku"],
        row["quantity"],
        row["amount_minor"],
        row["currency"],
        row["happened_at"],
    )


# ---------------------------------------------------------------- files of past orders

Content = tuple[str, float, int]
"""What makes two lines of a file the same: sku, quantity, unit price."""


def known_orders(connection: Connection, shop: str, shop_order_ids: Iterable[str]) -> set[str]:
    """Which of these orders are here."""
    statement = select(orders.c.shop_order_id).where(orders.c.shop == shop)
    return {
        row["shop_order_id"] for row in fetch(connection, statement, orders.c.shop_order_id, sorted(shop_order_ids))
    }


def add_lines(connection: Connection, shop: str, wanted: Mapping[str, Counter[Content]]) -> int:
    """Complete orders that a file showed before: add the lines of `wanted` that they lack. How many were added.

    An order that the shop itself has updated since is left alone: the shop knows better than a file.
    """
    statement = select(orders.c.id, orders.c.shop_order_id).where(
        orders.c.shop == shop, orders.c.source_updated_at == orders.c.placed_at
    )
    ids = {
        row["id"]: row["shop_order_id"] for row in fetch(connection, statement, orders.c.shop_order_id, sorted(wanted))
    }
    held = _lines_of(connection, ids)
    rows, totals = [], []
    for id_, shop_order_id in ids.items():
        lines = held.get(id_, ())
        missing = wanted[shop_order_id] - Counter((line.sku, line.quantity, line.unit_price_minor) for line in lines)
        new = [OrderLine(sku, "", quantity, price) for sku, quantity, price in missing.elements()]
        rows += [_line_row(id_, len(lines) + position, line) for position, line in enumerate(new, start=1)]
        if new:
            totals.append({"row": id_, "more": round(sum(line.quantity * line.unit_price_minor for line in new))})
    if rows:
        connection.execute(insert(order_lines), rows)
        statement_ = update(orders).where(orders.c.id == bindparam("row"))
        connection.execute(statement_.values(total_minor=orders.c.total_minor + bindparam("more")), totals)
    return len(rows)
