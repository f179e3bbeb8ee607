"""Orders as they are told become rows, alike on SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from aftercart.consent.statement import ConsentStatement
from aftercart.db.session import Database
from aftercart.db.tables import Row, customers, order_lines, order_reversals, orders, recipients
from aftercart.intake.changes import (
    Buyer,
    Change,
    OrderLine,
    OrderReversed,
    OrderSeen,
    OrderState,
    Product,
    ProductSeen,
    Reversal,
    ReversalKind,
)
from aftercart.intake.store import apply
from tests.intake.store.told import NOON, NOW, REFUNDED, YES, only, order, returned, rows, tell
from tests.rows import somebody_waits


def test_an_order_is_stored_whole(db: Database) -> None:
    (id_,) = tell(db, OrderSeen(order()))
    stored = only(db, orders)
    assert stored == {
        "id": id_, "shop": "velo", "shop_order_id": "1001", "customer_id": only(db, customers)["id"],
        "recipient_id": only(db, recipients)["id"], "state": "completed", "currency": "EUR", "total_minor": 3000,
        "analytics_id": None,
        "country": "FR", "region": "", "placed_at": NOON, "completed_at": NOON, "source_updated_at": NOON,
        "imported": False,
    }  # fmt: skip
    assert [(line["line_no"], line["sku"], line["quantity"]) for line in rows(db, order_lines)] == [
        (1, "BIKE", 1.0),
        (2, "BELL", 2.0),
    ]
    person = only(db, recipients)
    assert (person["email"], person["first_name"], person["time_zone"]) == ("ada@example.com", "Ada", "Europe/Paris")


def test_the_same_webhook_after_40_days_changes_nothing(db: Database) -> None:
    """T44: nothing here forgets."""
    tell(db, OrderSeen(order()))
    before = rows(db, orders), rows(db, order_lines), rows(db, recipients)
    assert tell(db, OrderSeen(order()), now=NOW + timedelta(days=40)) == []
    assert (rows(db, orders), rows(db, order_lines), rows(db, recipients)) == before


def test_two_orders_in_one_second_are_two(db: Database) -> None:
    """T43."""
    assert len(tell(db, OrderSeen(order()), OrderSeen(order(id_="1002")))) == 2
    assert len(rows(db, orders)) == 2


def test_a_newer_version_replaces_lines_and_an_older_one_changes_nothing(db: Database) -> None:
    newer = order(5, lines=(OrderLine("BELL", "Bell", 1, 500),), total_minor=500, buyer=Buyer(email="ben@example.com"))
    tell(db, OrderSeen(newer))
    assert tell(db, OrderSeen(order(0))) == []
    assert [line["sku"] for line in rows(db, order_lines)] == ["BELL"]
    assert only(db, orders)["total_minor"] == 500
    assert {row["email"]: row["first_name"] for row in rows(db, recipients)} == {
        "ben@example.com": "",
        "ada@example.com": "",  # known, but an outdated version tells nothing about her
    }


def test_an_order_completes_once(db: Database) -> None:
    placed = order(0, state=OrderState.PLACED, completed_at=None)
    tell(db, OrderSeen(placed))
    assert only(db, orders)["completed_at"] is None
    tell(db, OrderSeen(order(5)))
    tell(db, OrderSeen(order(9)))
    assert only(db, orders)["completed_at"] == NOON + timedelta(minutes=5)


def test_an_order_that_is_paid_when_it_is_first_shown_was_paid_when_it_was_placed(db: Database) -> None:
    """As far as anybody knows: its last change may be somebody's note, years later."""
    tell(db, OrderSeen(order(5, completed_at=None)), OrderSeen(order(9, completed_at=None)))
    assert only(db, orders)["completed_at"] == NOON


@pytest.mark.parametrize("apart", [False, True])
def test_an_order_that_was_shown_unpaid_is_paid_since_the_version_that_says_so(db: Database, apart: bool) -> None:
    versions = [OrderSeen(order(0, state=OrderState.PLACED, completed_at=None)), OrderSeen(order(5, completed_at=None))]
    for told in [versions[:1], versions[1:]] if apart else [versions]:
        tell(db, *told)
    assert only(db, orders)["completed_at"] == NOON + timedelta(minutes=5)


@pytest.mark.parametrize("kind", [ReversalKind.REFUND, ReversalKind.CANCELLATION])
def test_a_refund_before_its_order_waits_for_it(db: Database, kind: ReversalKind) -> None:
    """T36, with the webhooks out of order."""
    tombstone = OrderReversed("1001", (replace(REFUNDED, kind=kind),))
    assert tell(db, tombstone) == []
    tell(db, OrderSeen(order()))
    assert only(db, orders)["state"] == ("refunded" if kind is ReversalKind.REFUND else "canceled")


def test_a_refund_after_its_order_touches_it_once(db: Database) -> None:
    (id_,) = tell(db, OrderSeen(order()))
    assert tell(db, OrderReversed("1001", (REFUNDED,))) == [id_]
    assert tell(db, OrderReversed("1001", (REFUNDED,))) == []
    assert only(db, orders)["state"] == "refunded"
    assert len(rows(db, order_reversals)) == 1


def test_a_refund_in_part_is_kept_for_its_line_and_the_last_one_refunds_the_order(db: Database) -> None:
    (id_,) = tell(db, OrderSeen(order()))
    assert tell(db, OrderReversed("1001", (returned("1", "BIKE"), returned("2", "BELL", 1)))) == [id_]
    assert only(db, orders)["state"] == "completed"
    tell(db, OrderReversed("1001", (returned("3", "BELL", 1),)))
    assert only(db, orders)["state"] == "refunded"


