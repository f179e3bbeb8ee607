"""What a batch costs the database: a number of statements that depends neither on its size nor on who else waits."""

import gc
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import _lru_cache_wrapper
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from weakref import ReferenceType

import psutil
import pytest
from sqlalchemy import func, insert, select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.session import Database
from aftercart.db.tables import enrollments, orders, recipients, sends
from aftercart.ids import new_id
from aftercart.intake.signing import sign_generic
from aftercart.pipeline.incoming.ingest import accept, take_in
from aftercart.pipeline.sending.dispatch import MOST_WAITING, dispatch
from aftercart.pipeline.sending.send import deliver
from aftercart.testing import GENERIC_SECRET, ListQueue, engine, run_until
from tests.cast import (
    BIKE,
    DAY,
    MONDAY,
    Shop,
    Statements,
    campaign,
    clock_of,
    customer,
    order,
    outbox,
    rows,
    stock_up,
)
from tests.forked import FORKED

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    step = "recommend: {slots: 2, at_least: 1, fallback: [best_sellers]}, template: plain"
    return Shop(tmp_path / "shop").write(campaign(holdout="50%", caps="[1 per 1d]").replace("template: plain", step))


@pytest.fixture
def app(tmp_path: Path, shop: Shop, database_url: str) -> Iterator[App]:
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        yield app


def orders_come(app: App, numbers: range) -> None:
    """Orders of so many people in the inbox, not worked through yet."""
    waiting = []
    for number in numbers:
        data = {"order_id": str(number), "placed_at": app.clock().isoformat(), "currency": "EUR", "lines": [BIKE]}
        body = json.dumps({"type": "order.completed", "data": {**data, "customer": customer(number)}}).encode()
        headers = sign_generic(GENERIC_SECRET, f"msg_{number}", body, app.clock())
        waiting.append(accept(app.shops["generic"], headers, body, app.clock()) or {})
    with app.inbox_db.write() as connection:
        inbox.store(connection, waiting)


def shelves(app: App) -> None:
    """Something to offer."""
    stock_up(app)
    for sku in ("LAMP", "LOCK"):
        order(app, f"past-{sku}", {"email": "past@example.com"}, [{**BIKE, "sku": sku}])


# ---------------------------------------------------------------- statements


def test_taking_in_two_hundred_orders_takes_as_many_statements_as_ten(app: App) -> None:
    orders_come(app, range(5))  # makes the recipients' table warm: what a first batch does once is not counted
    take_in(app)
    counts = []
    for numbers in (range(100, 110), range(200, 400)):
        orders_come(app, numbers)
        with Statements(app.db) as executed:
            take_in(app)
        counts.append(len(executed))
    assert counts[0] == counts[1]
    assert len(rows(app, sends)) == 215


def of_marks(executed: Statements) -> list[str]:
    """The statements of the hand-over: from the first mark on."""
    texts = list(executed)
    begun = next(i for i, text in enumerate(texts) if "INTO attempts" in text)
    return texts[begun:]


def test_delivering_a_hundred_takes_as_many_statements_as_ten_up_to_the_marks(app: App) -> None:
    shelves(app)
    orders_come(app, range(110))
    take_in(app)
    clock_of(app).move_to(DUE)
    in_turn = sorted(rows(app, sends), key=lambda row: row["recipient_id"])
    ids = [row["id"] for row in in_turn if row["recipient_id"] > 1]  # the first one has no consent
    deliver(app, ids[:1])  # what the first mail of a process does once is not counted
    before, marks = [], []
    for batch in (ids[1:11], ids[11:]):
        left = len(outbox(app).messages)
        with Statements(app.db) as executed:
            deliver(app, batch)
        mailed = len(outbox(app).messages) - left
        assert 0 < mailed < len(batch)  # some are in the holdout
        before.append(len(executed) - len(of_marks(executed)))
        marks.append(len(of_marks(executed)) / mailed)
    # A batch in which nobody is held out, or nobody needs a fallback, does without those few statements; one statement
    # more for each send would be ninety.
    assert abs(before[1] - before[0]) <= 6
    assert marks[0] < 8
    assert marks[1] <= marks[0] + 1, "once a second it is looked whether the sender works, and a machine may be slow"


# ---------------------------------------------------------------- rows that wait


def many_waiting(database: Database, count: int) -> None:
    """Scheduled sends of next year, each of another person."""
    later = MONDAY + 365 * DAY
    with database.write() as connection:
        person = {"first_name": "", "locale": "", "time_zone": "", "country": "", "created_at": MONDAY}
        who = insert(recipients).returning(recipients.c.id)
        recipient_id = connection.execute(who, {"email": "later@example.com", **person}).scalar_one()
        bought = {"shop": "generic", "state": "completed", "currency": "EUR", "total_minor": 1, "placed_at": MONDAY}
        bought |= {"recipient_id": recipient_id, "source_updated_at": MONDAY, "imported": False}
        row = {**bought, "shop_order_id": "later", "country": "", "region": ""}
        order_id = connection.execute(insert(orders).returning(orders.c.id), row).scalar_one()
        about = {"order_id": order_id, "recipient_id": recipient_id, "created_at": MONDAY}
        planned = {"step": "complements", "config_version": "v", "state": "scheduled", "priority": 50}
        planned |= {"due_at": later, "wake_at": later, "valid_until": later + DAY, "attempt": 0, "tries": 0}
        run = {**about, "campaign_version": "v", "state": "active"}
        connection.execute(insert(enrollments), [{**run, "campaign": f"c{n}"} for n in range(count)])
        ids = connection.execute(
            select(enrollments.c.id, enrollments.c.campaign).where(enrollments.c.order_id == order_id)
        )
        many = [{**about, **planned, "id": new_id(), "enrollment_id": id_, "campaign": name} for id_, name in ids]
        connection.execute(insert(sends), many)


