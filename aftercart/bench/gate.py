"""The gate: what it costs to decide about a mail, with the facts at hand, looked up, and with its slot reserved.

Everybody has had mails before, and three caps are asked. The floors: the slots of the caps alone, the look-ups alone, a
bare update that leases the same sends. What share of a whole send the gate is, is told beside the last figure: of one
that is rendered from a small template and handed to a sender that takes it at once, so of the cheapest there can be.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, delete, select, update

from aftercart.bench.timing import Result, beside
from aftercart.bootstrap import App, build
from aftercart.clock import SteppedClock
from aftercart.db.tables import (
    attempts,
    consents,
    decisions,
    enrollments,
    links,
    order_lines,
    orders,
    recipients,
    sends,
)
from aftercart.errors import AftercartError
from aftercart.ids import new_id
from aftercart.pipeline.planning.planned import Planned, load
from aftercart.pipeline.sending.gate import facts_of
from aftercart.pipeline.sending.people import People, look_up
from aftercart.pipeline.sending.send import contents_for, deliver, reserve
from aftercart.policy.decision import Allow, decide
from aftercart.policy.frequency_cap import next_free
from aftercart.policy.store import persons_of
from aftercart.testing import ListQueue, RecordingSender, settings_for

MAILS, AT_ONCE, HAD_BEFORE = 500, 100, 5
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)

BRAND = """\
name: Example Bikes
sender: Example Bikes <hello@example.com>
postal_address: Example Bikes, 1 Main Street, 75001 Paris, France
time_zone: Europe/Paris
url: https://www.example.com
frequency_cap: [1 per 1d, 9 per 30d]
quiet_hours: "21:00-08:00"
"""
CAMPAIGN = """\
campaign: notes
status: active
trigger: order.completed
steps: [{id: note, after: 3d, valid_for: 3d, template: note}]
limits: {frequency_cap: [9 per week per campaign]}
"""
BODY = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>About your order {{ order.id }}. <a href="{{ links.unsubscribe }}">Leave</a></mj-text>
<mj-text>{{ brand.postal_address }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


def gate(rounds: int, folder: Path) -> Iterator[Result]:
    """Three figures, each beside its floor."""
    with _engine(folder) as bench:
        yield beside(
            "gate, ready", "mails", bench.decide, "slots of the caps", bench.ask_caps, count=MAILS, rounds=rounds
        )
        yield beside(
            "gate", "mails", bench.look_up_and_decide, "look-ups alone", bench.look_up, count=MAILS, rounds=rounds
        )
        reserved = beside(
            "gate, claim", "mails", bench.reserve, "bare update", bench.lease,
            count=MAILS, rounds=rounds, prepare=bench.plan,
        )  # fmt: skip
        share = reserved.per_second**-1 * MAILS / bench.seconds_of_a_send(rounds)
        yield replace(reserved, note=f"{share:.0%} of a whole send")


class _Bench:
    """An engine with mails that are due now to people who had some before."""

    def __init__(self, app: App, ids: Sequence[UUID]) -> None:
        self._app = app
        self._batches = [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
        self._planned = [self._load(batch) for batch in self._batches]
        self._contents = contents_for(app, ids)
        with app.db.read() as connection:
            people = [_look_up(connection, app, batch) for batch in self._planned]
        pairs = zip(self._planned, people, strict=True)
        self._facts = [facts_of(app, planned, who, NOW) for batch, who in pairs for planned in batch]

    def plan(self) -> None:
        """All is due as it was."""
        free = {"state": "scheduled", "due_at": NOW, "wake_at": NOW, "lease_until": None, "counted_at": None}
        with self._app.db.write() as connection:
            for table in (attempts, decisions, links):
                connection.execute(delete(table))
            connection.execute(update(sends).where(sends.c.due_at >= NOW).values(**free, boot_id=None))

    def decide(self) -> None:
        """The pure part."""
        if not all(isinstance(decide(facts).answer, Allow) for facts in self._facts):
            raise AftercartError("not every mail of this measurement may go")

    def ask_caps(self) -> None:
        """Of the pure part only the slots."""
        for facts in self._facts:
            next_free(facts.caps, facts.counted, NOW, facts.zone, facts.campaign, facts.topic)

    def look_up_and_decide(self) -> None:
        """With all that it must know."""
        with self._app.db.read() as connection:
            for batch in self._planned:
                people = _look_up(connection, self._app, batch)
                for planned in batch:
                    decide(facts_of(self._app, planned, people, NOW))

    def look_up(self) -> None:
        """Only what it must know."""
        with self._app.db.read() as connection:
            for batch in self._planned:
                _look_up(connection, self._app, batch)

    def reserve(self) -> None:
        """The transaction of the claim, content at hand."""
        for ids in self._batches:
            if len(reserve(self._app, ids, self._contents)) != len(ids):
                raise AftercartError("not every mail of this measurement could be claimed")

    def lease(self) -> None:
        """A transaction for the same mails that decides nothing."""
        statement = update(sends).where(sends.c.id == bindparam("send")).values(lease_until=NOW, counted_at=NOW)
        for ids in self._batches:
            with self._app.db.write() as connection:
                connection.execute(statement, [{"send": id_} for id_ in ids])

    def seconds_of_a_send(self, rounds: int) -> float:
        """For all mails, from due to sent."""
        times = []
        for _ in range(rounds):
            self.plan()
            start = perf_counter()
            for ids in self._batches:
                deliver(self._app, ids)
            times.append(perf_counter() - start)
        return median(times)

    def _load(self, ids: Sequence[UUID]) -> list[Planned]:
        with self._app.db.read() as connection:
            rows = connection.execute(select(sends).where(sends.c.id.in_(ids))).mappings().all()
            person = persons_of(connection, {row["recipient_id"] for row in rows})
            return load(connection, [dict(row) for row in rows], person, self._app.campaigns.by_name, "Europe/Paris")


def _look_up(connection: Connection, app: App, batch: Sequence[Planned]) -> People:
    person = persons_of(connection, {planned.recipient_id for planned in batch})
    return look_up(connection, app, batch, person, NOW)


@contextmanager
def _engine(folder: Path) -> Iterator[_Bench]:
    files = {"campaigns/brand.yaml": BRAND, "campaigns/notes.yaml": CAMPAIGN}
    files |= {"templates/note/body.mjml": BODY, "templates/note/subject.txt": "A note"}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    settings = settings_for(folder / "data", campaigns_dir=folder / "campaigns", templates_dir=folder / "templates")
    built = build(settings, clock=SteppedClock(NOW), sender=RecordingSender())
    try:
        due = [new_id() for _ in range(MAILS)]
        with built.db.write() as connection:
            for table, rows in _rows(due):
                connection.execute(table.insert(), rows)
        yield _Bench(replace(built, queue=ListQueue()), due)
    finally:
        built.close()


def _rows(due: Sequence[UUID]) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    people, before = range(1, MAILS + 1), NOW - timedelta(days=20)
    empty = dict.fromkeys(("first_name", "locale", "time_zone", "country"), "")
    yield recipients, [{**empty, "id": n, "email": f"p{n}@example.com", "created_at": before} for n in people]
    said = {"state": "granted", "source": "checkout", "at": before, "recorded_at": before}
    yield consents, [{**said, "recipient_id": n} for n in people]
    every = [(n + MAILS * turn, n, turn) for turn in range(HAD_BEFORE + 1) for n in people]
    bought = {"shop": "generic", "state": "completed", "currency": "EUR", "total_minor": 1, "country": "", "region": ""}
    bought |= {"placed_at": before, "source_updated_at": before, "imported": False}
    yield orders, [{**bought, "id": id_, "shop_order_id": f"{id_}", "recipient_id": n} for id_, n, _ in every]
    line = {"line_no": 1, "sku": "BIKE", "title": "Bike", "quantity": 1, "unit_price_minor": 100}
    yield order_lines, [{**line, "order_id": id_} for id_, _, _ in every]
    run = {"campaign": "notes", "campaign_version": "v", "state": "active", "created_at": before}
    yield enrollments, [{**run, "id": id_, "order_id": id_, "recipient_id": n} for id_, n, _ in every]
    yield sends, [_send(due, id_, n, turn) for id_, n, turn in every]


def _send(due: Sequence[UUID], id_: int, person: int, turn: int) -> dict[str, Any]:
    at = NOW if turn == HAD_BEFORE else NOW - timedelta(days=2 + 3 * turn)
    about = {"enrollment_id": id_, "order_id": id_, "recipient_id": person, "campaign": "notes", "step": "note"}
    about |= {"config_version": "v", "priority": 50, "attempt": 0, "tries": 0, "created_at": at}
    times = {"due_at": at, "wake_at": at, "valid_until": at + timedelta(days=3)}
    if turn == HAD_BEFORE:
        return {**about, **times, "id": due[person - 1], "state": "scheduled", "counted_at": None}
    return {**about, **times, "id": new_id(), "state": "sent", "counted_at": at}
