"""What the doctor says of a fleet: a real Redis, a real worker, a real beat."""

import signal
from contextlib import closing
from pathlib import Path
from threading import Timer
from time import monotonic

import pytest
import redis

from aftercart.doctor.broker import ANSWER_WITHIN_S, LOOK_AGAIN_AFTER_S, check_broker
from aftercart.doctor.engine import check_engine
from aftercart.queue import open_queue
from aftercart.queue.probe import times_done
from tests.deployment import Deployment, deployed
from tests.ports import closed_port
from workers.embedded import LOCK_FILE, hold

WORKER = ["celery", "-A", "workers", "worker", "-P", "threads", "-c", "1"]


@pytest.fixture
def shop(tmp_path: Path, redis_url: str) -> Deployment:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return deployed(tmp_path / "shop", "console:", broker_url=redis_url)


def levels(url: str) -> dict[str, str]:
    return {one.check: one.level for one in check_broker(url)}


def test_a_broker_that_is_away_is_a_fault() -> None:
    with closed_port() as port:
        [found] = check_broker(f"redis://127.0.0.1:{port}/0")
    assert found.level == "fault"
    assert "refused" in found.found
    assert "start it" in found.do


def test_a_broker_that_does_not_take_our_password_says_so(redis_url: str) -> None:
    """It was said not to answer, and to be started."""
    with redis.Redis.from_url(redis_url) as client:
        client.acl_setuser("shop", enabled=True, passwords=["+right"], commands=["+@all"], keys=["*"], channels=["*"])
        [found] = check_broker(redis_url.replace("redis://", "redis://shop:wrong@"))
        client.acl_deluser("shop")
    assert found.level == "fault"
    assert "password" in found.found
    assert "wrong" not in found.found
    assert "AFTERCART_BROKER_URL" in found.do
    assert "start it" not in found.do


def test_a_fleet_without_workers_and_without_beat_is_told_what_it_lacks(shop: Deployment, redis_url: str) -> None:
    assert levels(redis_url) == {"broker": "fine", "workers": "fault"}
    with shop.running([*WORKER, "-Q", "ingest,deliver,housekeeping"]) as [process]:
        deadline = monotonic() + 60
        while (found := levels(redis_url))["workers"] == "fault":
            assert process.popen.poll() is None, process.log
            assert monotonic() < deadline, found
        assert found == {"broker": "fine", "workers": "warn", "beat": "fault"}, (
            "nobody trains, reads bounces or tells others, and there is no beat"
        )
        with shop.running(["celery", "-A", "workers", "beat"]) as [beat]:
            deadline = monotonic() + 60
            while levels(redis_url)["beat"] != "fine":
                assert beat.popen.poll() is None, beat.log
                assert monotonic() < deadline


def test_what_a_worker_had_done_before_is_not_taken_for_what_it_did_meanwhile(shop: Deployment, redis_url: str) -> None:
    """It was too busy to answer the first question, and had done it three times on the day before."""
    with shop.running([*WORKER, "-Q", "housekeeping"]) as [process], closing(open_queue(redis_url)) as queue:
        for _ in range(3):
            assert queue.publish("dispatch")
        deadline = monotonic() + 60
        while sum(times_done(redis_url, "dispatch", 1).values()) < 3:
            assert monotonic() < deadline, process.log
        findings = check_broker(redis_url)
        assert [next(findings).check for _ in range(2)] == ["broker", "workers"]
        process.popen.send_signal(signal.SIGSTOP)
        goes_on = Timer(ANSWER_WITHIN_S + LOOK_AGAIN_AFTER_S / 2, process.popen.send_signal, [signal.SIGCONT])
        goes_on.start()
        [beat] = findings
        goes_on.join()
    assert (beat.check, beat.level) == ("beat", "fault")


def test_a_redis_that_drops_messages_when_it_is_full_is_told(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        found = [one.found for one in check_broker(redis_url) if one.level == "warn"]
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "0")
    assert found == ["Redis drops messages when it is full (allkeys-lru)"]


def test_one_process_that_does_everything_is_known_by_its_lock(tmp_path: Path) -> None:
    [before] = check_engine(tmp_path / LOCK_FILE)
    with hold(tmp_path):
        [meanwhile] = check_engine(tmp_path / LOCK_FILE)
    [afterwards] = check_engine(tmp_path / LOCK_FILE)
    assert [one.level for one in (before, meanwhile, afterwards)] == ["warn", "fine", "warn"]
