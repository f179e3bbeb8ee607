"""Are there codes for the mails that are to carry one?"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime

from aftercart.campaigns.schema import Campaign
from aftercart.db.peek import is_there
from aftercart.db.session import Database
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.quantity import counted
from aftercart.reports.supply import Supply, supplies

COUPONS = "coupons"


def check_coupons(url: str, campaigns: Sequence[Campaign], now: datetime) -> Iterator[Finding]:
    """Every pool that a campaign hands out. The database is known to answer."""
    if not is_there(url):
        return
    with closing(Database(url)) as database, database.read() as connection:
        used = [supply for supply in supplies(connection, campaigns, now) if supply.used_by]
    yield from map(_finding, used)


def _finding(supply: Supply) -> Finding:
    pool = supply.pool
    do = f"`aftercart import coupons FILE --pool {pool.name}` brings codes"
    left = f"left in the pool {pool.name}: {counted(pool.left, 'code')}"
    if supply.is_empty:
        return fault(COUPONS, f"no code is left in the pool {pool.name} ({', '.join(supply.used_by)})", do)
    if supply.is_short:
        return warn(COUPONS, f"{left} for {counted(supply.wanted, 'mail')}", do)
    return fine(COUPONS, left)
