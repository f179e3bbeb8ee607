"""Whether this database is the one that sends: what speaks against it.

A backup that is read back, or a second copy of the database, knows nothing of the mails that have left since it was
made, and would send them again. Three facts that stand outside of every dump tell it:

1. the place where the database lies: a copy lies elsewhere, and the clone of a disk on another machine;
2. a count of beats that only grows, also kept in the data folder and in the memory of each engine: a database that
   knows of fewer beats than they do was set back in its place;
3. the clock: where both are lost with the machine, the last beat is old.

The count also speaks for a database: one that knows exactly the beats that were noted here was not set back, however
long the machine was off. So a laptop that was closed over night goes on by itself.

A false alarm costs a person's word (`aftercart resume`); a fault that is not seen costs thousands of second mails.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

BEAT_EVERY = timedelta(seconds=10)
UNVOUCHED_SILENCE = timedelta(hours=4)
"""So long an engine may be down where nothing here knows the beats of its database."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of itself. See `aftercart.db.tables.Fence`."""

    place: str
    beats: int
    beat_at: datetime
    held_because: str | None = None
    held_at: datetime | None = None
    doubt_until: datetime | None = None


def fault(
    standing: Standing,
    place: str,
    seen: int,
    *,
    silence: timedelta | None,
    from_elsewhere: bool = False,
    vouched: bool = False,
    hold_after: timedelta | None = None,
) -> str | None:
    """What speaks against sending, in words. None: nothing does.

    `seen`: the most beats of this database that anybody here knows of. `silence`: since the last beat, where mails have
    fallen due since and this engine has just been started. `from_elsewhere`: the file of beats beside the database was
    written on another machine. `vouched`: the file of beats agrees with the database.
    `hold_after`: after such a silence all is held whatever vouches for the database; None: after four hours, where
    nothing does.
    """
    if standing.place != place:
        return f"this database is a copy, or was moved: it has been sending from {standing.place}, and lies in {place}"
    if from_elsewhere:
        return "this database is a copy, or was moved: the beats beside it were counted on another machine"
    if standing.beats < seen:
        return f"this database was set back: it knows of {standing.beats:,} beats, {seen:,} have been counted here"
    if silence is None or (vouched and hold_after is None):
        return None
    if silence > (hold_after or UNVOUCHED_SILENCE):
        hours = f"{silence / timedelta(hours=1):,.1f}"
        return f"no engine has given a sign of life for {hours} hours while mails fell due: it may have been set back"
    return None
