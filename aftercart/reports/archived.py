"""What was archived of orders, as the rows that it was."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from aftercart.db.packing import unpacked
from aftercart.db.tables import archives

Archived = Mapping[str, Sequence[Mapping[str, Any]]]
"""Table → rows."""


def archived(connection: Connection, order_ids: Collection[int]) -> Archived:
    """The rows of these orders that no longer stand in their tables; an order may have been archived several times."""
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    query = select(archives.c.content).where(archives.c.order_id.in_(order_ids)).order_by(archives.c.id)
    for content in connection.execute(query).scalars():
        for table, rows in unpacked(content).items():
            found[table] += rows
    return found
