"""How the engine stands: a few counts for `/metrics`, `doctor` and the landing page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from aftercart.db import inbox
from aftercart.db.tables import confirmations, events, sends
from aftercart.ledger.store import tallying
from aftercart.ledger.store.fences import IS_HELD
from aftercart.reports.lateness import lateness


@dataclass(frozen=True, slots=True)
class Numbers:
    """`sends`, `confirmations` and `events` by state; `lateness_s`: seconds since the longest overdue send fell due, 0
    if none is.
    """

    sends: dict[str, int]
    confirmations: dict[str, int]
    events: dict[str, int]
    lateness_s: float
    held: bool
    """Whether all mail waits for `aftercart resume`."""


def numbers(main: Connection, inbox_connection: Connection, now: datetime, *, is_held_back: bool = False) -> Numbers:
    """Lateness and what waits as of now; the counts as of the last minute (see `aftercart/pipeline/upkeep/tidy.py`).

    `is_held_back`: no sender takes any mail now, because its limit is used up.
    """
    return Numbers(
        sends=tallying.by_state(tallying.kept(main, sends)),
        confirmations=tallying.by_state(tallying.kept(main, confirmations)),
        events={**tallying.by_state(tallying.kept(main, events)), "waiting": inbox.waiting(inbox_connection)},
        lateness_s=lateness(main, now, is_held_back=is_held_back).total_seconds(),
        held=bool(main.execute(select(IS_HELD)).scalar_one()),
    )
