import threading
from datetime import UTC, datetime, timedelta, timezone

from aftercart.clock import SteppedClock, utc_now

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_the_machines_clock_is_aware_and_in_utc() -> None:
    before = datetime.now(UTC)
    now = utc_now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


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
    clock.run()
    first = clock()
    assert START <= first <= clock()
    clock.move_to(START + timedelta(days=1))
    assert START + timedelta(days=1) <= clock() < START + timedelta(days=1, hours=1)


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
