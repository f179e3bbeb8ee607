"""Do those who are told what happens take it?"""

from collections.abc import Iterator
from contextlib import closing

from aftercart.db.peek import is_there
from aftercart.db.session import Database
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.outward.store import OutletRow, outlet_rows

OUTLETS = "outgoing webhooks"


def check_outlets(url: str) -> Iterator[Finding]:
    """Every outlet. The database is known to answer."""
    if not is_there(url):
        return
    with closing(Database(url)) as database, database.read() as connection:
        found = outlet_rows(connection)
    yield from map(_finding, found)


def _finding(one: OutletRow) -> Finding:
    standing = one.standing
    if standing.disabled_at:
        do = f"mend it, try `aftercart webhooks test {one.name}`, then `aftercart webhooks enable {one.name}`"
        return fault(OUTLETS, f"{one.name} is disabled since {standing.disabled_at:%Y-%m-%d}: {one.fault}", do)
    if standing.failing_since and standing.is_probed:
        do = f"`aftercart webhooks test {one.name}` tries it at once"
        since = f"{standing.failing_since:%Y-%m-%d %H:%M}"
        return warn(OUTLETS, f"{one.name} takes nothing since {since} UTC: {one.fault}; {one.waiting:,} wait", do)
    return fine(OUTLETS, f"{one.name} takes what it is told")
