"""An order becomes a mail, the mail a click, the click an order; and everything that may come in between."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import attributions, decisions, enrollments, links, picks, sends
from aftercart.reports.explain import explain
from aftercart.testing import engine, run_until
from tests.cast import (
    ADA,
    BIKE,
    DAY,
    HELMET,
    MONDAY,
    Shop,
    campaign,
    click,
    clock_of,
    fates,
    links_in,
    only_send,
    order,
    outbox,
    refund,
    rows,
    stock_up,
)


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    """The engine as it ships, without holdout, on each kind of database, in a shop with full shelves."""
    shop = Shop(tmp_path / "shop").write(campaign(template="accessories", caps="[1 per 1d, 3 per 30d]"))
    shipped = (Path(__file__).parents[2] / "campaigns" / "accessories.yaml").read_text(encoding="utf-8")
    (shop.folder / "campaigns" / "0.yaml").write_text(shipped.replace("holdout: 10%", "holdout: 0%"), encoding="utf-8")
    with engine(
        tmp_path,
        SteppedClock(MONDAY),
        database_url=database_url,
        campaigns_dir=shop.folder / "campaigns",
    ) as app:
        stock_up(app)
        yield app


def a_past(app: App) -> None:
    """What others bought, so that there is something to recommend."""
    baskets = (("BIKE", "LAMP", "LOCK"), ("BIKE", "LAMP", "PUMP"), ("HELMET", "GLOVES", "BELL"))
    for number, skus in enumerate(baskets):
        lines = [{"sku": sku, "title": sku.title(), "quantity": 1, "unit_price": "20"} for sku in skus]
        guest = {"email": f"past{number}@example.com", "accepts_marketing": False}
        order(app, f"past{number}", guest, lines)


def test_an_order_becomes_a_mail_a_click_and_a_credited_order(app: App) -> None:
    a_past(app)
    order(app, "1001", ADA)
    run_until(app, MONDAY + 4 * DAY)
    (mail,) = outbox(app).mails_to("ada@example.com")
    sent = next(row for row in rows(app, sends) if row["state"] == "sent")
    assert sent["sent_at"] == datetime(2026, 3, 5, 9, tzinfo=UTC)  # 10:00 in Paris, three days later
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.headers["List-Unsubscribe"].startswith("<https://mail.example.com/u/")
    offered = [row["sku"] for row in rows(app, picks) if row["send_id"] == sent["id"]]
    assert "LAMP" in offered
    assert "BIKE" not in offered
    assert links_in(mail)
    assert "https://www.example.com/LAMP" not in mail.html

    leads_to = click(app, mail)
    assert leads_to is not None
    assert leads_to.startswith("https://www.example.com")
    assert "utm_campaign=accessories" in leads_to
    clock_of(app).step(DAY)
    order(app, "1002", ADA, [HELMET])
    credit = only(rows(app, attributions))
    assert credit["send_id"] == sent["id"]
    assert (credit["amount_minor"], credit["currency"]) == (8000, "EUR")


def test_the_story_of_a_mail_can_be_told(app: App) -> None:
    a_past(app)
    order(app, "1001", ADA)
    run_until(app, MONDAY + 4 * DAY)
    with app.db.read() as connection:
        (story,) = explain(connection, "1001").orders
    assert [moment.kind for moment in story.moments][:3] == ["order", "event", "enroll"]
    assert any("because “Road bike” was bought" in moment.sentence for moment in story.moments)
    assert story.moments[-1].sentence == "Attempt 1 by recording: The mail was handed to the mail provider."


def test_a_product_that_was_sent_back_is_no_longer_written_about(app: App) -> None:
    a_past(app)
    order(app, "1001", ADA, [BIKE, HELMET])
    refund(app, "1001", "BIKE")
    run_until(app, MONDAY + 4 * DAY)
    (mail,) = outbox(app).mails_to("ada@example.com")
    assert "Helmet" in mail.text
    assert "Road bike" not in mail.text


def test_a_second_order_after_two_months_gets_its_own_mail(app: App) -> None:
    """T20: a repeat buyer gets the mail about each of their orders."""
    a_past(app)
    order(app, "1001", ADA)
    run_until(app, MONDAY + 61 * DAY)
    order(app, "1002", ADA, [HELMET])
    run_until(app, MONDAY + 65 * DAY)
    assert len(outbox(app).mails_to("ada@example.com")) == 2


@pytest.mark.parametrize("later", [timedelta(hours=25), timedelta(days=40)])
def test_the_same_webhook_much_later_starts_nothing(app: App, later: timedelta) -> None:
    """T44: no memory that expires stands between a repeated webhook and a second mail."""
    a_past(app)
    order(app, "1001", ADA, webhook_id="msg_same")
    order(app, "1002", ADA, [HELMET], webhook_id="msg_other")
    run_until(app, MONDAY + later)
    before = rows(app, sends)
    order(app, "1001", ADA, webhook_id="msg_same")
    order(app, "1001", ADA, webhook_id="msg_as_new")
    assert rows(app, sends) == before
    run_until(app, MONDAY + later + 10 * DAY)
    per_enrollment = select(func.count()).select_from(sends).group_by(sends.c.enrollment_id)
    with app.db.read() as connection:
        assert set(connection.execute(per_enrollment).scalars()) == {1}
    assert len(rows(app, enrollments)) == 5


def test_fewer_products_than_the_campaign_asks_for_make_no_mail(app: App) -> None:
    order(app, "1001", {**ADA, "id": "9"}, [{**BIKE, "sku": "NOBODY-KNOWS", "unit_price": "1.00"}])
    run_until(app, MONDAY + 4 * DAY)
    assert fates(app) == [("skipped", "no_picks")]
    assert outbox(app).messages == []
    assert rows(app, links) == []
    assert only_send(app)["counted_at"] is None
    assert [row["reason"] for row in rows(app, decisions)] == ["enrolled", "no_picks"]


def only(found: list[dict[str, object]]) -> dict[str, object]:
    (row,) = found
    return row
