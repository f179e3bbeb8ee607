"""What shops pass on: Shopify's mandatory webhooks, and the same on the generic door. And the file a person gets."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import customers, events, orders, recipients, sends, suppressions
from aftercart.intake.generic import Generic
from aftercart.pipeline import rights
from aftercart.pipeline.rights import carry_out
from aftercart.pipeline.upkeep.tidy import tidy
from aftercart.policy.store import suppress
from aftercart.policy.suppression import SuppressionReason
from aftercart.testing import engine, run_until
from tests.cast import (
    ADA,
    CHIKA,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    click,
    clock_of,
    fates,
    order,
    outbox,
    rows,
    stock_up,
    tell,
    tell_shopify,
)
from workers import tasks
from workers.app import celery

SHOP_DOMAIN = "example.myshopify.com"
EDA: dict[str, Any] = {"id": 191167, "email": "john@example.com", "phone": "555-625-1199"}
"""As in Shopify's own example."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    files = Shop(tmp_path).write(campaign()).files
    with engine(tmp_path / "data", clock=SteppedClock(MONDAY), **files) as app:
        yield app


def shopify_order(app: App, id_: int = 299938, **customer: Any) -> None:
    who = {**EDA, "first_name": "John", "email_marketing_consent": {"state": "subscribed"}, **customer}
    line = {"id": 1, "sku": "BIKE", "title": "Bike", "quantity": 1, "price": "900.00"}
    now = app.clock().isoformat()
    body = {"id": id_, "email": who["email"], "currency": "EUR", "total_price": "900.00", "financial_status": "paid"}
    tell_shopify(
        app, "orders/paid", {**body, "created_at": now, "updated_at": now, "customer": who, "line_items": [line]}
    )


def claimed(app: App, topic: str, **more: Any) -> None:
    tell_shopify(app, topic, {"shop_id": 954889, "shop_domain": SHOP_DOMAIN, **more})


def state_of(app: App, topic: str) -> tuple[str, str | None]:
    (found,) = [(row["state"], row["error"]) for row in rows(app, events) if row["topic"] == topic]
    return found


def test_a_customer_whom_shopify_redacts_is_erased_and_not_mailed(app: App) -> None:
    shopify_order(app)
    claimed(app, "customers/redact", customer=EDA, orders_to_redact=[299938])
    assert state_of(app, "customers/redact") == ("asked", None)
    assert carry_out(app) == 1
    assert carry_out(app) == 0
    assert state_of(app, "customers/redact") == ("processed", None)
    assert not any("john" in str(row).lower() or "191167" in str(row) for row in rows(app, events))
    assert all("john" not in row["email"] for row in rows(app, recipients))
    assert {row["reason"] for row in rows(app, suppressions)} == {"erased"}
    run_until(app, MONDAY + 20 * DAY)
    assert fates(app) == [("canceled", "erased")]


def test_a_webhook_that_stands_in_the_way_keeps_nobody_from_being_forgotten(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_: App) -> int:
        raise ValueError("a webhook that nobody thought of")

    shopify_order(app)
    claimed(app, "customers/redact", customer=EDA, orders_to_redact=[])
    monkeypatch.setitem(celery.__dict__, "engine", app)
    monkeypatch.setattr("aftercart.pipeline.incoming.ingest.take_in", stumble)
    with pytest.raises(ValueError, match="nobody thought of"):
        tasks.ingest()
    assert state_of(app, "customers/redact") == ("processed", None)


