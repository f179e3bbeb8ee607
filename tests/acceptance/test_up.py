"""`aftercart up`: everything in one process, as a shop owner starts it."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep

import httpx
import psutil
import pytest

from aftercart import __version__
from tests.deployment import BIN, CAMPAIGN, UP, Deployment, Process, deployed
from tests.mail_sink import MailSink, mail_sink


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as open_sink:
        yield open_sink


@pytest.fixture
def shop(tmp_path: Path, sink: MailSink) -> Deployment:
    return deployed(tmp_path / "shop", sink.url)


def test_orders_become_mails_and_ctrl_c_ends_it_without_a_word(shop: Deployment, sink: MailSink) -> None:
    shop.forks, shop.env["PYTHONWARNINGS"] = False, "always"
    with shop.up() as process:
        shop.stock_the_shop()
        for number in range(20):
            assert shop.post(shop.order(f"{number}"), f"order-{number}") == 200
        sink.wait_for(20)
        assert process.stop(signal.SIGINT) == 0
    assert sink.addresses == {f"buyer{number}@example.com": 1 for number in range(20)}
    assert {send["state"] for send in shop.sends()} == {"sent", "skipped"}
    for event in process.events():
        assert event["level"] == "info", event
        assert "@" not in str(event)


KEY = "a-key-of-the-pages"


@pytest.mark.parametrize(("proxies", "second"), [("", 422), ("FORWARDED_ALLOW_IPS=192.0.2.1", 429)])
def test_the_proxies_that_are_believed_may_stand_in_the_settings_file(
    shop: Deployment, proxies: str, second: int
) -> None:
    """Only in the environment did the name do anything, and nobody was told."""
    settings = shop.folder / ".env"
    settings.write_text(f"{settings.read_text()}\nAFTERCART_API_KEYS={KEY}\nAFTERCART_API_PER_MINUTE=1\n{proxies}\n")
    with shop.up():
        visitors = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in (1, 2)]
        answers = [
            httpx.get(f"{shop.url}/api/recommendations?key={KEY}", headers=one, verify=False, timeout=30)
            for one in visitors
        ]
    assert [answer.status_code for answer in answers] == [422, second]


def test_it_rests_while_there_is_nothing_to_do(shop: Deployment) -> None:
    with shop.up() as process:
        watched = psutil.Process(process.popen.pid)
        deadline = monotonic() + 60
        while _cpu_used_in(2, watched) > 0.5:  # it is starting
            assert monotonic() < deadline, "it never comes to rest"
        assert process.stop(signal.SIGTERM) == 0


def _cpu_used_in(seconds: float, process: psutil.Process) -> float:
    before = process.cpu_times()
    sleep(seconds)
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system)


def test_sigterm_while_mails_leave_loses_and_doubles_none(tmp_path: Path) -> None:
    with mail_sink(answer_within_s=0.5) as sink:
        shop = deployed(tmp_path / "shop", sink.url)
        with shop.up() as process:
            shop.stock_the_shop()
            for number in range(40):
                shop.post(shop.order(f"{number}"), f"order-{number}")
            sink.wait_for(5)
            assert process.stop(signal.SIGTERM) == 0
        assert "Traceback" not in process.log
        assert {send["state"] for send in shop.sends()} <= {"sent", "skipped", "scheduled"}
        assert len(sink.envelopes) < 40  # the rest takes the sink some seconds
        with shop.up() as process:
            sink.wait_for(40, seconds=60)
            assert process.stop(signal.SIGTERM) == 0
        assert set(sink.addresses.values()) == {1}


def test_a_mail_server_that_stays_silent_holds_up_no_order_and_does_not_keep_it_alive(
    shop: Deployment, sink: MailSink
) -> None:
    """T04: the mail in doubt shows as unknown at the next start, and is not sent again."""
    shop.env["AFTERCART_WORKERS"] = "1"
    with shop.up() as process:
        shop.stock_the_shop()
        sink.silent.set()
        shop.post(shop.order("1"), "order-1")
        sink.wait_for(1)
        shop.post(shop.order("2"), "order-2")
        _wait_for_state(shop, "scheduled", process)
        assert process.stop(signal.SIGTERM) == 0
        assert "Traceback" not in process.log
    sink.silent.clear()
    with shop.up() as process:
        _wait_for_state(shop, "unknown", process)
        sink.wait_for(2)
        process.stop()
    assert sink.addresses == {"buyer1@example.com": 1, "buyer2@example.com": 1}


def test_sigterm_loses_no_click_that_was_answered(shop: Deployment, sink: MailSink) -> None:
    """Not even while somebody else writes to the database, and the clicks wait for that."""
    with shop.up() as process:
        shop.stock_the_shop()
        shop.post(shop.order("1"), "order-1")
        sink.wait_for(1)
        text = sink.mails()[0].get_body(["plain"])
        assert text is not None
        links = re.findall(r"http://\S+(/c/[\w.-]+)", text.get_content())
        assert links
        _wait_for_state(shop, "sent", process)
        with closing(sqlite3.connect(shop.folder / "data" / "aftercart.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for link in links * 5:
                assert httpx.head(f"{shop.url}{link}", timeout=30).status_code == 302
            process.popen.send_signal(signal.SIGTERM)
            assert not _answers(shop)
            other.execute("ROLLBACK")
            assert process.popen.wait(60) == 0
            assert other.execute("SELECT count(*) FROM clicks").fetchone() == (len(links) * 5,)
        assert "Traceback" not in process.log


def _answers(shop: Deployment) -> bool:
    """False once it listens no more."""
    for _ in range(600):
        try:
            httpx.get(f"{shop.url}/healthz", timeout=30)
        except httpx.TransportError:
            return False
        sleep(0.1)
    return True


IMPORTED = ("sqlalchemy.orm", "celery.app.base", "scipy.sparse", "workers.embedded")
"""Milestones on the way to the first request, in their order; the last before anything is opened."""


@pytest.mark.parametrize(
    ("milestone", "how"),
    [*zip(IMPORTED, 2 * (signal.SIGTERM, signal.SIGINT), strict=True), (IMPORTED[-1], signal.SIGTERM)],
)
def test_told_to_stop_while_it_starts_it_ends_without_a_word(
    shop: Deployment, milestone: str, how: signal.Signals
) -> None:
    shop.forks, shop.env["PYTHONPROFILEIMPORTTIME"] = False, "1"
    with shop.running(UP) as [process]:
        while not (reached := re.search(rf" {re.escape(milestone)}$", process.log, re.MULTILINE)):
            assert process.popen.poll() is None, process.log
            sleep(0.01)
        assert process.stop(how) == 0
    said = [line for line in process.log[reached.end() :].splitlines() if not line.startswith("import time:")]
    assert [line for line in said if '"serving"' not in line and line] == []


def test_people_at_a_terminal_are_told_what_runs(shop: Deployment) -> None:
    (shop.folder / "campaigns" / "later.yaml").write_text(
        CAMPAIGN.replace("accessories\nstatus: active", "later\nstatus: draft")
    )
    shop.env |= {
        "AFTERCART_SHOPIFY_SECRET": "shopify-client-secret",
        "AFTERCART_SENDER_URL": "smtp+starttls://ada:pass-word@mail.example.com:587",
        "AFTERCART_BASE_URL": "https://mail.example.com",
    }
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(BIN / UP[0]), *UP[1:]], cwd=shop.folder, env=shop.environment(), stderr=theirs
    ) as process:
        os.close(theirs)
        told = ""
        with suppress(OSError):  # nobody writes to it any more
            while read := os.read(ours, 4096).decode():
                told += read
                if "Ctrl-C" in told:
                    process.send_signal(signal.SIGINT)
    os.close(ours)
    assert process.returncode == 0, told
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert any(re.fullmatch(rf"Aftercart {__version__} on http://127\.0\.0\.1:[1-9]\d+", line) for line in lines)
    for line in (
        "public https://mail.example.com (AFTERCART_BASE_URL)",
        "webhooks POST /webhooks/generic",
        "POST /webhooks/shopify",
        "closed without a secret: woocommerce",
        "campaigns accessories (active), "
        + ", ".join(f"{name} (draft)" for name in ("later", "replenishment", "reviews", "thanks", "winback")),
        "mails smtp+starttls://mail.example.com:587",
    ):
        assert line in lines
    assert "pass-word" not in told
    assert "client-secret" not in told


def test_as_many_mails_are_under_way_at_once_as_there_are_workers(tmp_path: Path, sink: MailSink) -> None:
    """More than there are by default."""
    shop = deployed(tmp_path / "shop", sink.url, workers="6")
    with shop.up():
        shop.stock_the_shop()
        sink.silent.set()
        for number in range(6):
            shop.post(shop.order(f"{number}"), f"order-{number}")
            sink.wait_for(number + 1)
        sink.silent.clear()


def test_a_second_one_on_the_same_port_says_so(shop: Deployment, tmp_path: Path) -> None:
    other = deployed(tmp_path / "other", "console:")
    with shop.up():
        refused = other.run("up", "--port", str(shop.port))
    assert refused.returncode == 1
    assert refused.stderr == (
        f"aftercart: cannot listen on 127.0.0.1:{shop.port} (Address already in use): choose another with --port\n"
    )
    assert not (other.folder / "data").exists()


def test_a_second_one_in_the_same_folder_says_so(shop: Deployment) -> None:
    with shop.up() as process:
        refused = shop.run(*UP[1:])
        assert refused.returncode == 1
        assert f"process {process.popen.pid} already runs an engine in data" in refused.stderr
        assert "Traceback" not in refused.stderr


def _wait_for_state(shop: Deployment, state: str, process: Process) -> None:
    for _ in range(600):
        if state in {send["state"] for send in shop.sends()}:
            return
        sleep(0.1)
    raise AssertionError(f"no send became {state}:\n{process.log}")
