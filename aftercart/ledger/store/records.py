"""What is kept beside a send: decisions, picks, links, and what it said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, delete, select

from aftercart.db.among import among
from aftercart.db.prepared import Prepared
from aftercart.db.session import insert_new
from aftercart.db.tables import copies, decisions, links, picks, sends, template_versions

NOT_AGAIN_FOR = timedelta(days=60)
"""A product that a person was offered is not offered to them again for so long."""

_INSERT = {table: Prepared.insert(table) for table in (decisions, picks, links, copies)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about an order in a campaign, or about one of its mails, and why."""

    at: datetime
    stage: Literal["enroll", "gate", "sender", "operator", "leave"]
    """Who decided: entering the campaign, the gate, the sender's limits, an operator, or the recipient who left."""
    campaign: str
    order_id: int
    send_id: UUID | None = None
    """None: it is about the order's whole run through the campaign."""
    outcome: Literal["enroll", "allow", "defer", "skip", "replan", "settle", "left"]
    reason: str
    until: datetime | None = None
    """How long the mail waits, where the outcome is `defer`."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """The facts it was decided on."""


_OF_DECISION = tuple(each.name for each in fields(Decision))


def keep_decisions(connection: Connection, made: Sequence[Decision]) -> None:
    """Append decisions to the record that `explain` reads."""
    if made:
        rows = [{name: getattr(decision, name) for name in _OF_DECISION} for decision in made]
        _INSERT[decisions].execute(connection, rows)


def keep_content(
    connection: Connection,
    again: Sequence[UUID],
    pick_rows: Sequence[Mapping[str, Any]],
    link_rows: Sequence[Mapping[str, Any]],
    copy_rows: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Keep what claimed sends offer and say, and where their links lead.

    `again`: those that were claimed before. It stands in place of what was prepared then.
    """
    for table, rows in ((picks, pick_rows), (links, link_rows), (copies, copy_rows)):
        if again:
            connection.execute(delete(table).where(among(table.c.send_id, again)))
        if rows:
            _INSERT[table].execute(connection, rows)


def keep_templates(connection: Connection, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep these versions of templates, as far as they are new: nearly always none is."""
    known = select(template_versions.c.version).where(template_versions.c.version.in_(list(rows)))
    new = rows.keys() - set(connection.execute(known).scalars()) if rows else set()
    insert_new(connection, template_versions, [rows[version] for version in sorted(new)], unique=("version",))


def offered_since(connection: Connection, persons: Mapping[int, int], since: datetime) -> dict[int, set[str]]:
    """The products that people were offered in mails that left since an instant, by person, under whichever address.

    `persons`: recipient id → the id that stands for the person.
    """
    rows = connection.execute(
        select(sends.c.recipient_id, picks.c.sku)
        .join(picks, picks.c.send_id == sends.c.id)
        .where(among(sends.c.recipient_id, persons), sends.c.counted_at >= since)
    )
    offered: dict[int, set[str]] = {}
    for recipient_id, sku in rows:
        offered.setdefault(persons[recipient_id], set()).add(sku)
    return offered
