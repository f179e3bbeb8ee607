"""What waits for a sender: nothing of it is lost, tried in vain, or asked again and again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import event

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import attempts, decisions, sends
from aftercart.delivery.limits.breaker import MAILS_TO_PROBE, Sign
from aftercart.ledger import store as ledger
from aftercart.pipeline.sending.dispatch import BATCH, dispatch
from aftercart.reports.explain import explain
from aftercart.testing import ListQueue, engine, run_due, run_until
from tests.cast import (
    ADA,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    clock_of,
    customer,
    fates,
    only_send,
    order,
    rows,
)
from tests.smtp_server import OK, ScriptedServer

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
BUSY = "421 4.3.2 too busy"


@contextmanager
def engine_to(
    *servers: ScriptedServer,
    folder: Path,
    database_url: str,
    senders: str = "",
    valid_for: str = "3d",
    at: str = '"10:00"',
    **changes: Any,
) -> Iterator[App]:
    """An engine that hands its mails to servers, within what `senders` of the brand file says."""
    shop = Shop(folder / "shop").write(
        campaign(quiet="null", valid_for=valid_for, at=at), brand=f"senders: {senders}\n" if senders else ""
    )
    urls = " ".join(f"smtp://127.0.0.1:{server.port}" for server in servers)
    settings = {"database_url": database_url, "sender_url": urls, **shop.files, **changes}
    with engine(folder, SteppedClock(MONDAY), **settings) as app:
        yield app


def live(app: App, span: timedelta, step: timedelta = SECOND) -> None:
    """Let the dispatcher and the workers run for a while, as beat would have them."""
    end = app.clock() + span
    while app.clock() < end:
        run_due(app)
        clock_of(app).step(step)


# ---------------------------------------------------------------- a provider that is out of order


def test_an_outage_costs_nobody_a_mail_and_few_an_attempt(tmp_path: Path, database_url: str) -> None:
    people, away = 30, True
    with (
        ScriptedServer(connect=lambda _: BUSY if away else OK) as server,
        engine_to(server, folder=tmp_path, database_url=database_url) as app,
    ):
        for number in range(people):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        live(app, 10 * MINUTE, 10 * SECOND)
        assert server.bodies == []
        assert {state for state, _ in fates(app)} == {"scheduled"}
        assert ("scheduled", "provider_down") in fates(app)
        assert server.connections < 15, "it is tried now and then, not each second"
        assert sum(row["tries"] for row in rows(app, sends)) == server.connections, "who was not offered lost no try"
        away = False
        live(app, 10 * MINUTE, MINUTE)
        run_until(app, DUE + 5 * HOUR)
        assert fates(app) == [("sent", "sent")] * people
        assert len(server.bodies) == people


def test_what_waits_for_a_provider_tells_why_and_goes_when_it_is_back(tmp_path: Path, database_url: str) -> None:
    away = True
    with (
        ScriptedServer(connect=lambda _: BUSY if away else OK) as server,
        engine_to(server, folder=tmp_path, database_url=database_url) as app,
    ):
        for number in range(8):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        live(app, 2 * MINUTE, 5 * SECOND)
        held = next(row for row in rows(app, decisions) if row["stage"] == "sender")
        assert (held["outcome"], held["reason"]) == ("defer", "provider_down")
        assert held["until"] > DUE
        assert "smtp:127.0.0.1" in str(held["inputs"])
        assert BUSY in str(rows(app, decisions))


def test_the_second_sender_takes_over_and_the_attempt_names_it(tmp_path: Path, database_url: str) -> None:
    with (
        ScriptedServer(connect=BUSY) as one,
        ScriptedServer() as two,
        engine_to(one, two, folder=tmp_path, database_url=database_url) as app,
    ):
        for number in range(3):
            order(app, str(number), customer(number))
        run_until(app, DUE)
        assert fates(app) == [("sent", "sent")] * 3
        assert {row["provider"] for row in rows(app, attempts)} == {"smtp:127.0.0.1#2"}
        assert (len(one.bodies), len(two.bodies)) == (0, 3)


def test_a_mail_that_expires_while_it_waits_ends_with_its_reason(tmp_path: Path, database_url: str) -> None:
    with (
        ScriptedServer(connect=BUSY) as server,
        engine_to(server, folder=tmp_path, database_url=database_url, valid_for="1h") as app,
    ):
        for number in range(8):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        live(app, 62 * MINUTE, 2 * MINUTE)
        assert {state for state, _ in fates(app)} <= {"skipped", "failed"}
        assert ("skipped", "expired") in fates(app)


# ---------------------------------------------------------------- limits


def test_what_is_above_the_limit_waits_its_turn_without_an_attempt(tmp_path: Path, database_url: str) -> None:
    people = 12
    with (
        ScriptedServer() as server,
        engine_to(server, folder=tmp_path, database_url=database_url, senders="[{limits: [5 per hour]}]") as app,
    ):
        for number in range(people):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        live(app, 5 * SECOND)
        assert len(server.bodies) == 5
        waiting = [row for row in rows(app, sends) if row["state"] == "scheduled"]
        assert {row["reason"] for row in waiting} == {"provider_throttled"}
        assert [(row["attempt"], row["tries"]) for row in waiting] == [(0, 0)] * 7, "neither claimed nor tried"
        told = [row for row in rows(app, decisions) if row["reason"] == "provider_throttled"]
        assert len(told) == 7
        assert all(row["until"] > app.clock() for row in told)
        live(app, 3 * HOUR, 15 * MINUTE)
        assert fates(app) == [("sent", "sent")] * people
        at = [row["started_at"] for row in rows(app, attempts)]
        assert len(at) == people
        assert all(sum(first <= other < first + HOUR for other in at) <= 5 for first in at)


def test_an_engine_in_a_test_lives_through_a_wait(tmp_path: Path, database_url: str) -> None:
    with (
        ScriptedServer() as server,
        engine_to(server, folder=tmp_path, database_url=database_url, senders="[{limits: [1 per second]}]") as app,
    ):
        for number in range(9):
            order(app, str(number), customer(number))
        run_until(app, DUE)
        assert ("scheduled", "provider_throttled") in fates(app)
        run_until(app, DUE + 30 * SECOND)
        assert fates(app) == [("sent", "sent")] * 9


def test_explain_says_that_a_mail_waits_for_the_provider(tmp_path: Path, database_url: str) -> None:
    with (
        ScriptedServer() as server,
        engine_to(server, folder=tmp_path, database_url=database_url, senders="[{limits: [1 per day]}]") as app,
    ):
        order(app, "1", ADA)
        order(app, "2", customer(2))
        clock_of(app).move_to(DUE)
        live(app, 2 * SECOND)
        (waiting,) = (row for row in rows(app, sends) if row["state"] == "scheduled")
        with app.db.read() as connection:
            told = str(explain(connection, str(waiting["id"])))
        assert "provider_throttled" in told
        assert "1 per day" in told


def test_a_mail_that_is_planned_late_is_told_that_it_waits(tmp_path: Path, database_url: str) -> None:
    """It falls due behind those that were told already. Every decision is kept and can be read back."""
    with (
        ScriptedServer() as server,
        engine_to(server, folder=tmp_path, database_url=database_url, senders="[{limits: [1 per day]}]") as app,
    ):
        for number in range(3):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        live(app, 5 * SECOND)
        order(app, "late", customer(9), placed_at=(MONDAY - DAY).isoformat())
        live(app, 2 * MINUTE, 10 * SECOND)
        assert fates(app).count(("scheduled", "provider_throttled")) == 3
        told = [row["send_id"] for row in rows(app, decisions) if row["reason"] == "provider_throttled"]
        assert len(told) == len(set(told)) == 3


def test_a_limit_that_is_raised_is_felt_within_seconds(tmp_path: Path) -> None:
    """T46: nothing is lost when settings change in the middle."""
    url = f"sqlite:///{tmp_path / 'aftercart.db'}"
    with (
        ScriptedServer() as server,
        engine_to(server, folder=tmp_path, database_url=url, senders="[{limits: [2 per day]}]") as app,
    ):
        for number in range(6):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        live(app, 3 * SECOND)
        assert len(server.bodies) == 2
        Shop(tmp_path / "shop").write(campaign(quiet="null"), brand="senders: [{limits: [100 per day]}]\n")
        deadline = monotonic() + 60
        while fates(app) != [("sent", "sent")] * 6 and monotonic() < deadline:
            sleep(0.2)  # files are looked at by the machine's clock
            run_due(app)
        assert fates(app) == [("sent", "sent")] * 6


def test_a_new_domain_sends_little_on_its_first_day(tmp_path: Path, database_url: str) -> None:
    plan = "[{warm_up: {since: 2026-03-05, per_day: [2, 4]}}]"
    with (
        ScriptedServer() as server,
        engine_to(server, folder=tmp_path, database_url=database_url, senders=plan) as app,
    ):
        for number in range(8):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        live(app, 12 * HOUR, HOUR)
        assert len(server.bodies) == 2
        live(app, 40 * HOUR, 2 * HOUR)
        assert fates(app) == [("sent", "sent")] * 8


def test_one_domain_s_mail_waits_and_the_others_go(tmp_path: Path, database_url: str) -> None:
    slowly = "[{mailboxes: [{domains: [gmail.com], limits: [2 per hour]}]}]"
    with (
        ScriptedServer() as server,
        engine_to(server, folder=tmp_path, database_url=database_url, senders=slowly) as app,
    ):
        for number in range(5):
            order(app, f"g{number}", customer(number, email=f"g{number}@gmail.com"))
            order(app, f"e{number}", customer(number + 10))
        clock_of(app).move_to(DUE)
        live(app, 5 * SECOND)
        assert len(server.bodies) == 5 + 2
        waiting = [row for row in rows(app, sends) if row["state"] == "scheduled"]
        assert {row["reason"] for row in waiting} == {"provider_throttled"}
        assert {row["tries"] for row in waiting} == {0}
        assert len(rows(app, attempts)) == 7
        live(app, 3 * HOUR, 15 * MINUTE)
        assert fates(app) == [("sent", "sent")] * 10


# ---------------------------------------------------------------- a backlog that is due at once


BACKLOG = 2_500


def fill(app: App, count: int) -> None:
    """So many sends are due now; they need no more than a row for what is asked here."""
    order(app, "1", ADA)
    now = app.clock()
    pattern = only_send(app)
    from aftercart.ids import new_id

    changes = {"due_at": now, "wake_at": now, "valid_until": now + 3 * DAY}
    many = [{**pattern, **changes, "id": new_id(), "step": str(number)} for number in range(count)]
    with app.db.write() as connection:
        connection.execute(sends.insert(), many)


def test_a_backlog_is_handed_out_at_the_sender_s_pace_and_each_send_is_touched_once(
    tmp_path: Path, database_url: str
) -> None:
    with (
        ScriptedServer() as server,
        engine_to(server, folder=tmp_path, database_url=database_url, senders="[{limits: [20 per second]}]") as app,
    ):
        fill(app, BACKLOG)
        handed_out, written = [], 0
        assert isinstance(app.queue, ListQueue)

        def count(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
            nonlocal written
            if statement.startswith("UPDATE sends SET reason"):
                written += len(parameters) if many else 1

        event.listen(app.db.engine, "before_cursor_execute", count)
        for _ in range(60):
            handed_out.append(dispatch(app))
            app.queue.published.clear()
            clock_of(app).step(SECOND)
        assert handed_out[0] == pytest.approx(5 * 20 / 1.1, abs=2), "some seconds' work"
        assert sum(handed_out) == pytest.approx(65 * 20 / 1.1, abs=25)
        assert max(handed_out[1:]) <= BATCH
        told = [row["send_id"] for row in rows(app, decisions) if row["reason"] == "provider_throttled"]
        assert written == len(told) == len(set(told)), "each was told once that it waits"
        assert written == pytest.approx(BACKLOG, abs=250), "but for those that went before it came to them"
        with app.db.read() as connection:
            assert ledger.next_wake(connection) == MONDAY, "it kept its place in the line"


def test_a_backlog_of_a_provider_that_is_down_is_not_asked_each_second(tmp_path: Path, database_url: str) -> None:
    with ScriptedServer(connect=BUSY) as server, engine_to(server, folder=tmp_path, database_url=database_url) as app:
        fill(app, 300)
        sender = app.traffic.names[0]
        for _ in range(5):
            app.traffic.report(sender, Sign.FAULT, BUSY)
        assert [dispatch(app) for _ in range(5)] == [0] * 5
        assert {reason for _, reason in fates(app)} - {None} == {"provider_down"}
        clock_of(app).step(15 * SECOND)
        assert dispatch(app) == MAILS_TO_PROBE, "some mails to try it with, one after the other"
