"""What comes in after somebody was forgotten revives nothing of them: not by a webhook, and not by a file.

What they do themselves, an order placed since, is a new beginning; still nobody mails them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import customers, events, orders, recipients
from aftercart.delivery.base import Outcome
from aftercart.ledger.store import Choice
from aftercart.pipeline import rights
from aftercart.pipeline.incoming.load import load_customers, load_orders
from aftercart.pipeline.incoming.load_lists import load_consents, load_suppressions
from aftercart.pipeline.sending.retry import retry
from aftercart.policy.address_hash import AddressHashes
from aftercart.testing import SECRET_KEY, engine, run_due, run_until
from tests.cast import (
    ADA,
    BIKE,
    CHIKA,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    clock_of,
    fates,
    order,
    outbox,
    rows,
    tell,
    tell_shopify,
    tell_woocommerce,
)
from tests.intake.payloads import shopify_order, woo_order
from tests.rights.everywhere import everywhere, in_files

EDA = {**ADA, "id": "customer-4711", "email": "eda.quibble@example.com", "first_name": "Edaquibble"}
EMAIL = str(EDA["email"])
NAMES = ("quibble", "customer-4711", "4711-shopify", "924711")
BEFORE = (MONDAY - DAY).isoformat()


def named(app: App) -> set[str]:
    return {place for place, text in everywhere(app) if any(name in text.lower() for name in NAMES)}


def forgotten(app: App) -> None:
    """Eda ordered in three shops, and was forgotten; an hour passes."""
    order(app, "1", EDA)
    tell_shopify(app, "customers/update", shopify_customer())
    tell_woocommerce(app, "customer.updated", woo_customer())
    rights.erase(app, EMAIL)
    assert named(app) == set()
    clock_of(app).step(HOUR)


def shopify_customer(**changes: Any) -> dict[str, Any]:
    return {"id": "4711-shopify", "email": EMAIL, "first_name": "Edaquibble", "updated_at": BEFORE, **changes}


def woo_customer(**changes: Any) -> dict[str, Any]:
    return {"id": 924711, "email": EMAIL, "first_name": "Edaquibble", "date_modified_gmt": BEFORE[:19], **changes}


Late = Callable[[App], None]
LATER = (MONDAY + HOUR).isoformat()
LATE: dict[str, Late] = {
    "customer.updated": lambda app: tell(app, "customer.updated", EDA),
    "customer.updated, of before": lambda app: tell(app, "customer.updated", {**EDA, "updated_at": BEFORE}),
    "customer.updated without an address": lambda app: tell(app, "customer.updated", {**EDA, "email": None}),
    "customer.updated with another address": lambda app: tell(
        app, "customer.updated", {**EDA, "email": "other.quibble@example.com"}
    ),
    "customer.updated of a number that names": lambda app: tell(
        app, "customer.updated", {"email": EMAIL}, webhook_id=f"of-{EMAIL}"
    ),
    "consent.changed": lambda app: tell(app, "consent.changed", {"customer": EDA, "accepts_marketing": True}),
    "customers/update": lambda app: tell_shopify(app, "customers/update", shopify_customer(updated_at=LATER)),
    "customer.updated of WooCommerce": lambda app: tell_woocommerce(app, "customer.updated", woo_customer(role="x")),
    "an older order": lambda app: order(app, "0", EDA, [{**BIKE, "title": "Quibble"}], placed_at=BEFORE),
    "an older order of Shopify": lambda app: tell_shopify(
        app,
        "orders/updated",
        shopify_order(email=EMAIL, customer=shopify_customer(), created_at=BEFORE, updated_at=LATER),
    ),
    "an older order for another's address": lambda app: tell_shopify(
        app,
        "orders/updated",
        shopify_order(email="boss@example.com", customer=shopify_customer(), created_at=BEFORE, updated_at=LATER),
    ),
    "an older order of WooCommerce": lambda app: tell_woocommerce(
        app,
        "order.updated",
        woo_order(billing={"email": EMAIL, "first_name": "Edaquibble"}, customer_id=924711, date_created_gmt=BEFORE),
    ),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE.keys())
def test_late_news_of_somebody_who_was_forgotten_names_nobody(app: App, late: Late) -> None:
    forgotten(app)
    late(app)
    assert named(app) == set()
    assert {name for name, text in in_files(app) if any(one in text.lower() for one in NAMES)} == set()
    assert {row["state"] for row in rows(app, events)} <= {"processed", "ignored"}


def test_an_older_order_counts_all_the_same(small: App) -> None:
    forgotten(small)
    LATE["an older order"](small)
    assert [(row["shop_order_id"], row["recipient_id"] is None) for row in rows(small, orders)] == [
        ("1", False),
        ("0", True),
    ]


def test_an_order_placed_since_is_a_new_beginning(app: App) -> None:
    forgotten(app)
    order(app, "2", EDA)
    tell(app, "customer.updated", {**EDA, "first_name": "Eda"})
    assert {(row["email"], row["first_name"]) for row in rows(app, recipients) if "@" in row["email"]} == {
        (EMAIL, "Eda")
    }
    tell(app, "customer.updated", {**EDA, "first_name": "Edaquibble", "updated_at": BEFORE})
    assert not any("edaquibble" in text.lower() for place, text in everywhere(app) if place != "events.body")
    run_until(app, MONDAY + 20 * DAY)
    assert outbox(app).messages == []


def test_whoever_is_forgotten_again_stays_so(small: App) -> None:
    forgotten(small)
    order(small, "2", EDA)
    between = clock_of(small)().isoformat()
    clock_of(small).step(HOUR)
    rights.erase(small, EMAIL)
    clock_of(small).step(HOUR)
    order(small, "3", EDA, placed_at=between)
    tell(small, "customer.updated", EDA)
    assert named(small) == set()


def test_an_order_and_the_record_beside_it_may_come_in_one_batch(small: App) -> None:
    forgotten(small)
    at = clock_of(small)().isoformat()
    who = shopify_customer(email="eda.new@example.com", updated_at=at)
    tell_shopify(small, "orders/paid", shopify_order(email=EMAIL, customer=who, created_at=at, updated_at=at))
    assert "eda.new@example.com" in {row["email"] for row in rows(small, recipients)}


RECEIPT = """\
campaign: receipt
status: active
class: transactional
trigger: order.completed
steps: [{id: receipt, after: 3d, at: "10:00", template: plain}]
"""


@pytest.mark.parametrize("text", [campaign(), RECEIPT], ids=["marketing", "transactional"])
def test_an_order_that_is_restored_after_they_were_forgotten_plans_nothing(tmp_path: Path, text: str) -> None:
    """Not even a mail that nobody has to agree to: there is no address left."""
    with engine(tmp_path / "data", SteppedClock(MONDAY), **Shop(tmp_path).write(text).files) as app:
        bought = {"billing": {"email": EMAIL}, "meta_data": [{"key": "accepts_marketing", "value": "yes"}]}
        dates = {"date_created_gmt": f"{MONDAY:%Y-%m-%dT%H:%M:%S}", "date_modified_gmt": f"{MONDAY:%Y-%m-%dT%H:%M:%S}"}
        tell_woocommerce(app, "order.created", woo_order(**bought, **dates))
        clock_of(app).step(HOUR)
        tell_woocommerce(app, "order.deleted", {"id": woo_order()["id"]})
        rights.erase(app, EMAIL)
        clock_of(app).step(HOUR)
        restored = woo_order(**bought, **dates | {"date_modified_gmt": f"{app.clock():%Y-%m-%dT%H:%M:%S}"})
        tell_woocommerce(app, "order.restored", restored)
        assert fates(app) == [("canceled", "order_canceled")]
        assert rows(app, orders)[0]["state"] == "completed", "it counts"


@pytest.mark.parametrize("text", [campaign(), RECEIPT], ids=["marketing", "transactional"])
def test_a_failed_mail_that_is_tried_again_after_they_were_forgotten_ends_at_once(tmp_path: Path, text: str) -> None:
    with engine(tmp_path / "data", SteppedClock(MONDAY), **Shop(tmp_path).write(text).files) as app:
        outbox(app).answers = {EMAIL: [answer(Outcome.REJECTED)]}
        order(app, "1", EDA)
        run_until(app, MONDAY + 3 * DAY)
        assert [state for state, _ in fates(app)] == ["failed"]
        rights.erase(app, EMAIL)
        assert [one.refused for one in retry(app, Choice(), valid_for=DAY)] == [None]
        run_due(app)
        assert fates(app) == [("canceled", "erased")]


def test_what_cannot_be_understood_is_kept_until_they_are_forgotten_once_more(small: App) -> None:
    forgotten(small)
    tell(small, "order.completed", {"order_id": "2", "customer": EDA, "currency": "no currency"})
    assert named(small) == {"events.body"}
    rights.erase(small, EMAIL)
    assert named(small) == set()


def test_others_with_the_same_number_in_another_shop_are_somebody_else(small: App) -> None:
    order(small, "1", EDA)
    rights.erase(small, EMAIL)
    tell_shopify(small, "customers/update", {"id": "customer-4711", "email": "chika@example.com"})
    assert [row["shop"] for row in rows(small, customers) if row["shop_customer_id"] == "customer-4711"] == ["shopify"]


def test_the_key_may_be_rotated_meanwhile(tmp_path: Path) -> None:
    files = Shop(tmp_path).write(campaign()).files
    with engine(tmp_path / "data", SteppedClock(MONDAY), **files) as app:
        forgotten(app)
    with engine(tmp_path / "data", SteppedClock(MONDAY + DAY), **files, secret_key=f"{'n' * 40},{SECRET_KEY}") as app:
        tell(app, "customer.updated", {**EDA, "email": None})
        tell(app, "customer.updated", EDA)
        assert named(app) == set()


# ---------------------------------------------------------------- files


def written(folder: Path, text: str) -> Path:
    file = folder / "late.csv"
    file.write_text(text)
    return file


def test_a_file_of_customers_brings_nobody_back(small: App, tmp_path: Path) -> None:
    forgotten(small)
    text = f"email,customer_id\n{EMAIL},customer-4711\nquibble@example.com,customer-4711\n{CHIKA['email']},3\n"
    report = load_customers(small.db, written(tmp_path, text), clock_of(small)(), small.address_hashes)
    assert (report.rows, report.added, report.unchanged, report.passed_over) == (3, 1, 0, 2)
    assert report.notes == ("2 rows name somebody who was erased here: passed over",)
    assert named(small) == set()


def test_a_file_of_past_orders_brings_nobody_back_and_its_orders_count(small: App, tmp_path: Path) -> None:
    forgotten(small)
    head = "order_id,customer_id,ordered_at,sku,quantity,unit_price,email\n"
    text = f"{head}8,customer-4711,2026-01-05,BIKE,1,900,{EMAIL}\n9-{EMAIL},,2026-01-06,BIKE,1,900,{EMAIL}\n"
    for _ in range(2):
        report = load_orders(small.db, written(tmp_path, text), clock_of(small)(), small.address_hashes)
    assert (report.added, report.unchanged) == (0, 2)
    assert len(rows(small, orders)) == 3
    assert named(small) == set()


def test_a_file_of_past_orders_finds_an_order_whose_number_was_hidden(small: App, tmp_path: Path) -> None:
    order(small, f"17-{EMAIL}", EDA)
    rights.erase(small, EMAIL)
    text = f"order_id,customer_id,ordered_at,sku,quantity,unit_price,email\n17-{EMAIL},,2026-01-05,BIKE,1,900,{EMAIL}\n"
    report = load_orders(small.db, written(tmp_path, text), clock_of(small)(), small.address_hashes)
    assert len(rows(small, orders)) == 1
    assert report.rows == 1
    assert named(small) == set()


def test_a_file_of_consents_brings_nobody_back(small: App, tmp_path: Path) -> None:
    forgotten(small)
    text = f"email\n{EMAIL}\n{CHIKA['email']}\n"
    report = load_consents(small.db, written(tmp_path, text), clock_of(small)(), small.address_hashes)
    assert (report.rows, report.added, report.passed_over) == (2, 1, 1)
    assert report.notes == ("1 row names somebody who was erased here: passed over",)
    assert named(small) == set()


def test_a_file_of_those_who_must_not_be_mailed_brings_nobody_back(small: App, tmp_path: Path) -> None:
    forgotten(small)
    file = written(tmp_path, f"email\n{EMAIL}\n{CHIKA['email']}\n")
    report = load_suppressions(small.db, file, clock_of(small)(), small.address_hashes)
    assert (report.rows, report.added, report.passed_over) == (2, 1, 1)
    assert report.notes == ("1 row names somebody who was erased here: passed over",)
    assert named(small) == set()


def test_a_hash_is_made_with_the_installations_key(small: App) -> None:
    forgotten(small)
    with small.db.read() as connection:
        from aftercart.db.tables import suppressions

        kept = set(connection.execute(select(suppressions.c.email)).scalars())
    assert AddressHashes([SECRET_KEY]).of(EMAIL) in kept
    assert all(one.startswith("hmac:") for one in kept)
