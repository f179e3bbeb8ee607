from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from aftercart.attribution.credit import Model, Touch
from aftercart.clock import SteppedClock
from aftercart.db.session import Database
from aftercart.db.tables import attributions, orders, recipients
from aftercart.pipeline.attribute import attribute, attribute_again
from aftercart.testing import engine
from tests.rows import MONDAY, Rows, Statements, a_database

WINDOWS = {"accessories": timedelta(days=5), "winback": timedelta(days=30)}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = a_database(tmp_path)
    yield db
    db.close()


@pytest.fixture
def rows(db: Database) -> Rows:
    return Rows(db)


class Story:
    """Ada bought a bike, got a mail about it and clicked on Monday at eleven."""

    def __init__(self, rows: Rows, email: str = "ada@example.com", campaign: str = "accessories") -> None:
        self.person = rows.recipient(email)
        self.bike = rows.order(self.person)
        self.send = rows.send(self.bike, self.person, MONDAY, campaign)
        self.click = rows.click(self.send, self.person, MONDAY + HOUR)


def settle(db: Database, *order_ids: int, now: datetime = MONDAY + 9 * DAY) -> int:
    with db.write() as connection:
        return attribute(connection, order_ids, WINDOWS, now)


def credit(rows: Rows) -> list[dict[str, Any]]:
    return rows.all(attributions)


def test_a_later_order_is_credited_to_the_last_click_once(db: Database, rows: Rows) -> None:
    ada = Story(rows)
    lamp = rows.order(ada.person, MONDAY + DAY, total_minor=2_500, currency="CHF")
    assert settle(db, lamp) == 1
    assert settle(db, lamp) == 0
    (row,) = credit(rows)
    assert {k: row[k] for k in ("order_id", "send_id", "click_id", "amount_minor", "currency", "reversed_minor")} == {
        "order_id": lamp,
        "send_id": ada.send,
        "click_id": ada.click,
        "amount_minor": 2_500,
        "currency": "CHF",
        "reversed_minor": 0,
    }


def test_an_order_whose_webhook_came_late_is_credited_by_its_own_time(db: Database, rows: Rows) -> None:
    ada = Story(rows)
    in_time, too_late = rows.order(ada.person, MONDAY + 5 * DAY), rows.order(ada.person, MONDAY + 6 * DAY)
    settle(db, too_late, in_time, now=MONDAY + 40 * DAY)
    assert [row["order_id"] for row in credit(rows)] == [in_time]


def test_the_window_is_that_of_the_campaign_and_five_days_where_it_is_gone(db: Database, rows: Rows) -> None:
    ada, chika = Story(rows, campaign="winback"), Story(rows, "chika@example.com", campaign="long gone")
    hers = [rows.order(ada.person, MONDAY + 20 * DAY), rows.order(chika.person, MONDAY + 4 * DAY)]
    not_hers = rows.order(chika.person, MONDAY + 20 * DAY)
    settle(db, *hers, not_hers)
    assert [row["order_id"] for row in credit(rows)] == hers


def test_the_order_that_the_mail_is_about_is_never_credited(db: Database, rows: Rows) -> None:
    """It may be placed, by the shop's clock, after a click: orders are changed and clocks differ."""
    ada = Story(rows)
    with db.write() as connection:
        connection.execute(update(orders).where(orders.c.id == ada.bike).values(placed_at=MONDAY + DAY))
    assert settle(db, ada.bike) == 0


def test_clicks_of_machines_and_of_other_people_earn_nothing(db: Database, rows: Rows) -> None:
    """T42."""
    ada = Story(rows)
    ben = rows.recipient("ben@example.com")
    rows.click(ada.send, ada.person, MONDAY + 10 * DAY, verdict="machine")
    late, bens = rows.order(ada.person, MONDAY + 11 * DAY), rows.order(ben, MONDAY + DAY)
    assert settle(db, late, bens) == 0


@pytest.mark.parametrize("odd", [{"imported": True}, {"completed_at": None, "state": "placed"}, {"recipient_id": None}])
def test_imported_unpaid_and_nameless_orders_earn_nothing(db: Database, rows: Rows, odd: dict[str, Any]) -> None:
    ada = Story(rows)
    facts: dict[str, Any] = {"recipient_id": ada.person, "placed_at": MONDAY + DAY}
    lamp = rows.order(**(facts | odd))
    assert settle(db, lamp) == 0


def test_an_order_that_is_paid_later_is_credited_then(db: Database, rows: Rows) -> None:
    ada = Story(rows)
    lamp = rows.order(ada.person, MONDAY + DAY, state="placed", completed_at=None)
    assert settle(db, lamp) == 0
    with db.write() as connection:
        paid = {"state": "completed", "completed_at": MONDAY + 8 * DAY}
        connection.execute(update(orders).where(orders.c.id == lamp).values(**paid))
    assert settle(db, lamp) == 1


def test_refunds_take_back_in_proportion_however_often_they_are_told(db: Database, rows: Rows) -> None:
    ada = Story(rows)
    lamp = rows.order(ada.person, MONDAY + DAY, total_minor=5_000)
    rows.line(lamp, "lamp", 2, 2_000)
    settle(db, lamp)
    rows.reversal(lamp, "r1", sku="lamp", quantity=1.0)
    settle(db, lamp)
    settle(db, lamp)
    assert [row["reversed_minor"] for row in credit(rows)] == [2_000]
    rows.reversal(lamp, "r2", sku=None)
    settle(db, lamp)
    assert [row["reversed_minor"] for row in credit(rows)] == [5_000]


