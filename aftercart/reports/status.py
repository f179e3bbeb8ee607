"""How the engine stands: a few counts for `/metrics`, `doctor` and the landing page."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, func, select

from aftercart.db import inbox
from aftercart.db.tables import events
from aftercart.ledger.store import tallying
from aftercart.reports.lateness import lateness


@dataclass(frozen=True, slots=True)
class Numbers:
    """`sends` and `events` by state; `lateness_s`: seconds since the longest overdue send fell due, 0 if none is."""

    sends: dict[str, int]
    events: dict[str, int]
    lateness_s: float


def ping(connection: Connection) -> None:
    """Raises SQLAlchemyError when the database does not answer."""
    connection.execute(select(1))


def numbers(main: Connection, inbox_connection: Connection, now: datetime) -> Numbers:
    """The counts as of now."""
    return Numbers(
        sends=_sends_by_state(main),
        events={**_by_state(main, events), "waiting": inbox.waiting(inbox_connection)},
        lateness_s=lateness(main, now).total_seconds(),
    )


def _sends_by_state(connection: Connection) -> dict[str, int]:
    """As they were last counted: there may be millions."""
    found: Counter[str] = Counter()
    for (state, _), number in tallying.kept(connection).items():
        found[state] += number
    return dict(found)


def _by_state(connection: Connection, table: Table) -> dict[str, int]:
    query = select(table.c.state, func.count().label("rows")).group_by(table.c.state)
    return {row.state: row.rows for row in connection.execute(query)}