def test_a_refund_told_inside_the_order_and_alone_counts_once(db: Database) -> None:
    part = returned("refund:1:line:1", "BELL", 1)
    tell(db, OrderSeen(order(5, reversals=(part,))), OrderReversed("1001", (part,)))
    tell(db, OrderReversed("1001", (part,)))
    assert len(rows(db, order_reversals)) == 1


def test_a_late_older_version_never_brings_an_order_back(db: Database) -> None:
    tell(db, OrderSeen(order(9, state=OrderState.CANCELED, completed_at=None)))
    tell(db, OrderSeen(order(0)))
    assert only(db, orders)["state"] == "canceled"


def test_an_order_of_another_shop_with_the_same_id_is_another_order(db: Database) -> None:
    tell(db, OrderReversed("1001", (REFUNDED,)))
    with db.write() as connection:
        apply(connection, "other", [OrderSeen(order())], NOW)
    assert only(db, orders)["state"] == "completed"


def test_imported_stays_imported_whatever_webhooks_say_later(db: Database) -> None:
    assert tell(db, OrderSeen(order(imported=True))) == []
    assert tell(db, OrderSeen(order(5))) == []
    stored = only(db, orders)
    assert (stored["imported"], stored["source_updated_at"]) == (True, NOON + timedelta(minutes=5))


VERSIONS: list[Change] = [
    OrderSeen(order(1, state=OrderState.PLACED, completed_at=None)),
    OrderSeen(order(2)),
    OrderSeen(order(3, lines=(OrderLine("BELL", "Bell", 2, 500),), total_minor=1000)),
    OrderSeen(order(4, reversals=(returned("1", "BIKE"),))),
]
REVERSALS: list[Change] = [
    OrderReversed("1001", (returned("2", "BELL", 1),)),
    OrderReversed("1001", (returned("3", "BELL", 1),)),
    OrderReversed("1001", (REFUNDED,)),
    OrderReversed("1001", (Reversal("deleted", ReversalKind.DELETION, happened_at=NOON + timedelta(seconds=150)),)),
]


@pytest.fixture(scope="module")
def many_shops() -> Iterator[Database]:
    """One database for many runs, each in a shop of its own."""
    opened = Database("sqlite://")
    Row.metadata.create_all(opened.engine)
    yield opened
    opened.close()


def outcome(db: Database, changes: Sequence[Change], cuts: set[int]) -> list[Any]:
    """What is stored after telling a new shop's changes in batches."""
    shop, batch = uuid4().hex, []
    for position, change in enumerate(changes):
        batch.append(change)
        if position in cuts or position == len(changes) - 1:
            tell(db, *batch, shop=shop)
            batch = []
    with db.read() as connection:
        of_shop = select(orders).where(orders.c.shop == shop)
        stored = dict(connection.execute(of_shop).mappings().one())
        lines = select(order_lines.c.sku, order_lines.c.quantity).where(order_lines.c.order_id == stored["id"])
        keys = select(order_reversals.c.reversal_key).where(order_reversals.c.shop == shop)
        facts = [stored[name] for name in ("state", "total_minor", "source_updated_at")]
        return [facts, connection.execute(lines).all(), set(connection.execute(keys).scalars())]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_stored_depends_on_what_was_told_not_on_when(many_shops: Database, data: st.DataObject) -> None:
    """Webhooks come late, twice and out of order, in batches of any size."""
    told = data.draw(st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=4))
    told += data.draw(st.lists(st.sampled_from(REVERSALS), max_size=3))
    shuffled = data.draw(st.permutations(told))
    cuts = data.draw(st.sets(st.integers(0, len(told))))
    assert outcome(many_shops, shuffled, cuts) == outcome(many_shops, told, set())


def test_statements_do_not_grow_with_the_batch(db: Database) -> None:
    def statements(orders_told: int, offset: int) -> int:
        count = 0

        def counted(*_: Any) -> None:
            nonlocal count
            count += 1

        changes: list[Change] = [
            OrderSeen(
                order(
                    id_=f"{offset + n}",
                    buyer=Buyer(
                        f"c{offset + n}", f"p{offset + n}@example.com", consent=ConsentStatement(YES, "t", NOON)
                    ),
                    reversals=(returned("1", "BELL", 1),),
                )
            )
            for n in range(orders_told)
        ]
        changes += [ProductSeen(Product(f"{offset + n}", "Bell")) for n in range(orders_told)]
        event.listen(db.engine, "before_cursor_execute", counted)
        tell(db, *changes)
        event.remove(db.engine, "before_cursor_execute", counted)
        return count

    assert statements(300, offset=1_000) == statements(2, offset=0)


def test_an_order_and_its_refund_in_two_workers_at_once_end_refunded(db: Database) -> None:
    """Neither worker sees the other's row, so they have to take turns."""
    refund = threading.Thread(target=tell, args=(db, OrderReversed("1001", (REFUNDED,))))
    with db.write() as connection:
        apply(connection, "velo", [OrderSeen(order())], NOW)
        refund.start()
        while refund.is_alive() and not somebody_waits(db):
            refund.join(0.01)
    refund.join()
    assert only(db, orders)["state"] == "refunded"
