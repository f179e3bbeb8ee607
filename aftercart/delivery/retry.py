"""When to try again what could not be handed over. Pure."""

from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


def retry_at(
    tries: int, person: int, now: datetime, valid_until: datetime, asked_for: timedelta = timedelta(0)
) -> datetime | None:
    """Twice as long each time, at most an hour, and spread by a tenth, so that a backlog does not come back at once.

    Towards the end the pauses shrink again, to half of what is left: a mail shall not be given up while a provider
    has time to recover. None: it is no longer worth it. `person`: a number that tells people apart. `asked_for`: the
    pause that the provider wants; at most an hour of it is granted.
    """
    left = valid_until - now
    if left <= FIRST_PAUSE:
        return None
    doublings: int = 2 ** min(tries, 10)
    pause = min(FIRST_PAUSE * doublings, LONGEST_PAUSE) * (1 + (person + tries) % 100 / 1000)
    pause = max(min(pause, max(left / 2, FIRST_PAUSE)), min(asked_for, LONGEST_PAUSE))
    return now + pause if pause < left else None
