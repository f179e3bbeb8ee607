"""Mailboxes at which the mail server breaks every connection: they must not look like a server that is down."""

from datetime import timedelta
from pathlib import Path

from aftercart.bootstrap import App
from aftercart.db.tables import sends
from aftercart.delivery.limits.breaker import FAULTS_TO_OPEN
from aftercart.delivery.smtp.sender import CONNECTIONS
from aftercart.testing import run_until
from tests.cast import HOUR, MONDAY, clock_of, customer, fates, order, rows
from tests.pipeline.sending.test_backlog import MINUTE, SECOND, engine_to, live
from tests.smtp_server import OK, Answer, Does, ScriptedServer

DUE = MONDAY + timedelta(days=3)
POISON = range(12)


def stumbles(said: str) -> Answer:
    """Over the first customers, for ever."""
    return Does.HANG_UP if any(f"<customer{number}@" in said for number in POISON) else OK


def orders(app: App, numbers: range) -> None:
    for number in numbers:
        order(app, str(number), customer(number))


def longest_wait(app: App) -> timedelta:
    """Of the mails that were sent, from the instant for which they were planned."""
    waits: list[timedelta] = [
        row["sent_at"] - row["created_at"] - timedelta(days=3) for row in rows(app, sends) if row["sent_at"]
    ]
    return max(waits)


def test_mailboxes_that_break_every_connection_hold_up_nobody_else(tmp_path: Path, database_url: str) -> None:
    with (
        ScriptedServer(rcpt=stumbles) as server,
        engine_to(server, folder=tmp_path, database_url=database_url, valid_for="30m", at="null") as app,
    ):
        orders(app, range(20))
        clock_of(app).step(5 * MINUTE)
        orders(app, range(20, 40))
        clock_of(app).move_to(DUE)
        live(app, 8 * MINUTE, 10 * SECOND)
        assert fates(app).count(("sent", "sent")) == 40 - len(POISON)
        assert longest_wait(app) < 2 * MINUTE
        run_until(app, DUE + HOUR)
        assert fates(app).count(("failed", "gave_up")) == len(POISON), "tried to the end, and told so"


def test_when_they_are_alone_the_next_good_mail_goes_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'aftercart.db'}"
    with (
        ScriptedServer(rcpt=stumbles) as server,
        engine_to(server, folder=tmp_path, database_url=url, valid_for="2h", at="null") as app,
    ):
        orders(app, range(12))
        clock_of(app).step(20 * MINUTE)
        orders(app, range(12, 13))
        run_until(app, DUE + 19 * MINUTE)
        live(app, 2 * MINUTE, 10 * SECOND)
        assert fates(app).count(("sent", "sent")) == 1
        assert longest_wait(app) <= 10 * SECOND


def test_a_server_that_stumbles_over_everybody_is_out_of_order(tmp_path: Path, database_url: str) -> None:
    ill = True
    with (
        ScriptedServer(rcpt=lambda _: Does.HANG_UP if ill else OK) as server,
        engine_to(server, folder=tmp_path, database_url=database_url, valid_for="2h", at="null") as app,
    ):
        orders(app, range(40))
        clock_of(app).move_to(DUE)
        live(app, 10 * SECOND)
        assert FAULTS_TO_OPEN <= server.connections <= FAULTS_TO_OPEN + CONNECTIONS
        assert ("scheduled", "provider_down") in fates(app)
        live(app, 40 * SECOND, 10 * SECOND)
        untried = [row for row in rows(app, sends) if not row["tries"]]
        assert len(untried) >= 10, "it is tried now and then, with a few mails"
        ill = False
        run_until(app, app.clock() + 20 * MINUTE)
        assert fates(app) == [("sent", "sent")] * 40
