"""Housekeeping: a pass that packs fifty old orders and counts on, beside a million mails that have ended.

The floor is the same engine with a thousand: a pass must cost the same however large the tables are.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection

from aftercart.bench.timing import Result, beside
from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.db.tables import attempts, decisions, enrollments, orders, recipients, sends
from aftercart.errors import AftercartError
from aftercart.ids import new_id
from aftercart.pipeline.upkeep.tidy import AT_ONCE
from aftercart.pipeline.upkeep.tidy import tidy as one_pass
from aftercart.testing import settings_for

MANY, FEW = 1_000_000, 1_000
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(days=500), NOW - timedelta(days=30)
PAGE = 10_000


def tidy(rounds: int, folder: Path, many: int = MANY, clock: Callable[[], float] = perf_counter) -> Result:
    """Passes over both, in turn. A byte count says what a mail and what hangs on it take on disk."""
    with _engine(folder / "few", FEW, rounds) as few, _engine(folder / "many", many, rounds) as crowded:
        size = (folder / "many" / "aftercart.db").stat().st_size
        result = beside(
            "tidy",
            "passes",
            lambda: _pass(crowded),
            f"among {FEW:,} mails",
            lambda: _pass(few),
            count=1,
            rounds=rounds,
            clock=clock,
        )
    return replace(result, note=f"{many:,} mails, {size / many:,.0f} bytes each with decision and attempt")


def _pass(app: App) -> None:
    if one_pass(app, budget_s=0) != AT_ONCE:
        raise AftercartError(f"not {AT_ONCE} old orders were packed")


@contextmanager
def _engine(folder: Path, ended: int, rounds: int) -> Iterator[App]:
    with closing(build(settings_for(folder), clock=SteppedClock(NOW))) as app:
        old = AT_ONCE * (rounds + 1)
        for at, count in ((LONG_AGO, old), (LATELY, ended)):
            for start in range(0, count, PAGE):
                with app.db.write() as connection:
                    add_mails(connection, at, range(start, min(start + PAGE, count)))
        yield app


def add_mails(connection: Connection, at: datetime, numbers: range) -> None:
    """An order each, whose mail was refused or taken at an instant."""
    person = {"first_name": "", "locale": "", "time_zone": "", "country": "", "created_at": at}
    names = [f"{at:%Y%m%d}-{number}" for number in numbers]
    who = [*connection.execute(recipients.insert().returning(recipients.c.id), [
        {**person, "email": f"customer{name}@example.com"} for name in names
    ]).scalars()]  # fmt: skip
    bought = {"shop": "generic", "state": "completed", "currency": "EUR", "total_minor": 1, "imported": False}
    bought |= {"placed_at": at, "source_updated_at": at, "country": "", "region": ""}
    what = [*connection.execute(orders.insert().returning(orders.c.id), [
        {**bought, "shop_order_id": name, "recipient_id": id_} for name, id_ in zip(names, who, strict=True)
    ]).scalars()]  # fmt: skip
    run = {"campaign": "c", "campaign_version": "v", "state": "completed", "created_at": at}
    runs = [*connection.execute(enrollments.insert().returning(enrollments.c.id), [
        {**run, "order_id": order_id, "recipient_id": id_} for order_id, id_ in zip(what, who, strict=True)
    ]).scalars()]  # fmt: skip
    ended = [
        {"state": "failed", "reason": "provider_rejected"} if number % 100 == 0 else {"state": "sent", "reason": "sent"}
        for number in numbers
    ]
    mail = {"campaign": "c", "step": "complements", "config_version": "v", "priority": 50, "attempt": 1, "tries": 1}
    mail |= {"due_at": at, "wake_at": at, "valid_until": at, "created_at": at, "counted_at": at, "sent_at": at}
    ids = [new_id() for _ in numbers]
    connection.execute(sends.insert(), [
        {**mail, **fate, "id": id_, "enrollment_id": run_id, "order_id": order_id, "recipient_id": who_}
        for id_, fate, run_id, order_id, who_ in zip(ids, ended, runs, what, who, strict=True)
    ])  # fmt: skip
    connection.execute(decisions.insert(), [
        {"at": at, "stage": "gate", "campaign": "c", "order_id": order_id, "send_id": id_, "outcome": "allow",
         "reason": "sent", "inputs": {"consent": "granted", "zone": "Europe/Paris", "caps": [], "counted": []}}
        for id_, order_id in zip(ids, what, strict=True)
    ])  # fmt: skip
    connection.execute(attempts.insert(), [
        {"send_id": id_, "attempt": 1, "provider": "smtp:mail.example.com", "message_id": f"<{id_}@example.com>",
         "outcome": "accepted", "response": "250 2.0.0 Ok: queued as 4F1A2B3C4D", "started_at": at, "ended_at": at}
        for id_ in ids
    ])  # fmt: skip
