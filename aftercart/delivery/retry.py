"""When to try again what could not be handed over. Pure."""

from datetime import datetime, timedelta
from hashlib import blake2s

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
LAST_MOMENT = timedelta(seconds=5)


def retry_at(
    tries: int, person: int, now: datetime, valid_until: datetime, asked_for: timedelta = timedelta(0)
) -> datetime | None:
    """Twice as long each time, at most an hour, and spread by a tenth, so that a backlog does not come back at once.

    Towards the end the pauses shrink again, to half of what is left: a mail shall not be given up while a provider
    has time to recover. None: it is no longer worth it. `person`: a number that tells people apart. `asked_for`: the
    pause that the provider wants; at most an hour of it is granted, and none beyond the last moment.
    """
    left = valid_until - now
    if left <= FIRST_PAUSE:
        return None
    doublings: int = 2 ** min(tries, 10)
    pause = min(FIRST_PAUSE * doublings, LONGEST_PAUSE) * (1 + _spread(person, tries) / 10)
    return now + max(min(pause, max(left / 2, FIRST_PAUSE)), min(asked_for, LONGEST_PAUSE, left - LAST_MOMENT))


def _spread(person: int, tries: int) -> float:
    """From 0 to 1, another order of people at each try: two mailboxes that break connections, one next to the other,
    must not stand before the same people again and again.
    """
    return int.from_bytes(blake2s(f"{person}.{tries}".encode(), digest_size=2).digest()) / 0xFFFF