def test_nor_does_one_over_which_its_reader_falls(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise ValueError("a body that nobody thought of")

    tell(app, "order.completed", {"order_id": "1", "note": "for Johnny \u00fc"})
    shopify_order(app)
    monkeypatch.setattr(Generic, "parse", stumble)
    claimed(app, "customers/redact", customer=EDA, orders_to_redact=[])
    assert carry_out(app) == 1
    assert state_of(app, "customers/redact") == ("processed", None)


def test_a_customer_without_an_address_is_found_by_their_id(app: App) -> None:
    shopify_order(app)
    claimed(app, "customers/redact", customer={"id": 191167, "email": None}, orders_to_redact=[])
    carry_out(app)
    assert all("john" not in row["email"] for row in rows(app, recipients))
    assert all(row["shop_customer_id"] != "191167" for row in rows(app, customers))


def test_a_data_request_writes_the_file_and_says_where(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    shopify_order(app)
    claimed(app, "customers/data_request", customer=EDA, orders_requested=[299938], data_request={"id": 9999})
    carry_out(app)
    (file,) = (app.settings.data_dir / "exports").iterdir()
    assert str(file) in capsys.readouterr().out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "john" not in file.name
    content = json.loads(file.read_text())
    assert content["addresses"] == ["john@example.com"]
    assert [row["shop_order_id"] for row in content["tables"]["orders"]] == ["299938"]
    rights.erase(app, "john@example.com")
    assert list((app.settings.data_dir / "exports").iterdir()) == []


def test_a_shop_that_leaves_takes_its_people_with_it_and_nobody_elses(app: App) -> None:
    shopify_order(app)
    shopify_order(app, 299939, id=7, email="both@example.com")
    order(app, "1", CHIKA)
    order(app, "2", {**ADA, "id": "8", "email": "both@example.com"})
    with app.db.write() as connection:
        suppress(connection, ["john@example.com"], SuppressionReason.HARD_BOUNCE, "test", MONDAY)
    claimed(app, "shop/redact")
    carry_out(app)
    assert {row["email"] for row in rows(app, recipients) if not row["email"].startswith("erased:")} == {
        "chika@example.com",
        "both@example.com",
    }
    assert {row["shop_customer_id"] for row in rows(app, customers) if row["shop"] == "generic"} == {"3", "8"}
    assert all(
        row["shop_customer_id"].startswith("erased:") for row in rows(app, customers) if row["shop"] == "shopify"
    )
    assert all(row["body"] == b"" for row in rows(app, events) if row["shop"] == "shopify")
    assert all(row["body"] for row in rows(app, events) if row["shop"] == "generic")
    (kept,) = rows(app, suppressions)
    assert kept["reason"] == "hard_bounce"
    assert kept["email"] == app.address_hashes.of("john@example.com")
    assert len(rows(app, orders)) == 4
    assert {row["state"] for row in rows(app, sends)} == {"scheduled", "canceled"}


def test_where_several_shops_send_to_one_door_nothing_is_erased_and_somebody_is_told(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    shopify_order(app)
    tell_shopify(app, "shop/redact", {"shop_id": 1, "shop_domain": "other.myshopify.com"})
    carry_out(app)
    state, error = state_of(app, "shop/redact")
    assert (state, "by hand" in (error or "")) == ("failed", True)
    assert "shop_not_erased" in capsys.readouterr().out
    assert "john@example.com" in {row["email"] for row in rows(app, recipients)}


def test_a_file_that_cannot_be_written_is_told_and_holds_up_nobody(app: App) -> None:
    """T07"""
    shopify_order(app)
    (app.settings.data_dir / "exports").write_text("in the way")
    claimed(app, "customers/data_request", customer=EDA)
    claimed(app, "customers/redact", customer={"id": 1, "email": "other@example.com"})
    assert carry_out(app) == 2
    state, error = state_of(app, "customers/data_request")
    assert (state, "cannot be written" in (error or "")) == ("failed", True)
    assert state_of(app, "customers/redact") == ("processed", None)


@pytest.mark.parametrize("topic", ["customers/redact", "customers/data_request"])
def test_a_claim_of_nobody_is_kept_as_failed(app: App, topic: str) -> None:
    claimed(app, topic, customer={})
    assert state_of(app, topic) == ("failed", "customer.id: is missing, and so is email")
    assert carry_out(app) == 0


def test_the_generic_door_takes_the_same_wishes(app: App) -> None:
    order(app, "1", ADA)
    tell(app, "person.export", {"customer": {"email": ADA["email"]}})
    tell(app, "person.erase", {"customer": {"email": ADA["email"]}})
    assert carry_out(app) == 2
    assert list((app.settings.data_dir / "exports").iterdir()) == []
    assert all("ada@" not in row["email"] for row in rows(app, recipients))


# ---------------------------------------------------------------- the file


def test_the_file_of_a_person_holds_all_of_theirs_and_nothing_of_others(database_url: str, tmp_path: Path) -> None:
    files = Shop(tmp_path).write(campaign()).files
    with engine(tmp_path / "data", clock=SteppedClock(MONDAY), database_url=database_url, **files) as app:
        stock_up(app)
        order(app, "1", {**ADA, "consent": {"basis": "express", "wording": "Write to me", "ip": "192.0.2.7"}})
        order(app, "7", CHIKA)
        run_until(app, MONDAY + 3 * DAY + HOUR)
        click(app, outbox(app).mails_to("ada@example.com")[0])
        clock_of(app).step(HOUR)
        order(app, "2", ADA)
        run_until(app, MONDAY + 30 * DAY)
        before = rights.export(app, "ada@example.com")
        clock_of(app).step(900 * DAY)
        tidy(app)
        after = rights.export(app, "ada@example.com")
    assert before is not None
    tables = before["tables"]
    assert {name for name, of_table in tables.items() if of_table} >= {
        "recipients", "customers", "consents", "orders", "order_lines", "enrollments", "sends", "decisions", "attempts",
        "links", "clicks", "attributions", "events",
    }  # fmt: skip
    assert tables["consents"][0]["wording"] == "Write to me"
    assert all(json.loads(row["body"])["data"]["customer"]["email"] == "ada@example.com" for row in tables["events"])
    assert "chika" not in json.dumps(before).lower()
    assert "handed to the mail provider" in json.dumps(before["in_words"])
    assert after is not None
    assert tables.pop("copies")
    assert after["tables"].pop("copies") == []  # they go when their order is archived
    sorted_rows = {name: sorted(map(json.dumps, of_table)) for name, of_table in after["tables"].items()}
    assert sorted_rows == {name: sorted(map(json.dumps, of_table)) for name, of_table in tables.items()}


def test_of_somebody_unknown_there_is_no_file(app: App) -> None:
    assert rights.export(app, "nobody@example.com") is None
