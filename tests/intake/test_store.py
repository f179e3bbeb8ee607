"""Changes become rows, alike on SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, event, select

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.db.session import Database
from aftercart.db.tables import (
    Row,
    address_moves,
    consents,
    customers,
    order_lines,
    order_reversals,
    orders,
    products,
    recipients,
    suppressions,
)
from aftercart.intake.changes import (
    Buyer,
    Change,
    CustomerSeen,
    Order,
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
from tests.rows import somebody_waits

TABLES = (order_reversals, order_lines, orders, address_moves, customers, consents, recipients, suppressions, products)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=3)
YES, NO = ConsentState.GRANTED, ConsentState.DENIED
REFUNDED = Reversal("refunded", ReversalKind.REFUND, happened_at=NOON + timedelta(hours=1))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Each kind of database in turn, made once: emptying tables is much quicker than making them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'aftercart.db'}"
    if request.param == "postgresql":
        server, name = request.getfixturevalue("postgres_server"), f"store_{uuid4().hex}"
        admin = Database(server)
        with admin.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        admin.close()
        url = server.replace("/postgres?", f"/{name}?")
    db = Database(url)
    Row.metadata.create_all(db.engine)
    yield db
    db.close()


@pytest.fixture
def db(opened: Database) -> Iterator[Database]:
    yield opened
    with opened.write() as connection:
        for table in TABLES:
            connection.execute(table.delete())


def tell(db: Database, *changes: Change, now: datetime = NOW, shop: str = "velo") -> list[int]:
    with db.write() as connection:
        return sorted(apply(connection, shop, changes, now))


def rows(db: Database, table: Table) -> list[dict[str, Any]]:
    with db.read() as connection:
        found = connection.execute(table.select().order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def only(db: Database, table: Table) -> dict[str, Any]:
    (row,) = rows(db, table)
    return row


def order(minutes: int = 0, id_: str = "1001", **changes: Any) -> Order:
    """Ada's order as the shop saw it some minutes after noon."""
    version = Order(
        shop_order_id=id_,
        state=OrderState.COMPLETED,
        currency="EUR",
        total_minor=3000,
        placed_at=NOON,
        updated_at=NOON + timedelta(minutes=minutes),
        completed_at=NOON + timedelta(minutes=minutes),
        buyer=Buyer("77", "ada@example.com", "Ada", "fr-FR", "Europe/Paris", "FR"),
        lines=(OrderLine("BIKE", "Bike", 1, 2000), OrderLine("BELL", "Bell", 2, 500)),
        country="FR",
    )
    return replace(version, **changes)


def returned(key: str, sku: str, quantity: float | None = None) -> Reversal:
    return Reversal(key, ReversalKind.RETURN, sku, quantity, happened_at=NOON)


# ---------------------------------------------------------------- orders


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


# ---------------------------------------------------------------- people


def consent_rows(db: Database) -> list[tuple[str, datetime]]:
    return [(row["state"], row["at"]) for row in rows(db, consents)]


def seen(
    email: str | None = "ada@example.com", customer_id: str | None = "77", at: datetime | None = None, **details: Any
) -> CustomerSeen:
    return CustomerSeen(Buyer(customer_id, email, **details), at)


def test_details_follow_the_newest_that_are_not_empty(db: Database) -> None:
    tell(db, OrderSeen(order()))
    tell(db, seen(first_name="Ada L.", time_zone=""))
    person = only(db, recipients)
    assert (person["first_name"], person["time_zone"]) == ("Ada L.", "Europe/Paris")


HOUR = timedelta(hours=1)


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
def test_a_late_older_record_moves_nobody_back(db: Database, at_once: bool) -> None:
    newer = seen("new@example.com", at=NOON + HOUR, first_name="Ada L.", consent=ConsentStatement(NO, "t", NOON + HOUR))
    older = seen(at=NOON, first_name="A.", country="FR", consent=ConsentStatement(YES, "t", NOON))
    tell(db, seen(at=NOON - HOUR, first_name="A."))
    for batch in ((newer, older),) if at_once else ((newer,), (older,)):
        tell(db, *batch)
    new = next(row for row in rows(db, recipients) if row["email"] == "new@example.com")
    assert only(db, customers)["recipient_id"] == new["id"]
    assert [row["at"] for row in rows(db, address_moves)] == [NOON + HOUR]
    assert sorted(consent_rows(db)) == [("denied", NOON + HOUR), ("granted", NOON)]


def test_an_older_record_of_the_same_address_only_fills_gaps(db: Database) -> None:
    tell(db, seen(at=NOON + HOUR, first_name="Ada L.", locale=""))
    tell(db, seen(at=NOON, first_name="A.", locale="fr-FR"))
    person = only(db, recipients)
    assert (person["first_name"], person["locale"]) == ("Ada L.", "fr-FR")


def test_an_order_that_is_told_once_more_says_of_its_buyer_what_was_when_it_was_placed(db: Database) -> None:
    tell(db, OrderSeen(order()))
    tell(db, seen(at=NOON + HOUR, first_name="Ada L."))
    tell(db, OrderSeen(order(24 * 60)))
    assert only(db, recipients)["first_name"] == "Ada L."


