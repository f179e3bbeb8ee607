"""Addresses go on the list of those who must not be mailed, by a file or by hand.

Who has left has said no, and that is kept as the word that it is: a suppression may be lifted, and then a yes from
before they left must not count again, while one from afterwards does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from aftercart.consent.statement import ConsentState, ConsentStatement
from aftercart.intake import store as intake_store
from aftercart.intake.changes import Buyer
from aftercart.policy import store as policy
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.suppression import Suppression, SuppressionReason, SuppressionScope


@dataclass(frozen=True, slots=True)
class Listing:
    """An address that must not be mailed within a scope. `at` None: nobody says since when, so since we hear of it."""

    email: str
    scope: SuppressionScope
    reason: SuppressionReason
    at: datetime | None = None
    topic: str = ""


def keep_listed(
    connection: Connection,
    listings: Sequence[Listing],
    now: datetime,
    hashes: AddressHashes,
    source: str,
) -> intake_store.Tally:
    """From this commit on they are not mailed. What is there already stays, and who was erased is passed over.

    `source`: who says so, as it is kept with the entries and with the no of those who left.
    """
    known = policy.suppressions_of(connection, {one.email for one in listings}, hashes)
    told = [one for one in listings if not _is_erased(known.get(one.email, ()))]
    since = {one: _since(one, known.get(one.email, ()), now) for one in told}
    noes = [
        Buyer(email=one.email, consent=ConsentStatement(ConsentState.DENIED, source, at))
        for one, at in since.items()
        if one.reason is SuppressionReason.UNSUBSCRIBED and one.scope is not SuppressionScope.TOPIC
    ]
    intake_store.store_people(connection, "generic", noes, now)
    new = [one for one in since if _there(one, known.get(one.email, ())) is None]
    for one in new:
        policy.suppress(connection, [one.email], one.reason, source, since[one], one.scope, one.topic)
    gone = len(listings) - len(told)
    return intake_store.Tally(added=len(new), unchanged=len(told) - len(new), passed_over=gone)


def _since(listing: Listing, entries: Sequence[Suppression], now: datetime) -> datetime:
    """Since when the address is listed. An undated list that comes in again leaves the date of the first time."""
    there = _there(listing, entries)
    undated = there.at if there else now
    return min(listing.at or undated, now)


def _there(listing: Listing, entries: Sequence[Suppression]) -> Suppression | None:
    itself = (listing.reason, listing.scope, listing.topic)
    return next((entry for entry in entries if (entry.reason, entry.scope, entry.topic) == itself), None)


def _is_erased(entries: Sequence[Suppression]) -> bool:
    return any(entry.reason is SuppressionReason.ERASED for entry in entries)
