"""What a real server's refusal makes of the people it was about, over the whole way from order to receipt."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import attempts, suppressions
from aftercart.delivery.base import Message
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.smtp.opening import Server
from aftercart.delivery.smtp.sender import SmtpSender
from aftercart.testing import engine, run_until
from tests.cast import ADA, BEN, DAY, HOUR, MONDAY, Shop, campaign, customer, fates, order, rows
from tests.smtp_server import OK, ScriptedServer

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)


@contextmanager
def engine_to(server: ScriptedServer, folder: Path, database_url: str, **options: Any) -> Iterator[App]:
    """An engine that hands its mails to the server."""
    shop = Shop(folder / "shop").write(campaign(quiet="null"))
    with closing(SmtpSender(Server("127.0.0.1", server.port), **options)) as sender:
        url = database_url
        with engine(folder, SteppedClock(MONDAY), sender, database_url=url, **shop.files) as app:
            yield app


@pytest.mark.parametrize(
    "words",
    [
        "550 relay not permitted",
        "550 192.0.2.1 listed at spamhaus, see http://www.spamhaus.org",
        "553 sorry, that domain isn't in my list of allowed rcpthosts",
        "550 Authentication required",
    ],
)
def test_a_relay_that_is_set_up_wrongly_loses_nobody(words: str, tmp_path: Path, database_url: str) -> None:
    """Whatever it says to every customer of the shop: once it is mended, each of them gets their mail."""
    people = 4
    with (
        ScriptedServer(rcpt=[words] * 2 * people + [OK]) as server,
        engine_to(server, tmp_path, database_url) as app,
    ):
        for number in range(people):
            order(app, str(number), customer(number))
        run_until(app, DUE)
        assert fates(app) == [("scheduled", "provider_deferred")] * people
        assert rows(app, suppressions) == []
        run_until(app, DUE + HOUR)
        assert fates(app) == [("sent", "sent")] * people
        assert len([body for body in server.bodies if body != b".\r\n"]) == people


def test_a_full_mailbox_costs_this_mail_and_not_the_next(tmp_path: Path, database_url: str) -> None:
    with ScriptedServer(rcpt=["550 Mailbox full", OK]) as server, engine_to(server, tmp_path, database_url) as app:
        order(app, "1", ADA)
        run_until(app, DUE)
        order(app, "2", ADA)
        run_until(app, DUE + 10 * DAY)
        assert fates(app) == [("failed", "provider_rejected"), ("sent", "sent")]
        assert rows(app, suppressions) == []


def test_who_is_not_there_any_more_is_suppressed_and_nobody_else(tmp_path: Path, database_url: str) -> None:
    not_ada = lambda said: "550 <ada@example.com>: user unknown" if "ada@" in said else OK  # noqa: E731
    with ScriptedServer(rcpt=not_ada) as server, engine_to(server, tmp_path, database_url) as app:
        order(app, "1", ADA)
        order(app, "2", {**BEN, "accepts_marketing": True})
        run_until(app, DUE)
        assert fates(app) == [("failed", "hard_bounce"), ("sent", "sent")]
        assert [row["email"] for row in rows(app, suppressions)] == ["ada@example.com"]


def test_a_mail_that_we_cannot_make_is_not_put_down_to_the_provider(tmp_path: Path, database_url: str) -> None:
    """It waits as one with a broken template does, and goes out once the fault is mended."""
    broken = True

    def encode(message: Message) -> bytes:
        if broken:
            raise ValueError("a header is not what it should be")
        return to_bytes(message)

    with ScriptedServer() as server, engine_to(server, tmp_path, database_url, encode=encode) as app:
        order(app, "1", ADA)
        run_until(app, DUE)
        assert fates(app) == [("scheduled", "provider_deferred")]
        assert rows(app, attempts)[0]["response"].startswith("cannot be made into a mail: ValueError: a header")
        broken = False
        run_until(app, DUE + HOUR)
        assert fates(app) == [("sent", "sent")]
