"""What comes in after a shop was erased revives nobody of its people: not by a webhook, and not by a file.

A shop that is connected again works as any other, from its new orders and records on.
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import insert, select

from aftercart.bootstrap import App
from aftercart.db.tables import consents, customers, events, inbox, orders, recipients
from aftercart.intake.signing import sign_shopify
from aftercart.pipeline.incoming import ingest
from aftercart.pipeline.incoming.ingest import accept, take_in
from aftercart.pipeline.incoming.load import load_customers, load_orders
from aftercart.pipeline.planning.enroll import enroll
from aftercart.pipeline.rights import carry_out
from aftercart.pipeline.rights import erase as erase_person
from aftercart.testing import SHOP_SECRET, run_until
from tests.cast import DAY, HOUR, MONDAY, clock_of, order, outbox, rows, stock_up, tell_shopify
from tests.intake.payloads import shopify_order
from tests.rights.everywhere import everywhere, in_files
from tests.rows import somebody_waits

EMAIL = "eda.quibble@example.com"
NAMES = ("quibble", "4711-shopify")
BEFORE = (MONDAY - DAY).isoformat()
LATER = (MONDAY + HOUR).isoformat()
BACK = {"refund_line_items": [{"id": 1, "quantity": 1, "subtotal": "9.99", "line_item": {"id": 1, "sku": "BIKE"}}]}
FUTURE = (MONDAY + 300 * DAY).isoformat()


def named(app: App) -> set[str]:
    return {place for place, text in everywhere(app) if any(name in text.lower() for name in NAMES)}


def bought(id_: int = 820982911, **changes: Any) -> dict[str, Any]:
    times = {"created_at": BEFORE, "updated_at": BEFORE}
    return shopify_order(**{"id": id_, "email": EMAIL, "customer": record(), **times, **changes})


def record(**changes: Any) -> dict[str, Any]:
    yes = {"state": "subscribed", "opt_in_level": "confirmed_opt_in", "consent_updated_at": BEFORE}
    said = {"email_marketing_consent": yes, "updated_at": BEFORE}
    return {"id": "4711-shopify", "email": EMAIL, "first_name": "Edaquibble", **said, **changes}


def erase(app: App, shop_id: int = 954889) -> None:
    """The shop asks to be erased, and is; an hour passes."""
    tell_shopify(app, "shop/redact", {"shop_id": shop_id, "shop_domain": "example.myshopify.com"})
    assert carry_out(app) == 1
    assert named(app) == set()
    clock_of(app).step(HOUR)


def erased(app: App) -> None:
    """Eda ordered in the shop before."""
    tell_shopify(app, "orders/create", bought())
    erase(app)


Late = Callable[[App], None]
LATE: dict[str, Late] = {
    "the order": lambda app: tell_shopify(app, "orders/updated", bought()),
    "an order that was not known": lambda app: tell_shopify(app, "orders/create", bought(2)),
    "the order, touched since": lambda app: tell_shopify(app, "orders/updated", bought(updated_at=LATER)),
    "the order, with a record touched since": lambda app: tell_shopify(
        app, "orders/updated", bought(email="gift.quibble@example.com", customer=record(updated_at=LATER))
    ),
    "a record": lambda app: tell_shopify(app, "customers/update", record()),
    "a refund of the order": lambda app: tell_shopify(
        app, "refunds/create", {"id": 5, "order_id": 820982911, "created_at": LATER, "note": "for Edaquibble"}
    ),
    "a refund of before": lambda app: tell_shopify(
        app, "refunds/create", {"id": 5, "order_id": 3, "created_at": BEFORE, "note": "for Edaquibble", **BACK}
    ),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE.keys())
def test_late_news_of_a_shop_that_was_erased_names_nobody(app: App, late: Late) -> None:
    erased(app)
    late(app)
    assert named(app) == set()
    assert {name for name, text in in_files(app) if any(one in text.lower() for one in NAMES)} == set()
    assert {row["state"] for row in rows(app, events)} <= {"processed", "ignored"}
    assert rows(app, consents) == []


def test_nor_does_what_still_lay_in_the_inbox_whenever_it_says_it_is_of(app: App) -> None:
    left_over: list[tuple[str, dict[str, Any]]] = [
        ("orders/create", bought(2, created_at=FUTURE, updated_at=FUTURE)),
        ("customers/update", record(updated_at=FUTURE)),
        ("customers/update", record(id="5", updated_at=None)),
        ("customers/update", {"id": {}, "first_name": "Edaquibble"}),
    ]
    kept = [in_inbox(app, topic, body) for topic, body in left_over]
    erased(app)
    with app.inbox_db.write() as connection:
        connection.execute(insert(inbox), kept)
    assert named(app)
    take_in(app)
    assert named(app) == set()
    assert rows(app, consents) == []


def in_inbox(app: App, topic: str, content: dict[str, Any]) -> dict[str, Any]:
    """A webhook as the door keeps it until a worker comes."""
    body = json.dumps(content).encode()
    headers = sign_shopify(SHOP_SECRET, "example.myshopify.com", "", topic, body)
    row = accept(app.shops["shopify"], headers, body, app.clock())
    assert row
    return row


def test_an_older_order_counts_all_the_same(small: App) -> None:
    erased(small)
    tell_shopify(small, "orders/create", bought(2))
    assert [(row["shop_order_id"], row["customer_id"]) for row in rows(small, orders)][1:] == [("2", None)]


def test_a_shop_that_is_connected_again_works_from_its_new_orders_on(app: App) -> None:
    erased(app)
    stock_up(app)
    now = app.clock().isoformat()
    tell_shopify(app, "orders/paid", bought(2, created_at=now, updated_at=now, customer=record(updated_at=now)))
    tell_shopify(app, "customers/update", record(id="5", email="ben.quibble@example.com", updated_at=now))
    assert {row["email"] for row in rows(app, recipients)} >= {EMAIL, "ben.quibble@example.com"}
    run_until(app, MONDAY + 20 * DAY)
    assert [mail.recipient for mail in outbox(app).messages] == [EMAIL]


def test_a_second_time_it_is_erased_as_the_first(small: App) -> None:
    erased(small)
    now = small.clock()
    tell_shopify(small, "orders/paid", bought(2, created_at=now.isoformat(), updated_at=now.isoformat()))
    assert named(small)
    erase(small, 954890)
    tell_shopify(small, "orders/updated", bought(2, created_at=now.isoformat(), updated_at=now.isoformat()))
    assert named(small) == set()


def test_another_shop_knows_the_same_person_as_before(small: App) -> None:
    erased(small)
    order(small, "1", {"id": "7", "email": EMAIL, "accepts_marketing": True})
    tell_shopify(small, "customers/update", record())
    assert [row["email"] for row in rows(small, recipients)][1:] == [EMAIL]
    assert [row["shop"] for row in rows(small, customers) if "erased" not in row["shop_customer_id"]] == ["generic"]


# ---------------------------------------------------------------- files

PEOPLE = "customer_id,email,first_name,accepts_marketing,consent_at\n"
ORDERS = "order_id,ordered_at,customer_id,email,sku,quantity,unit_price\n"


def loaded(app: App, file: Path, shop: str, at: datetime) -> None:
    people, past = file / "customers.csv", file / "orders.csv"
    people.write_text(f"{PEOPLE}4711-shopify,{EMAIL},Edaquibble,yes,{at.isoformat()}\n")
    past.write_text(f"{ORDERS}17,{at.isoformat()},4711-shopify,{EMAIL},BIKE,1,900\n")
    load_customers(app.db, people, app.clock(), app.address_hashes, shop=shop)
    load_orders(app.db, past, app.clock(), app.address_hashes, shop=shop)


def test_a_file_of_before_brings_nobody_of_the_shop_back(app: App, tmp_path: Path) -> None:
    erased(app)
    loaded(app, tmp_path, "shopify", MONDAY - DAY)
    assert named(app) == set()
    with app.db.read() as connection:
        kept = connection.execute(select(orders.c.recipient_id).where(orders.c.shop_order_id == "17")).scalars().all()
    assert kept == [None], "the order counts"


def test_nor_does_a_row_without_a_date(small: App, tmp_path: Path) -> None:
    erased(small)
    file = tmp_path / "customers.csv"
    file.write_text(f"{PEOPLE}4711-shopify,{EMAIL},Edaquibble,yes,\n")
    report = load_customers(small.db, file, small.clock(), small.address_hashes, shop="shopify")
    assert named(small) == set()
    assert (report.rows, report.added, report.unchanged, report.passed_over) == (1, 0, 0, 1)
    assert report.notes == (
        "this shop was erased since, and 1 row has no `consent_at` of after that: passed over; whoever buys there anew "
        "comes in by their order",
    )


@pytest.mark.parametrize(("shop", "at"), [("shopify", MONDAY + HOUR / 2), ("generic", MONDAY - DAY)])
def test_what_is_newer_or_of_another_shop_comes_in(small: App, tmp_path: Path, shop: str, at: datetime) -> None:
    erased(small)
    loaded(small, tmp_path, shop, at)
    assert EMAIL in {row["email"] for row in rows(small, recipients)}
    assert [row["shop_order_id"] for row in rows(small, orders) if row["recipient_id"]][-1] == "17"


# ---------------------------------------------------------------- at the same instant


def in_the_middle_of_taking_in(app: App, monkeypatch: pytest.MonkeyPatch, erase: Callable[[], object]) -> None:
    """A worker has looked up who is forgotten, and has not written what it takes in when somebody begins to forget."""
    forgetting = Thread(target=erase)

    def begun(*words: Any) -> None:
        if forgetting.ident is None:
            forgetting.start()
            while forgetting.is_alive() and not somebody_waits(app.db):
                forgetting.join(0.01)
        enroll(*words)

    monkeypatch.setattr(ingest, "enroll", begun)
    with app.inbox_db.write() as connection:
        connection.execute(insert(inbox), [in_inbox(app, "orders/create", bought())])
    take_in(app)
    forgetting.join()


def test_a_shop_is_erased_with_what_is_taken_in_this_moment(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_shopify(app, "shop/redact", {"shop_id": 954889, "shop_domain": "example.myshopify.com"})
    in_the_middle_of_taking_in(app, monkeypatch, lambda: carry_out(app))
    assert named(app) == set()


def test_a_person_is_erased_with_what_is_taken_in_this_moment(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whom nothing was known before, not even their customer's id."""
    in_the_middle_of_taking_in(app, monkeypatch, lambda: erase_person(app, EMAIL))
    assert named(app) == set()