def test_a_record_without_a_date_is_as_of_when_it_comes(db: Database) -> None:
    tell(db, seen(at=NOON + HOUR))
    tell(db, seen("new@example.com"))
    assert [row["at"] for row in rows(db, address_moves)] == [NOW]
    tell(db, seen("newest@example.com", at=NOON + 2 * HOUR))
    assert len(rows(db, address_moves)) == 2


def test_a_shop_whose_clock_is_ahead_keeps_out_nothing_that_comes_later(db: Database) -> None:
    tell(db, seen(at=NOW + 1000 * HOUR, first_name="A."))
    tell(db, seen("new@example.com", at=NOW + HOUR, first_name="Ada L."), now=NOW + HOUR)
    assert [row["at"] for row in rows(db, address_moves)] == [NOW + HOUR]


def test_what_is_kept_of_a_customer_depends_on_what_was_told_not_on_when(db: Database) -> None:
    """Every order of three versions of a record."""
    told = [
        seen(f"ada{n}@example.com", at=NOON + n * HOUR, first_name=f"A{n}", locale="fr-FR" if n == 1 else "")
        for n in range(3)
    ]
    for number, versions in enumerate(permutations(told)):
        for version in versions:
            tell(db, replace(version, buyer=replace(version.buyer, customer_id=f"c{number}")))
    (newest,) = [row["id"] for row in rows(db, recipients) if row["email"] == "ada2@example.com"]
    assert {row["recipient_id"] for row in rows(db, customers)} == {newest}


def test_an_import_only_fills_gaps_about_people(db: Database) -> None:
    tell(db, seen(first_name="Ada"))
    tell(db, OrderSeen(order(buyer=Buyer("77", "ada@example.com", "Old name", country="FR"), imported=True)))
    person = only(db, recipients)
    assert (person["first_name"], person["country"]) == ("Ada", "FR")


def test_a_customer_who_moves_to_another_address_is_written_to_there(db: Database) -> None:
    tell(db, OrderSeen(order()))
    tell(db, seen("ada@new.example"))
    tell(db, OrderSeen(order(id_="1002", buyer=Buyer("77", None))))
    addresses = {row["id"]: row["email"] for row in rows(db, recipients)}
    assert [addresses[row["recipient_id"]] for row in rows(db, orders)] == ["ada@example.com", "ada@new.example"]


def test_an_address_given_with_one_order_does_not_move_the_customer(db: Database) -> None:
    tell(db, seen("ada@example.com"))
    tell(db, OrderSeen(order(buyer=Buyer("77", "office@example.com"))))
    addresses = {row["id"]: row["email"] for row in rows(db, recipients)}
    assert addresses[only(db, customers)["recipient_id"]] == "ada@example.com"
    assert addresses[only(db, orders)["recipient_id"]] == "office@example.com"


def test_earlier_orders_find_the_address_that_comes_later(db: Database) -> None:
    (id_,) = tell(db, OrderSeen(order(buyer=Buyer("77"))))
    assert only(db, orders)["recipient_id"] is None
    assert tell(db, seen()) == [id_]
    assert only(db, orders)["recipient_id"] == only(db, recipients)["id"]
    assert tell(db, seen()) == []


def test_an_address_that_comes_with_a_second_order_changes_the_first_one_too(db: Database) -> None:
    (first,) = tell(db, OrderSeen(order(buyer=Buyer("77"))))
    changed = tell(db, OrderSeen(order(id_="1002")))
    assert first in changed
    assert len(changed) == 2


@pytest.mark.parametrize("buyer", [None, Buyer()])
def test_an_order_of_nobody_is_still_an_order(db: Database, buyer: Buyer | None) -> None:
    tell(db, OrderSeen(order(buyer=buyer)))
    assert (only(db, orders)["customer_id"], only(db, orders)["recipient_id"]) == (None, None)
    assert rows(db, recipients) == []


def test_consent_is_recorded_once_for_each_time_it_was_given(db: Database) -> None:
    def says(state: ConsentState, day: int) -> CustomerSeen:
        return seen(consent=ConsentStatement(state, "shop", NOON + timedelta(days=day), Basis.EXPRESS))

    tell(db, says(YES, 0), says(YES, 1))
    tell(db, says(YES, 1))
    tell(db, seen())
    given = [("granted", NOON), ("granted", NOON + timedelta(days=1))]
    assert consent_rows(db) == given
    tell(db, says(NO, 2))
    tell(db, says(YES, 1))
    assert consent_rows(db) == [*given, ("denied", NOON + timedelta(days=2))]


def test_consent_that_arrives_late_is_recorded_under_its_time(db: Database) -> None:
    tell(db, seen(consent=ConsentStatement(NO, "shop", NOON)))
    tell(db, seen(consent=ConsentStatement(YES, "shop", NOON - timedelta(days=1))))
    newest = max(consent_rows(db), key=lambda row: row[1])
    assert newest == ("denied", NOON)
    assert len(consent_rows(db)) == 2


PROOF = {"basis": "", "wording": "", "ip": "", "undated": False}


