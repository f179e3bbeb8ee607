"""From what a clock on the wall shows to the instant it means.

A wall clock skips an hour (or, once, a whole day) in a spring gap and shows an hour twice in an autumn fold. The
house rule for both: in a gap the first instant after it, in a fold the first occurrence.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo


def first_instant(day: date, wall_time: time, zone: tzinfo) -> datetime:
    """The first instant (in UTC) at which a wall clock in `zone` shows `wall_time` on `day`, or has just passed it."""
    wall = datetime.combine(day, wall_time.replace(fold=0))
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    shown = instant.astimezone(zone).replace(tzinfo=None)
    return instant if shown == wall else _end_of_gap(wall, zone)


def second_instant(day: date, wall_time: time, zone: tzinfo) -> datetime:
    """In a fold the later of the two instants; elsewhere the same as `first_instant`."""
    wall = datetime.combine(day, wall_time).replace(tzinfo=zone, fold=1)
    return max(wall.astimezone(UTC), first_instant(day, wall_time, zone))


def _end_of_gap(missing: datetime, zone: tzinfo) -> datetime:
    """The instant at which the clock jumped over `missing`, found by halving, exact to the second.

    PEP 495: inside a gap fold=0 counts with the offset before it, which lands after the jump; fold=1 before it.
    """
    before = missing.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = missing.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) < missing:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
