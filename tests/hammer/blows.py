"""Many processes send to the same few people at once, in real time; then the windows are counted.

Every process is an engine of its own on one database. The caps have windows of a second, so that thousands of sends
meet them within seconds; every mail that a cap holds is due again at the very instant at which a slot frees, which is
when all processes reach for it together. Some claims are made twice and some are left lying, as when a message comes
twice or a worker dies.
"""

import multiprocessing
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from aftercart.bootstrap import build
from aftercart.clock import utc_now
from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.db.tables import attempts, consents, enrollments, order_lines, orders, recipients, sends
from aftercart.ids import new_id
from aftercart.ledger import store as ledger
from aftercart.pipeline.sending.send import claim, deliver
from aftercart.testing import RecordingSender, settings_for
from tests.cast import Shop, campaign

PROCESSES, PEOPLE = 8, 100
AT_ONCE = 25
FEWEST_STRIKES = 5
"""Of each process, however slow the machine is: by then some mails were held by a cap."""
CAMPAIGNS = {"tips": "things", "offers": "things", "news": "news"}
"""With their topics."""
WINDOW = timedelta(seconds=1)
MOST, MOST_PER_TOPIC = 2, 1
BRAND = f"frequency_cap: [{MOST} per 1s, {MOST_PER_TOPIC} per 1s per topic]\n"


@dataclass(frozen=True)
class Toll:
    """What a run came to. `violations`: windows that held a mail too many."""

    database: str
    due: int
    handed_over: int
    doubled: int
    asked_again: int
    violations: int
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Nothing was broken, and something was at stake."""
        return not self.violations and not self.doubled and self.handed_over > 0 and self.asked_again > 0


def hammer(folder: Path, url: str, *, due: int, seconds: float, processes: int = PROCESSES) -> Toll:
    """Let the processes loose for some seconds on `due` sends of a hundred people. The database is empty."""
    names = [campaign(name, topic=topic, quiet="null", after="1h") for name, topic in CAMPAIGNS.items()]
    shop = Shop(folder / "shop").write(*names, brand=BRAND)
    with closing(Database(url)) as db:
        migrate.upgrade(db)
        _plan(db, due, utc_now())
        started = time.monotonic()
        context = multiprocessing.get_context("forkserver")  # which imports everything once
        context.set_forkserver_preload([__name__])
        ready = context.Barrier(processes)
        told = [(folder, url, shop, n, ready, seconds) for n in range(processes)]
        workers = [context.Process(target=_work, args=arguments, daemon=True) for arguments in told]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return _toll(db, due, time.monotonic() - started)


def _work(folder: Path, url: str, shop: Shop, number: int, ready: Any, seconds: float) -> None:
    """One process: what falls due is claimed and handed over, until the time is over."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    dice = random.Random(number)
    settings = settings_for(folder / f"worker{number}", database_url=url, **shop.files)
    app = build(settings, sender=RecordingSender())
    last: list[UUID] = []
    ready.wait()
    end, strikes = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end or strikes < FEWEST_STRIKES:
            try:
                last = _strike(app, dice, last)
                strikes += 1
            except OperationalError:  # the database was busy for too long, or two waited for each other: again
                time.sleep(0.01)
    finally:
        app.close()


def _strike(app: Any, dice: random.Random, last: list[UUID]) -> list[UUID]:
    with app.db.write() as connection:
        ids = ledger.take_due(connection, app.clock(), AT_ONCE)
    if not ids:
        time.sleep(0.005)
    told = [*ids, *last] if dice.random() < 0.2 else ids  # a message that comes twice
    if dice.random() < 0.02:
        claim(app, told)  # and then the worker dies
    else:
        deliver(app, told)
    return ids


def _plan(db: Database, due: int, now: datetime) -> None:
    """People who agreed, each with orders whose mails are all due now."""
    with db.write() as connection:
        people = [_person(n, now) for n in range(1, PEOPLE + 1)]
        connection.execute(recipients.insert(), people)
        said = {"state": "granted", "source": "checkout", "at": now - WINDOW, "recorded_at": now}
        connection.execute(consents.insert(), [{**said, "recipient_id": person["id"]} for person in people])
        for table, rows in _rows(due, now):
            connection.execute(table.insert(), rows)


def _person(number: int, now: datetime) -> dict[str, Any]:
    empty = dict.fromkeys(("first_name", "locale", "time_zone", "country"), "")
    return {**empty, "first_name": "Ada", "id": number, "email": f"p{number}@example.com", "created_at": now}


def _rows(due: int, now: datetime) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    about = [(n, 1 + n % PEOPLE, list(CAMPAIGNS)[n // PEOPLE % len(CAMPAIGNS)]) for n in range(1, due + 1)]
    bought = {
        "shop": "generic",
        "state": "completed",
        "currency": "EUR",
        "total_minor": 100,
        "country": "",
        "region": "",
    }
    bought |= {"placed_at": now, "source_updated_at": now, "imported": False}
    yield orders, [{**bought, "id": n, "shop_order_id": f"{n}", "recipient_id": who} for n, who, _ in about]
    line = {"line_no": 1, "sku": "BIKE", "title": "Bike", "quantity": 1, "unit_price_minor": 100}
    yield order_lines, [{**line, "order_id": n} for n, _, _ in about]
    run = {"campaign_version": "v", "state": "active", "created_at": now}
    yield (
        enrollments,
        [{**run, "id": n, "campaign": name, "order_id": n, "recipient_id": who} for n, who, name in about],
    )
    mail = {
        "step": "complements",
        "config_version": "v",
        "state": "scheduled",
        "priority": 50,
        "attempt": 0,
        "tries": 0,
    }
    mail |= {"due_at": now, "wake_at": now, "valid_until": now + timedelta(hours=1), "created_at": now}
    yield (
        sends,
        [
            {**mail, "id": new_id(), "enrollment_id": n, "campaign": name, "topic": CAMPAIGNS[name], "order_id": n}
            | {"recipient_id": who}
            for n, who, name in about
        ],
    )


def _toll(db: Database, due: int, seconds: float) -> Toll:
    with db.read() as connection:
        held = connection.execute(
            select(sends.c.recipient_id, sends.c.topic, sends.c.counted_at).where(sends.c.counted_at.is_not(None))
        ).all()
        tried = connection.execute(select(func.count()).group_by(attempts.c.send_id).select_from(attempts)).scalars()
        doubled = sum(count > 1 for count in tried)
        sent = connection.execute(select(func.count()).where(sends.c.state == "sent")).scalar_one()
        asked = connection.execute(select(func.count()).where(sends.c.reason == "frequency_cap")).scalar_one()
        name = connection.dialect.name
    return Toll(name, due, sent, doubled, asked, violations(held), seconds)


def violations(held: Iterable[Sequence[Any]]) -> int:
    """Windows, ending with a mail, that hold too many: counted from (person, topic, instant) of each."""
    of_person, of_topic = defaultdict(list), defaultdict(list)
    for person, topic, at in held:
        of_person[person].append(at)
        of_topic[person, topic].append(at)
    return _over(of_person.values(), MOST) + _over(of_topic.values(), MOST_PER_TOPIC)


def _over(all_times: Iterable[list[datetime]], most: int) -> int:
    return sum(sum(end - WINDOW < at <= end for at in times) > most for times in all_times for end in times)
