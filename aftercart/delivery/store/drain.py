"""How much of what is due may be handed to the workers now, where senders have limits or are out of order.

The dispatcher hands out no more than the senders can take within the next seconds; the rest stays due in the table. So
a backlog is neither decided nor rendered in vain, and drains in its order at the senders' pace. The limits themselves
hold at the hand-over (`usage.take`), so the numbers here may be a little wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from aftercart.db.session import insert_new
from aftercart.db.tables import drain
from aftercart.delivery.base import Held
from aftercart.delivery.limits.breaker import MAILS_TO_PROBE, Breaker, State
from aftercart.delivery.limits.quota import SET_BACK, Limit, Limits, Per, counted, free_at, is_ahead, set_right
from aftercart.delivery.store import breakers
from aftercart.delivery.store.usage import ALL, usage

AHEAD = timedelta(seconds=5)
"""How much work for the senders is handed out ahead; a claim is good for a minute."""
THE_ONE = 1


@dataclass(frozen=True, slots=True)
class Room:
    """How many mails may be handed out. `mails` None: all there are. `spacing`: between two mails, on average."""

    mails: int | None
    held: Held = Held.THROTTLED
    sender: str = ""
    words: str = ""
    until: datetime | None = None
    """When there will be room, where there is none."""
    spacing: timedelta = timedelta(0)
    by_pace: int = 0
    """How many of them go to a sender that is paced by the second; the others leave as fast as they can."""
    is_to_probe: bool = False
    """No sender works; these mails are to try one."""


def room(connection: Connection, names: Sequence[str], limits_of: Callable[[str], Limits], now: datetime) -> Room:
    """How many due mails may be handed out at `now`."""
    standing = breakers.standing(connection, names)
    total, probes, shut = 0, 0, []
    for name in names:
        breaker = standing.get(name, Breaker())
        if breaker.state is not State.CLOSED:
            shut.append(Room(0, Held.DOWN, name, breaker.fault, breaker.shut_until(now)))
            probes += MAILS_TO_PROBE if breaker.may_probe(now) else 0
            continue
        limits = limits_of(name).at(now)
        if not limits:
            return Room(None)
        pace = min((one for one in limits if one.per is Per.SECOND), key=lambda one: one.most, default=None)
        quota = _quota(connection, name, [one for one in limits if one.per is not Per.SECOND], now)
        by_pace = _by_pace(connection, pace, now) if pace else None
        if pace and by_pace is not None and (quota.mails is None or by_pace <= quota.mails):
            return Room(total + probes + by_pace, Held.THROTTLED, name, str(pace), None, pace.spacing, by_pace)
        total += quota.mails or 0
        shut.append(quota)
    first = min(shut, key=lambda room: room.until or now, default=Room(0))
    return replace(first, mails=total + probes, is_to_probe=not total)


def is_held_back(
    connection: Connection, names: Sequence[str], limits_of: Callable[[str], Limits], now: datetime
) -> bool:
    """Whether no sender takes any mail now, because a limit is used up."""
    found = room(connection, names, limits_of, now)
    return found.mails == 0 and found.held is Held.THROTTLED and found.until is not None and found.until > now


def _quota(connection: Connection, name: str, limits: Sequence[Limit], now: datetime) -> Room:
    """How many mails are left of the hour and the day, and how it goes on once they have left."""
    if not limits:
        return Room(None)
    noted = usage(connection, name).get(ALL, {})
    counts = set_right(noted, now)
    left = min(limit.left(counts, now) for limit in limits)
    if is_ahead(noted, now):
        left = max(left, 1)  # whoever counts this one sets right what was counted before the clock was set back
    until, limit = free_at(limits, counted(limits, counts, now, left), now)
    return Room(left, Held.THROTTLED, name, str(limit), until, limit.spacing if limit else timedelta(0))


def _by_pace(connection: Connection, pace: Limit, now: datetime) -> int:
    handed_out = connection.execute(select(drain.c.paced_until).where(drain.c.id == THE_ONE)).scalar_one_or_none()
    return max((now + AHEAD - _next_place(handed_out, now)) // pace.spacing, 0)


def _next_place(paced_until: datetime | None, now: datetime) -> datetime:
    """Where the next mail has its place. What lies further ahead than is ever handed out comes from another time."""
    if paced_until is None or paced_until > now + AHEAD + SET_BACK:
        return now
    return max(paced_until, now)


def took(connection: Connection, mails: int, room: Room, now: datetime) -> None:
    """So many were handed out."""
    paced = min(mails, room.by_pace)
    if paced:
        paced_until = _next_place(lock(connection, now).paced_until, now) + paced * room.spacing
        connection.execute(update(drain).where(drain.c.id == THE_ONE).values(paced_until=paced_until))


@dataclass(frozen=True, slots=True)
class Drain:
    """How far the dispatchers have come with handing out what is due."""

    paced_until: datetime
    """Until when the senders have enough to do."""
    marked_until: datetime | None
    """Sends due before this were told that they wait, except those that got such a time only since."""
    last_turn: datetime | None
    """The instant that the last waiting send was told."""
    looked_at: datetime | None
    """When all waiting sends were last looked at, and those that had become too late were taken out."""


def lock(connection: Connection, now: datetime) -> Drain:
    """How far they are; other dispatchers wait until the end of the transaction."""
    columns = (drain.c.paced_until, drain.c.marked_until, drain.c.last_turn, drain.c.looked_at)
    wanted = select(*columns).where(drain.c.id == THE_ONE).with_for_update()
    found = connection.execute(wanted).one_or_none()
    if found is None:
        insert_new(connection, drain, [{"id": THE_ONE, "paced_until": now}], unique=("id",))
        found = connection.execute(wanted).one()
    return Drain(*found)


def keep(connection: Connection, **changes: datetime | None) -> None:
    """Write how far they are now."""
    connection.execute(update(drain).where(drain.c.id == THE_ONE).values(**changes))
