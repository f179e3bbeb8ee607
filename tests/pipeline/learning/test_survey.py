"""How recommendations fare, counted from mails that left."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import mailed_days, mailed_products
from aftercart.pipeline.learning.survey import survey
from aftercart.reports.recommending import Recommending, recommending
from aftercart.testing import engine, run_until
from tests.cast import ADA, BIKE, DAY, HELMET, MONDAY, Shop, campaign, clock_of, customer, order, rows, stock_up

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
UNKNOWN = {**BIKE, "sku": "GIFT", "title": "Gift"}


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    """Two mails have left: Ada's about a bike and a thing that is not in the catalog, another one about a helmet."""
    text = campaign().replace("template: plain", "recommend: {slots: 2}, template: plain")
    files = Shop(tmp_path / "shop").write(text).files
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **files) as app:
        stock_up(app, ("BIKE", "HELMET", "LAMP", "LOCK"))
        order(app, "past", {"email": "past@example.com"}, [BIKE, {**HELMET, "sku": "LAMP"}, {**HELMET, "sku": "LOCK"}])
        order(app, "1", ADA, [BIKE, UNKNOWN])
        order(app, "2", customer(2), [HELMET])
        run_until(app, DUE + timedelta(hours=1))
        yield app


def fares(app: App) -> Recommending:
    with app.db.read() as connection:
        return recommending(connection, app.clock())


def test_nothing_is_told_before_anything_was_counted(app: App) -> None:
    assert fares(app) == Recommending({}, None, None, None, None)


def test_mails_are_counted_by_who_chose_what_and_by_what_the_model_does_not_know(app: App) -> None:
    for _ in range(2):  # twice is once
        survey(app)
        found = fares(app)
        assert found.picks == {"bought_together": 2, "best_sellers": 2}
        assert (found.fallback_share, found.score_drift) == (1, None)
        assert found.coverage == 0.75, "Ada was shown lamp and lock, the other one the bike and one of them"
        assert found.unknown_share == pytest.approx(1 / 3)
    (day,) = rows(app, mailed_days)
    assert (day["day"], day["model"], day["mails"], day["anchors"]) == (date(2026, 3, 5), "fallback", 2, 3)


def test_what_campaigns_pin_is_counted_apart_from_what_fallbacks_chose(tmp_path: Path) -> None:
    text = campaign().replace("template: plain", "recommend: {slots: 2, pinned: [LOCK]}, template: plain")
    with engine(tmp_path, SteppedClock(MONDAY), **Shop(tmp_path / "shop").write(text).files) as app:
        stock_up(app, ("BIKE", "LAMP", "LOCK"))
        order(app, "past", {"email": "past@example.com"}, [BIKE, {**HELMET, "sku": "LAMP"}])
        order(app, "1", ADA, [BIKE])
        run_until(app, DUE + timedelta(hours=1))
        survey(app)
        assert fares(app).picks == {"pinned": 1, "bought_together": 1}
        assert fares(app).fallback_share == 1


def test_a_day_is_counted_late_and_counts_for_a_week(app: App) -> None:
    clock_of(app).step(6 * DAY)
    survey(app)
    assert fares(app).picks
    clock_of(app).step(2 * DAY)
    assert fares(app) == Recommending({}, None, None, None, None)
    clock_of(app).step(90 * DAY)
    survey(app)
    assert rows(app, mailed_days) == rows(app, mailed_products) == []