def test_a_shops_yes_stands_beside_our_own_unanswered_question(db: Database) -> None:
    tell(db, seen())
    ada = only(db, recipients)["id"]
    asked = {"recipient_id": ada, "state": "pending", "source": "form", "at": NOON, "recorded_at": NOON, **PROOF}
    with db.write() as connection:
        connection.execute(consents.insert(), [asked])
    tell(db, seen(consent=ConsentStatement(YES, "shop", None)))
    assert consent_rows(db) == [("pending", NOON)]
    tell(db, seen(consent=ConsentStatement(YES, "shop", NOW)))
    assert consent_rows(db) == [("pending", NOON), ("granted", NOW)]


def test_no_shop_lifts_a_suppression(db: Database) -> None:
    left = {
        "email": "ada@example.com",
        "scope": "brand",
        "topic": "",
        "reason": "unsubscribed",
        "source": "link",
        "at": NOON,
    }
    with db.write() as connection:
        connection.execute(suppressions.insert(), [left])
    tell(db, seen(consent=ConsentStatement(YES, "shop", NOW)))
    kept = only(db, suppressions)
    assert {name: kept[name] for name in left} == left


# ---------------------------------------------------------------- products

BELL = Product("BELL", "Bell", category="Bells", price_minor=500, currency="EUR", updated_at=NOON)


def test_a_product_takes_its_newest_version_and_keeps_what_that_does_not_speak_of(db: Database) -> None:
    tell(db, ProductSeen(replace(BELL, states_stock=True, stock=3)))
    tell(db, ProductSeen(Product("BELL", "Brass bell", brand="Velo", updated_at=NOON + timedelta(hours=1))))
    tell(db, ProductSeen(replace(BELL, title="Old bell", price_minor=1, states_stock=True)))
    product = only(db, products)
    assert (product["title"], product["brand"], product["category"]) == ("Brass bell", "Velo", "Bells")
    assert (product["price_minor"], product["stock"]) == (500, 3)


def test_stock_that_is_no_longer_counted_is_not_counted(db: Database) -> None:
    tell(db, ProductSeen(replace(BELL, states_stock=True, stock=0)))
    tell(db, ProductSeen(replace(BELL, states_stock=True, stock=None)))
    assert only(db, products)["stock"] is None


@pytest.mark.parametrize(
    ("news", "struck"),
    [
        (replace(BELL, compare_at_minor=700), 700),
        (replace(BELL, compare_at_minor=0), 0),
        (BELL, 600),
        (Product("BELL", "Bell"), 600),
        (replace(BELL, price_minor=400), None),
        (replace(BELL, currency="USD"), None),
    ],
    ids=["another", "taken back", "unsaid", "no price", "a new price alone", "another currency"],
)
def test_what_is_struck_through_is_the_last_word_and_none_beside_a_new_price(
    news: Product, struck: int | None, db: Database
) -> None:
    tell(db, ProductSeen(replace(BELL, compare_at_minor=600, rating=4.5, rating_count=2)))
    tell(db, ProductSeen(news))
    product = only(db, products)
    assert (product["compare_at_minor"], product["rating"], product["rating_count"]) == (struck, 4.5, 2)


@pytest.mark.parametrize(
    ("news", "cost"),
    [
        (replace(BELL, states_cost=True, cost_minor=250), 250),
        (replace(BELL, states_cost=True), None),
        (BELL, 200),
        (Product("BELL", "Bell"), 200),
        (replace(BELL, price_minor=400), 200),
        (replace(BELL, currency="USD"), None),
        (Product("BELL", "Bell", states_cost=True, cost_minor=250, currency="EUR"), 250),
        (Product("BELL", "Bell", states_cost=True, cost_minor=250, currency="USD"), None),
    ],
    ids=[
        "another", "taken back", "unsaid", "no price", "a new price alone", "another currency", "a cost alone",
        "a cost alone in another currency",
    ],
)  # fmt: skip
def test_what_a_product_costs_the_shop_is_the_last_word_in_the_currency_of_its_price(
    news: Product, cost: int | None, db: Database
) -> None:
    tell(db, ProductSeen(replace(BELL, states_cost=True, cost_minor=200)))
    tell(db, ProductSeen(news))
    assert only(db, products)["cost_minor"] == cost


def test_a_cost_that_comes_before_the_price_waits_for_one_in_its_currency(db: Database) -> None:
    tell(db, ProductSeen(Product("BELL", "Bell")))
    tell(db, ProductSeen(Product("BELL", "Bell", states_cost=True, cost_minor=200, currency="EUR")))
    tell(db, ProductSeen(BELL))
    assert (only(db, products)["cost_minor"], only(db, products)["currency"]) == (200, "EUR")


def test_a_product_told_again_is_not_touched(db: Database) -> None:
    tell(db, ProductSeen(BELL))
    tell(db, ProductSeen(BELL), now=NOW + timedelta(days=1))
    assert only(db, products)["updated_at"] == NOW


def test_an_order_line_of_an_unknown_product_invents_none(db: Database) -> None:
    tell(db, OrderSeen(order()))
    assert rows(db, products) == []
