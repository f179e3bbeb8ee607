"""Claiming: what has fallen due is found, handed out and claimed, beside a million mails that wait for their day.

The floor is the same engine with a thousand waiting: a mail must cost the same however many others there are.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from uuid import UUID

from sqlalchemy import Connection, Table, update

from aftercart.bench.timing import Result, beside
from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.db.tables import enrollments, orders, recipients, sends
from aftercart.enrollment.states import ENTER
from aftercart.errors import AftercartError
from aftercart.ids import new_id
from aftercart.ledger import store as ledger
from aftercart.ledger.states import PLAN
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.reports.status import numbers
from aftercart.testing import ListQueue, settings_for

MANY, FEW = 1_000_000, 1_000
DUE = 2_000
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
LATER = timedelta(days=30)
CAMPAIGNS = 5


def claim(rounds: int, folder: Path, many: int = MANY, clock: Callable[[], float] = perf_counter) -> Result:
    """2,000 due mails of five campaigns, as workers take them; and what memory that took."""
    with _engine(folder / "few", FEW) as few, _engine(folder / "many", many) as crowded:
        result = beside(
            "claim",
            "mails",
            crowded.claim_due,
            f"with {FEW:,} waiting",
            few.claim_due,
            count=DUE,
            rounds=rounds,
            prepare=lambda: _fall_due(few, crowded),
            clock=clock,
        )
        crowded.ask_for_numbers()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return replace(result, note=f"{many:,} waiting, {most:,.0f} MB of memory at most")


def _fall_due(*benches: "_Bench") -> None:
    for bench in benches:
        bench.fall_due()


class _Bench:
    """An engine in whose database some mails are due and many wait."""

    def __init__(self, app: App) -> None:
        self._app = app

    def claim_due(self) -> None:
        """Hand out all that is due, and claim it."""
        queue = self._app.queue
        if not isinstance(queue, ListQueue):
            raise TypeError("this engine keeps its messages")
        if dispatch(self._app) != DUE:
            raise AftercartError("not every mail that was due was handed out")
        for _, (ids,) in queue.published:
            with self._app.db.write() as connection:
                self._claim(connection, [UUID(id_) for id_ in ids])
        queue.published.clear()

    def fall_due(self) -> None:
        """What was claimed is due as it was."""
        with self._app.db.write() as connection:
            claimed = (sends.c.state == "scheduled", sends.c.lease_until.is_not(None))
            free = {"wake_at": NOW, "lease_until": None, "counted_at": None, "boot_id": None}
            connection.execute(update(sends).where(*claimed).values(**free))

    def ask_for_numbers(self) -> None:
        """As monitoring does."""
        with self._app.db.read() as main, self._app.inbox_db.read() as inbox:
            numbers(main, inbox, self._app.clock())

    def _claim(self, connection: Connection, ids: list[UUID]) -> None:
        due = ledger.lock_due(connection, ids, NOW, self._app.db.boot_id)
        if len(due) != len(ids):
            raise AftercartError("not every mail that was handed out could be claimed")
        claims = [
            ledger.Claim(row["id"], row["attempt"] + 1, "Subject", None, "t", "c", "recommendations") for row in due
        ]
        ledger.claim(connection, claims, NOW, self._app.db.boot_id)


@contextmanager
def _engine(folder: Path, waiting: int) -> Iterator[_Bench]:
    built = build(settings_for(folder), clock=SteppedClock(NOW))
    try:
        _fill(built, waiting)
        yield _Bench(replace(built, queue=ListQueue()))
    finally:
        built.close()


def _fill(app: App, waiting: int) -> None:
    """Some are due, many wait for a day to come; all about one order, which no statement here looks at."""
    with app.db.write() as connection:
        person = {"email": "ada@example.com", "first_name": "", "locale": "", "time_zone": "", "country": ""}
        recipient_id = _added(connection, recipients, {**person, "created_at": NOW})
        bought = {"shop": "generic", "shop_order_id": "1", "state": "completed", "currency": "EUR", "total_minor": 1}
        times = {"placed_at": NOW, "source_updated_at": NOW}
        about = {"recipient_id": recipient_id, "country": "", "region": "", "imported": False}
        order_id = _added(connection, orders, {**bought, **times, **about})
        run = {"campaign": "c", "campaign_version": "v", "order_id": order_id, "recipient_id": recipient_id}
        enrollment_id = _added(connection, enrollments, {**run, "state": ENTER.target, "created_at": NOW})
        _plan(connection, waiting, LATER, enrollment_id, order_id, recipient_id)
        _plan(connection, DUE, timedelta(0), enrollment_id, order_id, recipient_id)


def _added(connection: Connection, table: Table, row: dict[str, object]) -> int:
    return int(connection.execute(table.insert().returning(table.c.id), row).scalar_one())


def _plan(
    connection: Connection, count: int, due_in: timedelta, enrollment_id: int, order_id: int, recipient_id: int
) -> None:
    for start in range(0, count, 10_000):
        rows = []
        for number in range(start, min(start + 10_000, count)):
            due_at = NOW + due_in + (timedelta(seconds=number % 86_400) if due_in else timedelta(0))
            rows.append(
                {
                    "id": new_id(),
                    "enrollment_id": enrollment_id,
                    "campaign": f"campaign {number % CAMPAIGNS}",
                    "step": f"{due_in.days}-{number}",
                    "config_version": "v",
                    "order_id": order_id,
                    "recipient_id": recipient_id,
                    "state": PLAN.target,
                    "priority": 50,
                    "due_at": due_at,
                    "wake_at": due_at,
                    "valid_until": due_at + timedelta(days=3),
                    "attempt": 0,
                    "tries": 0,
                    "created_at": NOW,
                }
            )
        connection.execute(sends.insert(), rows)
