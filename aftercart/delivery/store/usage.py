"""How much a sender was given lately: in all (scope ''), and to some domains (the scope of `Mailboxes`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from aftercart.clock import Clock
from aftercart.db.session import insert_new
from aftercart.db.tables import sender_usage
from aftercart.delivery.limits.quota import Counts, Limit, counted, free_at, set_right

ALL = ""
Scopes = Mapping[str, Sequence[Limit]]
"""The limits that hold for a mail, by scope."""


def usage(connection: Connection, sender: str) -> dict[str, Counts]:
    """The counts of a sender by scope."""
    rows = connection.execute(
        select(sender_usage.c.scope, sender_usage.c.counts).where(sender_usage.c.sender == sender)
    )
    return {row.scope: row.counts for row in rows}


def take(
    connection: Connection, sender: str, scopes: Scopes, clock: Clock
) -> tuple[dict[str, Counts], datetime, str, Limit | None]:
    """Count one mail under every scope. Where a limit forbids it nothing is counted.

    Returns the counts, when the mail may leave, and which limit it waits for; None: it was counted.
    """
    _flush_later(connection)
    rows = _locked(connection, sender, scopes)
    now = clock()  # not before: we may have had to wait for the lock
    for scope in scopes:
        right = set_right(rows[scope], now)
        if right is not rows[scope]:
            rows[scope] = right
            _keep(connection, sender, scope, right, queued_until=None)  # those places are an hour away, say
    waits = [(*free_at(limits, rows[scope], now), scope) for scope, limits in scopes.items()]
    until, limit, scope = max(waits, key=lambda wait: wait[0])
    if limit is not None:
        return rows, until, scope, limit
    after = {scope: counted(limits, rows[scope], now) for scope, limits in scopes.items()}
    for scope, counts in after.items():
        _keep(connection, sender, scope, counts)
    return dict(after), now, "", None


def _keep(connection: Connection, sender: str, scope: str, counts: Counts, **more: None) -> None:
    connection.execute(update(sender_usage).where(*_is(sender, scope)).values(counts=counts, **more))


def queue(connection: Connection, sender: str, scope: str, limit: Limit, free: datetime, latest: datetime) -> datetime:
    """A place behind those who wait for the same limit, `latest` at most: not all of them come back at once."""
    _flush_later(connection)
    _locked(connection, sender, {scope: ()})
    place = connection.execute(select(sender_usage.c.queued_until).where(*_is(sender, scope))).scalar_one()
    turn = free if place is None else max(free, min(place + limit.spacing, latest))
    connection.execute(update(sender_usage).where(*_is(sender, scope)).values(queued_until=turn))
    return turn


def _locked(connection: Connection, sender: str, scopes: Scopes) -> dict[str, Counts]:
    wanted = (
        select(sender_usage.c.scope, sender_usage.c.counts)
        .where(sender_usage.c.sender == sender, sender_usage.c.scope.in_(list(scopes)))
        .order_by(sender_usage.c.scope)
        .with_for_update()
    )
    rows: dict[str, Counts] = {row.scope: row.counts for row in connection.execute(wanted)}
    if len(rows) < len(scopes):
        new: list[dict[str, Any]] = [{"sender": sender, "scope": scope, "counts": {}} for scope in sorted(scopes)]
        insert_new(connection, sender_usage, new, unique=("sender", "scope"))
        rows = {row.scope: row.counts for row in connection.execute(wanted)}
    return rows


def _is(sender: str, scope: str) -> tuple[Any, Any]:
    return sender_usage.c.sender == sender, sender_usage.c.scope == scope


def _flush_later(connection: Connection) -> None:
    """Commit without waiting for the disk: whoever holds the row holds up all workers of this sender.

    A crash of the database costs the counts of its last half second, and the restart takes longer than that.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
