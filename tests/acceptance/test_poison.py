"""What nobody should send us, and somebody will: a clear word about it, and everybody else gets through."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.tables import decisions, events, order_lines, orders
from aftercart.intake.signing import sign_generic
from aftercart.pipeline.incoming.ingest import accept, take_again, take_in
from aftercart.reports.explain import explain
from aftercart.testing import GENERIC_SECRET, engine, run_until
from tests.cast import (
    ADA,
    BIKE,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    customer,
    fates,
    order,
    outbox,
    rows,
    stock_up,
    tell_raw,
)

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    shop = Shop(tmp_path / "shop").write(campaign(valid_for="30m"))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        yield app


def body(type_: str = "order.completed", **changes: Any) -> bytes:
    """An order of a customer from the street; say what is to be different."""
    data = {"order_id": "poison", "placed_at": MONDAY.isoformat(), "currency": "EUR", "customer": customer(0)}
    return json.dumps({"type": type_, "data": {**data, "lines": [BIKE], **changes}}).encode()


def come_together(app: App, bodies: list[bytes]) -> None:
    """Webhooks that are taken in as one batch."""
    waiting = []
    for number, content in enumerate(bodies):
        headers = sign_generic(GENERIC_SECRET, f"msg_{number}", content, app.clock())
        waiting.append(accept(app.shops["generic"], headers, content, app.clock()) or {})
    with app.inbox_db.write() as connection:
        inbox.store(connection, waiting)
    take_in(app)


UNREADABLE = {
    "no UTF-8": (b'{"type": "order.completed", "data": {"order_id": "\xff"}}', "body"),
    "no JSON": (b"<order/>", "body"),
    "nothing": (b"", "body"),
    "a list": (b"[]", "body"),
    "nested too deeply": (b'{"type": "order.completed", "data": ' + b"[" * 100_000, "body"),
    "year 9999": (body(placed_at="9999-12-31T23:59:59Z"), "data.placed_at"),
    "no such date": (body(placed_at="2026-02-30T00:00:00Z"), "data.placed_at"),
    "more money than there is": (body(lines=[{**BIKE, "unit_price": "9" * 40}]), "data.lines[0].unit_price"),
    "no number": (body(lines=[{**BIKE, "quantity": "NaN"}]), "data.lines[0].quantity"),
    "an id without end": (body(order_id="x" * 5_000), "data.order_id"),
    "an unheard-of currency": (body(currency="BTC"), "data.currency"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_body_that_cannot_be_understood_is_kept_with_the_field_at_fault(app: App, kind: str) -> None:
    content, field = UNREADABLE[kind]
    come_together(app, [body(order_id="before"), content, body(order_id="after", customer=ADA)])
    poison = next(row for row in rows(app, events) if row["body"] == content)
    assert poison["state"] == "failed"
    assert (poison["error"] or "").startswith(f"{field}:")
    assert {row["shop_order_id"] for row in rows(app, orders)} == {"before", "after"}
    run_until(app, DUE)
    assert len(outbox(app).messages) == 2


def test_an_event_that_the_database_chokes_on_is_kept_and_the_others_get_through(app: App) -> None:
    """T06, T07: poison in the middle of a batch, found by nobody but the database."""
    with app.db.write() as connection:
        for statement in _refuses_poison(sqlite=app.db.is_sqlite):
            connection.exec_driver_sql(statement)
    come_together(app, [body(order_id=str(number)) for number in range(4)] + [body(), body(order_id="after")])
    failed = [row for row in rows(app, events) if row["state"] == "failed"]
    assert [row["shop_order_id"] for row in failed] == ["poison"]
    assert "too bitter" in failed[0]["error"]
    assert len(rows(app, orders)) == 5
    with app.inbox_db.read() as connection:
        assert inbox.waiting(connection) == 0
    with app.db.read() as connection:
        (told,) = explain(connection, "poison").events
    assert "too bitter" in told.facts["error"]


def test_a_failed_event_can_be_read_again_once_the_cause_is_gone(app: App) -> None:
    """Nothing that was accepted is lost: after the repair the order gets its mail, and later repeats change nothing."""
    with app.db.write() as connection:
        for statement in _refuses_poison(sqlite=app.db.is_sqlite):
            connection.exec_driver_sql(statement)
    come_together(app, [body(), b"<order/>"])
    assert take_again(app) == 2, "both are looked at, and both fail again"
    assert [row["state"] for row in rows(app, events)] == ["failed", "failed"]
    with app.db.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER bitter" + ("" if app.db.is_sqlite else " ON orders"))
    take_again(app)
    assert take_again(app) == 1, "what was understood is not read again"
    states = {row["shop_order_id"]: (row["state"], row["error"]) for row in rows(app, events)}
    assert states["poison"] == ("processed", None)
    assert states[None][0] == "failed"
    run_until(app, DUE)
    assert len(outbox(app).messages) == 1


def _refuses_poison(*, sqlite: bool) -> list[str]:
    """A rule of the database that no code of ours knows about."""
    if sqlite:
        return [
            "CREATE TRIGGER bitter BEFORE INSERT ON orders WHEN NEW.shop_order_id = 'poison' "
            "BEGIN SELECT RAISE(ABORT, 'too bitter'); END"
        ]
    return [
        "CREATE FUNCTION bitter() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'too bitter'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER bitter BEFORE INSERT ON orders FOR EACH ROW "
        "WHEN (NEW.shop_order_id = 'poison') EXECUTE FUNCTION bitter()",
    ]


def test_an_order_without_an_address_is_kept_and_says_why_it_gets_nothing(app: App) -> None:
    order(app, "1", {"id": "7", "first_name": "Nobody"})
    assert [(row["outcome"], row["reason"]) for row in rows(app, decisions)] == [("skip", "no_email")]
    assert fates(app) == []


def test_a_product_that_nobody_has_told_us_of_is_written_about_by_its_title(app: App) -> None:
    order(app, "1", ADA, [{**BIKE, "sku": "NEVER-SEEN", "title": "Unicycle"}])
    run_until(app, DUE)
    assert "Unicycle" in outbox(app).mails_to("ada@example.com")[0].text


def test_an_order_of_two_thousand_lines_becomes_one_mail(tmp_path: Path, database_url: str) -> None:
    """Every line is an anchor; no statement and no mail is too large for them."""
    step = "recommend: {slots: 4, at_least: 1, fallback: [best_sellers]}, template: plain"
    shop = Shop(tmp_path / "shop").write(campaign().replace("template: plain", step))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        stock_up(app)
        order(app, "past", {"email": "past@example.com"}, [{**BIKE, "sku": "LAMP"}])
        lines = [{"sku": f"SKU-{n}", "title": f"Thing {n}", "quantity": 1, "unit_price": "30.00"} for n in range(2_000)]
        order(app, "1", ADA, lines)
        assert len(rows(app, order_lines)) == 2_001
        run_until(app, DUE)
        (mail,) = outbox(app).messages
        assert "Thing 1999" in mail.text


def test_a_template_that_breaks_for_one_order_lets_the_others_go(tmp_path: Path, database_url: str) -> None:
    """T06, T07: the fault depends on the data, so no check beforehand could find it."""
    shop = Shop(tmp_path / "shop").write(campaign(valid_for="30m"))
    good = (shop.folder / "templates" / "plain" / "body.mjml").read_text()
    shop.template("plain", good.replace("Shop</a>", "Shop</a> {{ 1 // (order.lines[0].quantity - 1) }}"))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        for number in range(5):
            quantity = 1 if number == 0 else 3
            order(app, str(number), customer(number), [{**BIKE, "quantity": quantity}])
        run_until(app, DUE + HOUR)
        assert sorted(mail.recipient for mail in outbox(app).messages) == [
            f"customer{n}@example.com" for n in range(1, 5)
        ]
        assert sorted(fates(app)) == [("sent", "sent")] * 4 + [("skipped", "expired")]
        (why,) = [row["inputs"]["error"] for row in rows(app, decisions) if row["reason"] == "template_error"]
        assert "body.mjml" in why
        assert "division" in why


def test_the_same_poison_again_is_one_event(app: App) -> None:
    for _ in range(3):
        tell_raw(app, b"<order/>", webhook_id="msg_same")
    assert len(rows(app, events)) == 1
