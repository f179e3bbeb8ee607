"""Clocks that are set, and limits that change: what senders may be given is soon right again, and mails go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.db.tables import sends
from aftercart.delivery.limits.breaker import Sign
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.testing import ListQueue, engine, run_due
from tests.cast import HOUR, MONDAY, Shop, campaign, clock_of, customer, fates, orders_of, rows
from tests.jumping_clock import JumpingClock
from tests.pipeline.sending.test_backlog import BUSY, MINUTE, SECOND, engine_to, fill
from tests.smtp_server import ScriptedServer

PEOPLE = 12


@contextmanager
def due_since_hours(folder: Path, database_url: str, server: ScriptedServer, senders: str) -> Iterator[App]:
    """Everybody's mail is due, and was so an hour ago."""
    files = Shop(folder / "shop").write(campaign(after="1h", at="null", quiet="null"), brand=f"senders: {senders}\n")
    url = f"smtp://127.0.0.1:{server.port}"
    clock = JumpingClock(MONDAY)
    with engine(folder, clock, database_url=database_url, sender_url=url, **files.files) as app:
        orders_of(app, map(customer, range(PEOPLE)))
        clock.jump_to(MONDAY + 4 * HOUR)
        yield app


def run(app: App, seconds: int) -> None:
    for _ in range(seconds):
        run_due(app)
        set_clock(app, app.clock() + SECOND)


def set_clock(app: App, instant: datetime) -> None:
    assert isinstance(app.clock, JumpingClock)
    app.clock.jump_to(instant)


def test_a_pace_goes_on_when_the_clock_is_set_back_an_hour(tmp_path: Path, database_url: str) -> None:
    with (
        ScriptedServer() as server,
        due_since_hours(tmp_path, database_url, server, "[{limits: [1 per second]}]") as app,
    ):
        run_due(app)
        assert len(server.bodies) == 1
        told_a_time = [row for row in rows(app, sends) if row["state"] == "scheduled" and row["wake_at"] > app.clock()]
        set_clock(app, app.clock() - HOUR)
        run_due(app)
        assert len(server.bodies) == 1, "it has left in this very second"
        run(app, 30)
        assert len(server.bodies) == PEOPLE - len(told_a_time) > 1
        set_clock(app, app.clock() + HOUR)
        run(app, 30)
        assert fates(app) == [("sent", "sent")] * PEOPLE


def test_an_hour_s_limit_lasts_an_hour_though_the_clock_is_set_back(tmp_path: Path, database_url: str) -> None:
    with (
        ScriptedServer() as server,
        due_since_hours(tmp_path, database_url, server, "[{limits: [3 per hour]}]") as app,
    ):
        run(app, 3)
        set_clock(app, app.clock() - HOUR)
        run(app, 3)
        assert len(server.bodies) == 3, "they count, whatever the clock says"
        set_clock(app, app.clock() + 62 * MINUTE)
        run(app, 3)
        assert len(server.bodies) == 6


def test_a_sender_out_of_order_is_tried_again_when_the_clock_is_set_back(tmp_path: Path, database_url: str) -> None:
    with ScriptedServer() as server, due_since_hours(tmp_path, database_url, server, "[]") as app:
        for _ in range(5):
            app.traffic.report(app.traffic.names[0], Sign.FAULT, BUSY)
        assert dispatch(app) == 0
        set_clock(app, app.clock() - HOUR)
        run(app, 30)
        assert fates(app) == [("sent", "sent")] * PEOPLE


def test_a_sender_with_a_limit_of_the_day_slows_no_pace_down(tmp_path: Path, database_url: str) -> None:
    """What is left of the first one's day goes at once, and the second one's pace is its own from then on."""
    limits = "[{name: 'smtp:127.0.0.1', limits: [50 per day]}, {name: 'smtp:127.0.0.1#2', limits: [1 per second]}]"
    with (
        ScriptedServer() as one,
        ScriptedServer() as two,
        engine_to(one, two, folder=tmp_path, database_url=database_url, senders=limits) as app,
    ):
        fill(app, 100)
        assert isinstance(app.queue, ListQueue)
        handed_out = []
        for _ in range(20):
            handed_out.append(dispatch(app))
            for _ in range(handed_out[-1]):
                app.traffic.take(app.traffic.names[0], "example.com")
            app.queue.published.clear()
            clock_of(app).step(SECOND)
        assert handed_out[0] == pytest.approx(50 + 4, abs=1)
        assert sum(handed_out[1:]) == pytest.approx(17, abs=2), "one each 1.1 seconds"