def plan_of(app: App, text: str, parameters: Any) -> str:
    explain = "EXPLAIN QUERY PLAN " if app.db.is_sqlite else "EXPLAIN "
    with app.db.read() as connection:
        return "\n".join(str(row) for row in connection.exec_driver_sql(explain + text, parameters))


def test_looking_for_due_sends_costs_the_same_whoever_waits(app: App) -> None:
    """Twenty thousand mails of next year cost the dispatcher nothing: it reads the index of what must wake."""
    orders_come(app, range(10))
    take_in(app)
    with Statements(app.db) as among_few:
        dispatch(app)
    many_waiting(app.db, 20_000)
    if not app.db.is_sqlite:
        with app.db.write() as connection:
            connection.exec_driver_sql("ANALYZE sends")
    clock_of(app).move_to(DUE)
    with Statements(app.db) as among_many:
        assert dispatch(app) == 10
    assert len(among_many) <= len(among_few) + 1  # the mark that they were handed out
    served_by = {
        "SELECT sends.id": "ix_sends_turn",
        "RECURSIVE": "ix_sends_turn",
        "lease_until <=": "ix_sends_lease",
        "SELECT sends.due_at": "ix_sends_wake",  # whether any is late
    }
    for condition, index in served_by.items():
        text, parameters = next(call for call in among_many.calls if condition in call[0])
        assert index in plan_of(app, text, parameters)
    run_until(app, DUE)
    with Statements(app.db) as asked:
        run_until(app, DUE + timedelta(minutes=1))
    text, parameters = next(call for call in asked.calls if "min(sends.wake_at)" in call[0])
    assert "ix_sends_wake" in plan_of(app, text, parameters)


# ---------------------------------------------------------------- a day's work


class CrowdedQueue(ListQueue):
    """There is room for one message beside those of others: each pass hands out only some of what is due."""

    def waiting(self, task: str) -> int:
        return super().waiting(task) + MOST_WAITING - 1


def test_a_thousand_orders_are_a_thousand_decisions(tmp_path: Path) -> None:
    """T09, T10, T13: each order ends as a send with a last state, paging loses none, memory stays flat. In a process
    of its own: what other tests have left behind holds things, too."""
    with ProcessPoolExecutor(1, mp_context=FORKED) as process:
        states, mailed, held = process.submit(a_thousand_orders, tmp_path).result()
    assert states == [("sent", 1_000)]
    assert mailed == 1_000
    # An object that is kept for each send would be 250 of them in every quarter, and ten kilobytes 2.5 MB; a module
    # that is imported meanwhile weighs on one quarter alone.
    quarters = list(pairwise(held))[1:]
    assert min(after.objects - before.objects for before, after in quarters) < 100
    assert min(after.size - before.size for before, after in quarters) < 1_250_000


def a_thousand_orders(folder: Path) -> tuple[list[tuple[str, int]], int, list["Held"]]:
    """What became of them, to how many a mail went, and what was held after each quarter."""
    shop = Shop(folder / "shop").write(campaign(quiet="null"))
    mailed: set[str] = set()
    held = []
    with engine(folder, SteppedClock(MONDAY), **shop.files) as built:
        app = replace(built, queue=CrowdedQueue())
        for start in range(0, 1_000, 250):
            orders_come(app, range(start, start + 250))
            take_in(app)
            run_until(app, app.clock() + 4 * DAY)
            mailed |= {str(message.send_id) for message in outbox(app).messages}
            outbox(app).messages.clear()
            held.append(memory())
        with app.db.read() as connection:
            found = connection.execute(select(sends.c.state, func.count()).group_by(sends.c.state)).all()
    return [(state, count) for state, count in found], len(mailed), held


class Held(NamedTuple):
    """What the process holds: bytes (not its peak: an earlier test may have needed more), and objects of Python."""

    size: int
    objects: int


def memory() -> Held:
    """What it holds now, without the caches that do not grow beyond a bound."""
    for cached in gc.get_objects():
        # Not isinstance: it asks lazy objects of other tests, which then go and look for their settings.
        if type(cached) is _lru_cache_wrapper and cached.cache_parameters()["maxsize"] is not None:
            cached.cache_clear()
    gc.collect()
    # Not references to nothing: a connection of sqlite3 keeps one for each cursor, until there are two hundred.
    objects = sum(type(held) is not ReferenceType or held() is not None for held in gc.get_objects())
    return Held(psutil.Process().memory_info().rss, objects)
