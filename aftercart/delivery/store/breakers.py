"""How senders stand, one row each. A sender without a row works."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select, update

from aftercart.db.session import insert_new
from aftercart.db.tables import senders
from aftercart.delivery.limits.breaker import Breaker, State

_COLUMNS = (
    senders.c.name,
    senders.c.state,
    senders.c.faults,
    senders.c.fault_at,
    senders.c.fault,
    senders.c.openings,
    senders.c.until,
)


def standing(connection: Connection, names: Iterable[str]) -> dict[str, Breaker]:
    """Of these senders, as far as there is anything to say."""
    rows = connection.execute(select(*_COLUMNS).where(senders.c.name.in_(list(names))))
    return {row.name: _breaker(row) for row in rows}


def lock(connection: Connection, name: str) -> Breaker:
    """How a sender stands; nobody else changes it before the end of the transaction."""
    wanted = select(*_COLUMNS).where(senders.c.name == name).with_for_update()
    found = connection.execute(wanted).one_or_none()
    if found is None:
        insert_new(connection, senders, [{"name": name, **asdict(Breaker())}], unique=("name",))
        found = connection.execute(wanted).one()
    return _breaker(found)


def keep(connection: Connection, name: str, breaker: Breaker) -> None:
    """Write what a locked one has become."""
    connection.execute(update(senders).where(senders.c.name == name).values(**asdict(breaker)))


def _breaker(row: Any) -> Breaker:
    return Breaker(State(row.state), row.faults, row.fault_at, row.fault, row.openings, row.until)
