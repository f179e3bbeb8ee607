"""Group commit: many webhooks, one durable transaction, and an answer for everybody."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from aftercart.db import inbox
from aftercart.db.session import Database
from aftercart.web.inbox_writer import InboxWriter, NotStoredError
from tests.web.conftest import lock_held

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def a_row(key: str, **changes: Any) -> dict[str, Any]:
    row = {"shop": "generic", "delivery_key": key, "topic": "t", "body": b"{}", "headers": {}, "received_at": NOW}
    return row | changes


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'inbox.db'}")
    inbox.prepare(opened)
    yield opened
    opened.close()


@pytest.fixture
def nudged() -> threading.Semaphore:
    return threading.Semaphore(0)


@pytest.fixture
def writer(database: Database, nudged: threading.Semaphore) -> Iterator[InboxWriter]:
    started = InboxWriter(database, on_stored=nudged.release)
    started.start()
    yield started
    started.stop()


def stored_keys(database: Database) -> list[str]:
    with database.read() as connection:
        return [row["delivery_key"] for row in inbox.oldest(connection, 10_000)]


async def all_of(writer: InboxWriter, *rows: dict[str, Any]) -> list[BaseException | None]:
    return await asyncio.gather(*(writer.store(row) for row in rows), return_exceptions=True)


def test_who_has_an_answer_is_on_disk(database: Database, writer: InboxWriter) -> None:
    """Another connection sees the row at the instant at which `store` returns."""

    async def story() -> None:
        for number in range(20):
            await writer.store(a_row(str(number)))
            assert stored_keys(database)[-1] == str(number)

    asyncio.run(story())


def test_a_burst_shares_transactions(database: Database, writer: InboxWriter) -> None:
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    assert set(asyncio.run(all_of(writer, *(a_row(str(n)) for n in range(1000))))) == {None}
    assert len(stored_keys(database)) == 1000
    assert 4 <= len(commits) < 100


def test_a_worker_is_nudged_after_the_commit(writer: InboxWriter, nudged: threading.Semaphore) -> None:
    asyncio.run(writer.store(a_row("1")))
    assert nudged.acquire(timeout=30)


def test_a_nudge_that_takes_its_time_holds_nobody_up(database: Database) -> None:
    """A broker that is away takes seconds to say so; shops wait five."""
    broker_is_back = threading.Event()
    writer = InboxWriter(database, on_stored=lambda: broker_is_back.wait(timeout=60))
    writer.start()
    for number in range(3):
        asyncio.run(asyncio.wait_for(writer.store(a_row(str(number))), timeout=20))
    assert len(stored_keys(database)) == 3
    broker_is_back.set()
    writer.stop()


def test_a_nudge_that_fails_is_not_the_last(database: Database) -> None:
    nudges = threading.Semaphore(0)

    def fail() -> None:
        nudges.release()
        raise OSError("no broker")

    writer = InboxWriter(database, on_stored=fail)
    writer.start()
    for number in range(2):
        asyncio.run(writer.store(a_row(str(number))))
        assert nudges.acquire(timeout=30)
    writer.stop()


def test_a_full_disk_is_told_to_everybody_and_it_recovers(database: Database, writer: InboxWriter) -> None:
    with database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit = 20 + int(pages)

    @event.listens_for(database.engine, "begin")
    def _full(connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {limit}")

    heavy = [a_row(str(number), body=b"x" * 50_000) for number in range(20)]
    answers = asyncio.run(all_of(writer, *heavy))
    assert {type(answer) for answer in answers} <= {NotStoredError, type(None)}
    assert any(isinstance(answer, NotStoredError) for answer in answers)
    assert len(stored_keys(database)) == answers.count(None)
    limit = 1_000_000
    assert asyncio.run(all_of(writer, *heavy)) == [None] * 20
    assert len(stored_keys(database)) == 20


def test_one_row_that_cannot_be_written_leaves_its_group_alone(database: Database, writer: InboxWriter) -> None:
    """T07."""
    rows = [a_row("1"), a_row("2", topic=object()), a_row("3"), {"shop": "generic"}, a_row("5")]
    answers = asyncio.run(all_of(writer, *rows))
    assert [isinstance(answer, NotStoredError) for answer in answers] == [False, True, False, True, False]
    assert sorted(stored_keys(database)) == ["1", "3", "5"]
    asyncio.run(writer.store(a_row("6")))


def test_a_request_that_was_given_up_harms_nobody(database: Database, writer: InboxWriter) -> None:
    """Its future takes no result any more; the writer must outlive that."""

    async def story() -> None:
        with lock_held(database):
            first = asyncio.create_task(writer.store(a_row("first")))
            given_up = [asyncio.create_task(writer.store(a_row(f"given up {n}"))) for n in range(10)]
            await asyncio.sleep(0)
            for task in given_up:
                task.cancel()
            await asyncio.gather(*given_up, return_exceptions=True)
        await first
        await writer.store(a_row("after"))

    asyncio.run(story())
    assert stored_keys(database)[-1] == "after"


def test_stop_writes_what_waits_and_takes_no_more(database: Database) -> None:
    writer = InboxWriter(database, on_stored=lambda: None)
    writer.start()

    async def story() -> None:
        with lock_held(database):
            waiting = [asyncio.create_task(writer.store(a_row(str(n)))) for n in range(600)]
            await asyncio.sleep(0)
            stopping = asyncio.create_task(asyncio.to_thread(writer.stop))
            await asyncio.sleep(0.05)
        await asyncio.gather(*waiting)
        await stopping
        with pytest.raises(NotStoredError):
            await writer.store(a_row("late"))

    asyncio.run(story())
    assert len(stored_keys(database)) == 600


def test_who_would_wait_too_long_is_told_so_and_may_come_again(database: Database) -> None:
    writer = InboxWriter(database, on_stored=lambda: None, answer_within_s=0.1)
    writer.start()
    rows = [a_row(str(number)) for number in range(300)]  # more than a group: some are begun, the others still wait
    with lock_held(database):
        answers = asyncio.run(all_of(writer, *rows))
        assert {type(answer) for answer in answers} == {NotStoredError}
    writer.stop()
    again = InboxWriter(database, on_stored=lambda: None)
    again.start()
    assert set(asyncio.run(all_of(again, *rows))) == {None}
    again.stop()
    assert len(stored_keys(database)) == 300


def test_the_same_delivery_twice_in_a_group_is_one_row(database: Database, writer: InboxWriter) -> None:
    assert asyncio.run(all_of(writer, *[a_row("same")] * 32)) == [None] * 32
    assert stored_keys(database) == ["same"]