def test_a_refund_that_came_before_its_order_is_found_with_it(db: Database, rows: Rows) -> None:
    ada = Story(rows)
    lamp = rows.order(ada.person, MONDAY + DAY, state="refunded")
    rows.reversal(lamp, "r1", sku=None)
    assert settle(db, lamp) == 1
    assert [row["reversed_minor"] for row in credit(rows)] == [10_000]


def test_an_order_that_the_shop_takes_up_again_counts_again(db: Database, rows: Rows) -> None:
    ada = Story(rows)
    lamp = rows.order(ada.person, MONDAY + DAY, state="canceled")
    settle(db, lamp)
    with db.write() as connection:
        connection.execute(update(orders).where(orders.c.id == lamp).values(state="completed"))
    settle(db, lamp)
    assert [row["reversed_minor"] for row in credit(rows)] == [0]


def change(db: Database, order_id: int, **facts: Any) -> None:
    with db.write() as connection:
        connection.execute(update(orders).where(orders.c.id == order_id).values(**facts))


def test_an_order_that_the_shop_changes_is_worth_what_it_says_now(db: Database, rows: Rows) -> None:
    ada = Story(rows)
    lamp = rows.order(ada.person, MONDAY + DAY, total_minor=50_000)
    settle(db, lamp)
    change(db, lamp, total_minor=5_000, currency="CHF")
    settle(db, lamp)
    assert [(row["amount_minor"], row["currency"]) for row in credit(rows)] == [(5_000, "CHF")]


def test_an_order_that_was_another_person_s_loses_its_credit(db: Database, rows: Rows) -> None:
    ada, chika = Story(rows), Story(rows, "chika@example.com")
    lamp = rows.order(ada.person, MONDAY + DAY)
    settle(db, lamp)
    change(db, lamp, recipient_id=rows.recipient("ben@example.com"))
    settle(db, lamp)
    assert credit(rows) == []
    change(db, lamp, recipient_id=chika.person)
    settle(db, lamp)
    assert [row["send_id"] for row in credit(rows)] == [chika.send]


def test_who_buys_under_a_new_address_credits_the_mail_that_went_to_the_old_one(db: Database, rows: Rows) -> None:
    ada, now = Story(rows, "old-ada@example.com"), rows.recipient("ada@example.com")
    with db.write() as connection:
        connection.execute(update(recipients).where(recipients.c.id == ada.person).values(merged_into=now))
    lamp = rows.order(now, MONDAY + DAY)
    assert settle(db, lamp) == 1
    assert settle(db, lamp) == 0  # and is no stranger
    assert [row["send_id"] for row in credit(rows)] == [ada.send]


def test_credit_under_another_model_stands_beside_the_old(tmp_path: Path, database_url: str) -> None:
    with engine(tmp_path, SteppedClock(MONDAY + 30 * DAY), database_url=database_url) as app:
        rows = Rows(app.db)
        ada = Story(rows)
        later = rows.send(ada.bike, ada.person, MONDAY, "reviews")
        rows.click(later, ada.person, MONDAY + 2 * HOUR)
        lamp, saddle = rows.order(ada.person, MONDAY + DAY), rows.order(ada.person, MONDAY + 20 * DAY)
        settle(app.db, lamp, saddle)
        before = credit(rows)
        first, wide = Model(Touch.FIRST), Model(Touch.LAST, 30 * DAY)
        assert [attribute_again(app, first), attribute_again(app, wide)] == [1, 2]
        assert [attribute_again(app, first), attribute_again(app, wide)] == [0, 0]
        kept = credit(rows)
        assert kept[: len(before)] == before
        assert {(row["model"], row["order_id"], row["send_id"]) for row in kept} == {
            ("last_click", lamp, later),
            ("first_click", lamp, ada.send),
            ("last_click:30d", lamp, later),
            ("last_click:30d", saddle, later),
        }
        rows.reversal(lamp, "all of it", sku=None)
        settle(app.db, lamp)
        assert {row["reversed_minor"] for row in credit(rows) if row["order_id"] == lamp} == {10_000}


def test_many_orders_are_credited_a_page_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setattr("aftercart.pipeline.attribute.PAGE", 2)
    with engine(tmp_path, SteppedClock(MONDAY + 30 * DAY), database_url=database_url) as app:
        rows = Rows(app.db)
        bought = [rows.order(Story(rows, f"person{n}@example.com").person, MONDAY + DAY) for n in range(5)]
        assert attribute_again(app, Model(Touch.FIRST)) == len(bought)


def test_reversals_of_another_shop_s_order_of_the_same_number_are_not_ours(db: Database, rows: Rows) -> None:
    ada = Story(rows)
    lamp = rows.order(ada.person, MONDAY + DAY, shop_order_id="77")
    other = rows.order(ada.person, MONDAY + 30 * DAY, shop="shopify", shop_order_id="77")
    rows.reversal(other, "r1", sku=None)
    settle(db, lamp)
    assert [row["reversed_minor"] for row in credit(rows)] == [0]


def test_a_batch_takes_the_same_number_of_queries_whatever_its_size(db: Database, rows: Rows) -> None:
    bought = []
    for i in range(12):
        story = Story(rows, f"person{i}@example.com")
        lamp = rows.order(story.person, MONDAY + DAY)
        rows.line(lamp, "lamp", 1, 2_000)
        rows.reversal(lamp, "r1", sku="lamp")
        bought.append(lamp)
    with Statements(db) as small:
        assert settle(db, *bought[:2]) == 2
    with Statements(db) as large:
        assert settle(db, *bought[2:]) == 10
    assert large.count == small.count
    assert small.count <= 11  # with the BEGIN


def test_no_orders_are_no_work(db: Database) -> None:
    with Statements(db) as statements:
        assert settle(db) == 0
    assert statements.count <= 1  # the BEGIN
