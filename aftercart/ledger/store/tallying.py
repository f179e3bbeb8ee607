"""How many sends there are, counted now and then: to count them each time somebody asks takes a second a million."""

from collections import Counter

from sqlalchemy import Connection, delete, func, select

from aftercart.db.tables import sends, tallies


def count(connection: Connection) -> Counter[tuple[str, str | None]]:
    """The number of sends by (state, reason), counted now."""
    query = select(sends.c.state, sends.c.reason, func.count()).group_by(sends.c.state, sends.c.reason)
    return Counter({(state, reason): number for state, reason, number in connection.execute(query)})


def keep(connection: Connection, counted: Counter[tuple[str, str | None]]) -> None:
    """Keep these numbers, in place of the ones before."""
    connection.execute(delete(tallies))
    if counted:
        rows = [{"state": state, "reason": why or "", "sends": number} for (state, why), number in counted.items()]
        connection.execute(tallies.insert(), rows)


def kept(connection: Connection) -> Counter[tuple[str, str | None]]:
    """The numbers as they were last counted; counted now where nobody has yet."""
    rows = connection.execute(select(tallies.c.state, tallies.c.reason, tallies.c.sends)).all()
    return Counter({(state, why or None): number for state, why, number in rows}) if rows else count(connection)
