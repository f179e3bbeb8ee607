"""How late the engine is, and that it says so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.delivery.base import Outcome
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.reports.lateness import lateness
from aftercart.testing import ListQueue, engine, run_due, run_until
from tests.cast import ADA, HOUR, MONDAY, Shop, answer, campaign, clock_of, customer, order, outbox

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ON_TIME = timedelta(0)


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null"))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        order(app, "1", ADA)
        yield app


def late(app: App) -> timedelta:
    with app.db.read() as connection:
        return lateness(connection, app.clock())


def test_what_waits_for_its_day_is_not_late(app: App) -> None:
    assert late(app) == ON_TIME
    clock_of(app).move_to(DUE)
    assert late(app) == ON_TIME


def test_what_nobody_hands_out_grows_late(app: App) -> None:
    clock_of(app).move_to(DUE + HOUR)
    assert late(app) == HOUR


def test_what_was_handed_out_and_not_taken_is_as_late(app: App) -> None:
    """No worker is free: the dispatcher has put the mail into a message, and into the next one a minute later."""
    clock_of(app).move_to(DUE)
    dispatch(app)
    clock_of(app).step(30 * timedelta(seconds=1))
    assert late(app) == timedelta(seconds=30)
    clock_of(app).move_to(DUE + HOUR)
    dispatch(app)
    assert late(app) == HOUR


def test_what_is_put_off_or_done_is_not_late(app: App) -> None:
    outbox(app).answers["ada@example.com"] = [answer(Outcome.DEFERRED, "452 later", code=452)]
    run_until(app, DUE)
    assert late(app) == ON_TIME
    run_until(app, DUE + HOUR)
    assert late(app) == ON_TIME


def test_mails_that_are_late_raise_an_alarm_once_a_minute(app: App) -> None:
    """T12: an engine that cannot keep up says so, in words that name the causes."""
    order(app, "2", customer(2))
    assert isinstance(app.queue, ListQueue)
    clock_of(app).move_to(DUE)
    with capture_logs() as logged:
        for _ in range(12 * 6 + 1):
            dispatch(app)
            clock_of(app).step(timedelta(seconds=10))
    alarms = [line for line in logged if line["event"] == "sends_late"]
    assert [line["minutes"] for line in alarms] == [10, 11, 12]
    assert alarms[0]["log_level"] == "error"
    run_due(app)
    with capture_logs() as logged:
        clock_of(app).step(MINUTE)
        dispatch(app)
    assert logged == []
