"""How many sends and webhooks there are, counted now and then: to count them whenever somebody asks takes a second a
million."""

from collections import Counter

from sqlalchemy import Connection, Table, bindparam, delete, func, literal, select

from aftercart.db.tables import events, sends, tallies

Tally = Counter[tuple[str, str | None]]
"""(State, reason) → how many."""

# Written into the statement, not bound: else neither database could see that the partial index ix_events_failed serves.
_FAILED = select(func.count()).where(events.c.state == bindparam("failed_state", "failed", literal_execute=True))


def count(connection: Connection, table: Table) -> Tally:
    """The rows of `sends` or `events` by state, and sends by reason, counted now."""
    reason = table.c.reason if table is sends else literal(None)
    query = select(table.c.state, reason, func.count()).group_by(table.c.state, *([reason] if table is sends else []))
    return Counter({(state, why): number for state, why, number in connection.execute(query)})


def keep(connection: Connection, counted: dict[Table, Tally]) -> None:
    """Keep these numbers, in place of the ones before."""
    connection.execute(delete(tallies))
    rows = [
        {"what": table.name, "state": state, "reason": why or "", "number": number}
        for table, tally in counted.items()
        for (state, why), number in tally.items()
    ]
    if rows:
        connection.execute(tallies.insert(), rows)


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
