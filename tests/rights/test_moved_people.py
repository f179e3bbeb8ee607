"""Somebody whose address at the shop changed is one person to whoever exports or forgets them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import events, order_notes, recipients, sends
from aftercart.pipeline import rights
from aftercart.pipeline.rights import carry_out
from aftercart.testing import engine, run_until
from tests.cast import ADA, CHIKA, DAY, MONDAY, Shop, campaign, fates, order, outbox, rows, tell, tell_shopify

NEW = "ada.new@example.com"


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    files = Shop(tmp_path).write(campaign()).files
    with engine(tmp_path / "data", SteppedClock(MONDAY), database_url=database_url, **files) as app:
        yield app


def moved(app: App) -> None:
    """Ada ordered by her old address and has a new one since."""
    order(app, "1", ADA)
    order(app, "7", CHIKA)
    tell(app, "customer.updated", {**ADA, "email": NEW})


@pytest.mark.parametrize("named", [NEW, ADA["email"]], ids=["new", "old"])
def test_both_addresses_are_forgotten_whichever_is_named(app: App, named: str) -> None:
    moved(app)
    erased = rights.erase(app, named)
    assert (erased.orders, erased.mails) == (1, 1)
    assert fates(app)[0] == ("canceled", "erased")
    assert {row["email"] for row in rows(app, recipients)}.isdisjoint({NEW, ADA["email"]})
    order(app, "2", {**ADA, "id": "other"})
    order(app, "3", {**ADA, "id": "another", "email": NEW})
    run_until(app, MONDAY + 20 * DAY)
    assert [message.recipient for message in outbox(app).messages] == [CHIKA["email"]]
    assert rights.erase(app, named).known  # by what they ordered since; an address that is gone is no name any more


def test_the_file_of_a_person_tells_of_both_addresses(app: App) -> None:
    moved(app)
    content = rights.export(app, NEW)
    assert content is not None
    assert content["addresses"] == [NEW, ADA["email"]]
    assert [row["shop_order_id"] for row in content["tables"]["orders"]] == ["1"]
    assert len(content["tables"]["sends"]) == len(content["tables"]["enrollments"]) == 1


def test_a_case_named_after_its_person_is_forgotten_with_them(app: App) -> None:
    order(app, "1", ADA)
    tell(app, "order.case_opened", {"order_id": "1", "case_id": f"mail from {ADA['email']}"})
    rights.erase(app, str(ADA["email"]))
    assert rows(app, order_notes) == []


# ---------------------------------------------------------------- a shop that leaves


def shopify_order(app: App, id_: int, email: str, customer_id: int = 7) -> None:
    who = {"id": customer_id, "email": email, "email_marketing_consent": {"state": "subscribed"}}
    line = {"id": 1, "sku": "BIKE", "title": "Bike", "quantity": 1, "price": "900.00"}
    at = app.clock().isoformat()
    body = {"id": id_, "email": email, "currency": "EUR", "total_price": "900.00", "financial_status": "paid"}
    tell_shopify(
        app, "orders/paid", {**body, "created_at": at, "updated_at": at, "customer": who, "line_items": [line]}
    )


def redact(app: App) -> None:
    tell_shopify(app, "shop/redact", {"shop_id": 954889, "shop_domain": "example.myshopify.com"})


def state_of_claim(app: App) -> str:
    (state,) = [row["state"] for row in rows(app, events) if row["topic"] == "shop/redact"]
    return str(state)


def test_a_person_whom_another_shop_knows_by_their_other_address_stays(app: App) -> None:
    order(app, "1", ADA)
    for address in ("ada.between@example.com", NEW):
        tell(app, "customer.updated", {**ADA, "email": address})
    shopify_order(app, 1, "ada.between@example.com")
    shopify_order(app, 2, "eda@example.com", customer_id=8)
    redact(app)
    carry_out(app)
    left = {row["email"] for row in rows(app, recipients) if not row["email"].startswith("erased:")}
    assert left == {ADA["email"], "ada.between@example.com", NEW}


def test_a_shop_is_not_forgotten_while_a_mail_of_its_people_is_on_its_way(app: App) -> None:
    shopify_order(app, 1, "eda@example.com")
    (mail,) = rows(app, sends)

    def becomes(state: str) -> None:
        with app.db.write() as connection:
            connection.execute(update(sends).where(sends.c.id == mail["id"]).values(state=state))

    becomes("sending")
    redact(app)
    assert carry_out(app) == 0
    assert state_of_claim(app) == "asked"
    assert [row["email"] for row in rows(app, recipients)] == ["eda@example.com"]
    becomes("sent")
    assert carry_out(app) == 1
    assert state_of_claim(app) == "processed"
    assert all(row["email"].startswith("erased:") for row in rows(app, recipients))
