import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from freezegun import freeze_time

from aftercart.clock import SteppedClock, utc_now

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_the_machines_clock_is_aware_and_in_utc() -> None:
    with freeze_time("2026-03-02T13:00:00+01:00"):
        assert utc_now() == datetime(2026, 3, 2, 12, tzinfo=UTC)
        assert utc_now().tzinfo is UTC


def test_a_stepped_clock_stands_until_it_is_moved() -> None:
    clock = SteppedClock(START)
    assert clock() == clock() == START
    clock.step(timedelta(days=3))
    assert clock() == START + timedelta(days=3)


def test_it_never_goes_back() -> None:
    clock = SteppedClock(START)
    clock.move_to(START - timedelta(days=1))
    clock.step(timedelta(seconds=-5))
    assert clock() == START


def test_it_tells_utc_whatever_it_is_given() -> None:
    clock = SteppedClock(datetime(2026, 3, 2, 19, tzinfo=timezone(timedelta(hours=9))))
    assert clock() == START
    assert clock().tzinfo is UTC


def test_once_it_runs_it_goes_on_from_where_it_stands() -> None:
    clock = SteppedClock(START)
    with freeze_time() as machine:
        clock.run()
        machine.tick(timedelta(hours=1))
        assert clock() == START + timedelta(hours=1)
        clock.move_to(START + timedelta(days=1))
        machine.tick(timedelta(hours=1))
        assert clock() == START + timedelta(days=1, hours=1)


def test_it_does_not_go_back_when_it_is_told_to_run_again() -> None:
    clock = SteppedClock(START)
    with freeze_time() as machine:
        clock.run()
        machine.tick(timedelta(hours=1))
        clock.run()
        assert clock() == START + timedelta(hours=1)


def test_threads_that_step_it_lose_no_step() -> None:
    clock = SteppedClock(START)

    def step() -> None:
        for _ in range(500):
            clock.step(timedelta(seconds=1))

    threads = [threading.Thread(target=step) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock() == START + timedelta(seconds=2000)


@pytest.mark.parametrize("database", ["postgresql"])
def test_what_is_tested_on_postgresql_is_tested_on_a_machine_in_newfoundland(database: str) -> None:  # noqa: ARG001
    """T32: and on SQLite on the machine that there is, which CI sets to Kiritimati."""
    assert time.localtime(1_767_225_600).tm_gmtoff == -3.5 * 3600
