"""A shop that has just begun: ten orders, no model, and the next one gets a mail worth opening."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import picks, products
from aftercart.reports.earned.report import Served, report_on
from aftercart.reports.explain import explain
from aftercart.testing import engine, run_until
from tests.cast import ADA, BIKE, MONDAY, Shop, campaign, order, outbox, rows, tell

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
SOLD = {
    "BIKE": "Bikes", "TRAIL": "Bikes", "LAMP": "Lamps", "TORCH": "Lamps", "LOCK": "Locks", "CHAIN": "Locks",
    "MUG": "Gifts",
}  # fmt: skip
TEN = [("BIKE", "LAMP")] * 2 + [("TRAIL", "LOCK")] * 2 + [("TRAIL", "TORCH")] + [("MUG",)] * 4 + [("CHAIN",)]
"""Nobody bought a lock or a torch with Ada's bike, but with another one."""


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    offers = campaign().replace("template: plain", "recommend: {slots: 5}, template: plain")
    with engine(
        tmp_path, SteppedClock(MONDAY), database_url=database_url, **Shop(tmp_path / "shop").write(offers).files
    ) as app:
        for sku, category in SOLD.items():
            about = {"sku": sku, "title": sku.title(), "category": category, "price": "20", "currency": "EUR"}
            tell(app, "product.updated", {**about, "url": f"https://www.example.com/{sku}"})
        for number, skus in enumerate(TEN):
            lines = [{**BIKE, "sku": sku, "title": sku.title()} for sku in skus]
            order(app, f"past{number}", {"email": f"p{number}@example.com"}, lines)
        order(app, "1001", ADA)
        run_until(app, DUE)
        yield app


def test_the_eleventh_order_gets_what_goes_with_it_and_it_is_told_which_part_chose_what(app: App) -> None:
    (mail,) = outbox(app).mails_to("ada@example.com")
    assert mail.subject == "About order 1001"
    shown = {row["sku"]: (row["source"], row["because"]) for row in rows(app, picks)}
    assert next(iter(shown)) == "LAMP"
    assert shown == {
        "LAMP": ("bought_together", "BIKE"),
        "LOCK": ("category_best_sellers", "BIKE"),
        "TORCH": ("category_best_sellers", "BIKE"),
        "CHAIN": ("category_best_sellers", "BIKE"),
        "MUG": ("best_sellers", ""),
    }
    with app.db.read() as connection:
        (story,) = explain(connection, "1001").orders
        report = report_on(connection, "accessories", "EUR", app.clock())
    told = [moment.sentence for moment in story.moments if moment.kind == "pick"]
    assert told[0] == "Slot 1: “Lamp” because “Road bike” was bought (often bought together)."
    assert told[1].endswith("because “Road bike” was bought (a best seller of what goes with it).")
    assert told[-1] == "Slot 5: “Mug” (a best seller)."
    assert {one.source: one.picks for one in report.served} == {
        "category_best_sellers": 3, "bought_together": 1, "best_sellers": 1,
    }  # fmt: skip
    assert report.served[0] == Served("category_best_sellers", 3, 1)
    assert report.as_json()["served"][0]["picks"] == 3


def test_what_is_withdrawn_is_not_offered_by_any_part(app: App) -> None:
    for sku in ("LAMP", "LOCK", "MUG"):
        page = {"url": f"https://www.example.com/{sku}"}
        tell(app, "product.updated", {"sku": sku, "title": sku, "published": False, **page})
    order(app, "1002", {**ADA, "id": "2", "email": "bea@example.com"})
    run_until(app, DUE.replace(day=9))
    withdrawn = {row["sku"] for row in rows(app, products) if not row["published"]}
    later = [row["sku"] for row in rows(app, picks)][5:]
    assert later
    assert not withdrawn & set(later)
