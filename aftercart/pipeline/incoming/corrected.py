"""A webhook that comes again with another body, after the first could not be understood.

A sender who is told 422 mends its body and sends it under the same id. The failed event steps aside then, in the
state `replaced` and with its body, and the new one takes its place. Nothing else is overwritten: under the id of an
event that was understood, another body is the same news told once more.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, select, tuple_, update

from aftercart.db.tables import events

REPLACED = "replaced"
_BETWEEN = "\n"
"""Stands in no delivery key: these come out of headers."""

Row = Mapping[str, Any]
Key = tuple[str, str]


def inbox_key(delivery_key: str, body: bytes) -> str:
    """The key of a webhook in the inbox, where each body of it has a place of its own until a worker has read it."""
    return f"{delivery_key}{_BETWEEN}{sha256(body).hexdigest()[:16]}"


def event_key(row: Row) -> str:
    """The delivery key of an inbox row."""
    return str(row["delivery_key"]).partition(_BETWEEN)[0]


def one_body_each(rows: Sequence[Row]) -> Iterable[list[Row]]:
    """The rows in turns, in each of which a webhook has one body at most; nearly always that is one turn."""
    turns: list[dict[Key, Row]] = []
    for row in rows:
        key = (row["shop"], event_key(row))
        turn = next((turn for turn in turns if key not in turn), None)
        if turn is None:
            turns.append(turn := {})
        turn[key] = row
    return [list(turn.values()) for turn in turns]


def put_aside(connection: Connection, corrections: Sequence[Row]) -> set[Key]:
    """Make room for these rows (with the keys of events) where an event with another body failed.

    Returns the keys for which there is room. A body that was put aside itself, and is read once more after a crash,
    makes no room again.
    """
    wanted = {(row["shop"], row["delivery_key"]): row for row in corrections}
    were_here = _existing(connection, [(row["shop"], _aside(row)) for row in corrections])
    failed = [
        event
        for key, event in _existing(connection, list(wanted)).items()
        if event["state"] == "failed"
        and event["body"] != wanted[key]["body"]
        and (event["shop"], _aside(wanted[key])) not in were_here
    ]
    if failed:
        connection.execute(
            update(events)
            .where(events.c.id == bindparam("event"))
            .values(state=REPLACED, delivery_key=bindparam("aside")),
            [{"event": event["id"], "aside": _aside(event)} for event in failed],
        )
    return {(event["shop"], event["delivery_key"]) for event in failed}


def _aside(row: Row) -> str:
    return inbox_key(row["delivery_key"], row["body"])


def _existing(connection: Connection, keys: Sequence[Key]) -> dict[Key, Row]:
    """Locked until commit, so that of two workers with a correction the second finds what the first has done."""
    wanted = select(events.c.id, events.c.shop, events.c.delivery_key, events.c.state, events.c.body)
    found = connection.execute(
        wanted.where(tuple_(events.c.shop, events.c.delivery_key).in_(keys)).order_by(events.c.id).with_for_update()
    )
    return {(row["shop"], row["delivery_key"]): dict(row) for row in found.mappings()}
