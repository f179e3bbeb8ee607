"""All that is kept of a person, table by table."""

import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, or_, select

from aftercart.db.packing import unpacked
from aftercart.db.tables import archives, copies, events, feedback, suppressions
from aftercart.policy.address_hash import AddressHashes
from aftercart.rights.person import Person
from aftercart.rights.store.belongings import OF_A_PERSON


def everything_of(
    connection: Connection, person: Person, event_ids: Collection[int], hashes: AddressHashes
) -> dict[str, list[Mapping[str, Any]]]:
    """The person's rows by table; what was archived stands where it came from."""
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for table, belongs in OF_A_PERSON.items():
        condition = belongs(person)
        if table is events and event_ids:
            condition = or_(condition, events.c.id.in_(sorted(event_ids)))
        if table is feedback and event_ids:
            condition = or_(condition, feedback.c.event_id.in_(sorted(event_ids)))
        if table is suppressions:
            kept_as = [kept for email in sorted(person.emails) for kept in hashes.all_of(email)]
            condition = or_(condition, suppressions.c.email.in_(kept_as))
        rows = connection.execute(select(table).where(condition).order_by(*table.primary_key)).mappings()
        if table is archives:
            for row in rows:
                for name, of_table in unpacked(row["content"]).items():
                    found[name] += of_table
        elif table is copies:
            found[table.name] += [{**row, "content": json.loads(zlib.decompress(row["content"]))} for row in rows]
        else:
            found[table.name] += [dict(row) for row in rows]
    return {name: found[name] for name in sorted(found)}
