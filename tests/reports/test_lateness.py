"""How late the engine is, and that it says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import decisions, sends
from aftercart.delivery.base import Outcome
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.reports.lateness import lateness
from aftercart.reports.status import numbers
from aftercart.testing import ListQueue, engine, run_due, run_until
from aftercart.web.readiness import Readiness
from tests.cast import ADA, HOUR, MONDAY, Shop, answer, campaign, clock_of, customer, fates, order, outbox, rows

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
    now = app.clock()
    with app.db.read() as connection:
        return lateness(connection, now, is_held_back=app.traffic.is_held_back(connection, now))


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


# ---------------------------------------------------------------- limits that the operator set


@contextmanager
def limited(folder: Path, database_url: str, limit: str, people: int = 4) -> Iterator[App]:
    """Mails wait for their turn, from the time on at which they were due."""
    brand = f"senders: [{{limits: [{limit}]}}]\n"
    shop = Shop(folder / "shop").write(campaign(quiet="null"), brand=brand)
    with engine(folder, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        for number in range(people):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        run_due(app)
        yield app


def test_what_waits_for_a_day_s_limit_is_not_late(tmp_path: Path, database_url: str) -> None:
    with limited(tmp_path, database_url, "1 per day") as app:
        assert fates(app).count(("scheduled", "provider_throttled")) == 3
        clock_of(app).step(HOUR)
        with capture_logs() as logged:
            run_due(app)
        assert [line for line in logged if line["event"] == "sends_late"] == []
        assert late(app) == ON_TIME
        assert "sends" not in Readiness(app).ask()


def test_nor_is_what_waits_for_a_pace_until_its_turn(tmp_path: Path, database_url: str) -> None:
    with limited(tmp_path, database_url, "1 per second", people=12) as app:
        waiting = {row["id"] for row in rows(app, sends) if row["reason"] == "provider_throttled"}
        turns = [row["until"] for row in rows(app, decisions) if row["send_id"] in waiting and row["stage"] == "sender"]
        clock_of(app).move_to(min(turns))
        assert late(app) == ON_TIME
        clock_of(app).step(HOUR)
        assert late(app) == HOUR, "its turn has come and gone, and nobody has handed it out"


def test_what_nobody_hands_out_once_the_limit_is_free_again_is_late_since_its_turn(
    tmp_path: Path, database_url: str
) -> None:
    with limited(tmp_path, database_url, "2 per day") as app:
        turns = [row["until"] for row in rows(app, decisions) if row["reason"] == "provider_throttled"]
        clock_of(app).move_to(min(turns) + 2 * HOUR)
        assert late(app) == 2 * HOUR
        dispatch(app)  # handed out, and nobody takes it
        assert late(app) == 2 * HOUR


def test_a_limit_that_others_used_up_again_makes_nothing_late(tmp_path: Path, database_url: str) -> None:
    """Campaigns take turns, so that the told instant of a long line may pass while the limit is used up."""
    with limited(tmp_path, database_url, "2 per day") as app:
        turns = [row["until"] for row in rows(app, decisions) if row["reason"] == "provider_throttled"]
        clock_of(app).move_to(max(turns) + HOUR)
        for _ in range(2):
            app.traffic.take(app.traffic.names[0], "example.com")
        assert late(app) == ON_TIME


def test_what_is_due_and_waits_for_no_limit_is_late_beside_what_does(tmp_path: Path, database_url: str) -> None:
    with limited(tmp_path, database_url, "1 per day") as app:
        order(app, "late", customer(9), placed_at=(MONDAY - HOUR).isoformat())
        clock_of(app).step(HOUR)
        assert late(app) == HOUR
        with app.db.read() as main, app.inbox_db.read() as inbox:
            assert numbers(main, inbox, app.clock(), is_held_back=True).lateness_s == HOUR.total_seconds()
