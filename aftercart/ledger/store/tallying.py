"""How many sends and webhooks there are, counted now and then, a slice at a time: to count them all whenever somebody
asks, or once a minute, takes a second a million.
"""

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, literal, select

from aftercart.db.tables import events, sends, tallies
from aftercart.ledger.store.archiving import IS_FAILED

Tally = Counter[tuple[str, str | None]]
"""(State, reason) → how many."""

UNFINISHED, UNTIL = " so far", "(until)"
"""How an unfinished round is kept: its numbers under another name, and a row that tells where it stands."""
_FAILED = select(func.count()).where(IS_FAILED)


def count(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> Tally:
    """The rows of `sends`, `events` or `confirmations` by state, and sends by reason, counted now."""
    reason = table.c.reason if table is sends else literal(None)
    query = (
        select(table.c.state, reason, func.count())
        .where(*conditions)
        .group_by(table.c.state, *([reason] if table is sends else []))
    )
    return Counter({(state, why): number for state, why, number in connection.execute(query)})


def count_on(connection: Connection, table: Table, rows: int) -> bool:
    """Count that many rows more, in the order of their ids; whether it was the last of them.

    Then the numbers take the place of those before, and the next round begins at the first row.
    """
    so_far, after = _so_far(connection, table)
    beyond = (table.c.id > after,) if after is not None else ()
    ids = select(table.c.id).where(*beyond).order_by(table.c.id)
    last = connection.execute(ids.limit(1).offset(rows - 1)).scalar_one_or_none()
    so_far += count(connection, table, *beyond, *((table.c.id <= last,) if last is not None else ()))
    unfinished = f"{table.name}{UNFINISHED}"
    connection.execute(delete(tallies).where(tallies.c.what.in_([unfinished] + ([table.name] if last is None else []))))
    found = [
        {"what": table.name if last is None else unfinished, "state": state, "reason": why or "", "number": number}
        for (state, why), number in so_far.items()
    ]
    if last is not None:
        found.append({"what": unfinished, "state": UNTIL, "reason": str(last), "number": 0})
    if found:
        connection.execute(tallies.insert(), found)
    return last is None


def _so_far(connection: Connection, table: Table) -> tuple[Tally, Any]:
    """What has been counted in this round, and the id of the last row of it."""
    query = select(tallies.c.state, tallies.c.reason, tallies.c.number)
    rows = connection.execute(query.where(tallies.c.what == f"{table.name}{UNFINISHED}")).all()
    last = next((row.reason for row in rows if row.state == UNTIL), None)
    so_far: Tally = Counter({(row.state, row.reason or None): row.number for row in rows if row.state != UNTIL})
    return so_far, table.c.id.type.python_type(last) if last is not None else None


def kept(connection: Connection, table: Table) -> Tally:
    """The numbers as they were last counted; counted now where nobody has yet.

    Of failed webhooks, of which somebody must hear soon and an index tells, as of now.
    """
    query = select(tallies.c.state, tallies.c.reason, tallies.c.number).where(tallies.c.what == table.name)
    found: Tally = Counter({(state, why or None): number for state, why, number in connection.execute(query)})
    if not found:
        return count(connection, table)
    if table is events:
        found["failed", None] = connection.execute(_FAILED).scalar_one()
    return +found


def by_state(tally: Tally) -> dict[str, int]:
    """The same whatever the reason."""
    found: Counter[str] = Counter()
    for (state, _), number in tally.items():
        found[state] += number
    return dict(found)
