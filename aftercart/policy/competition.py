"""When two mails want the same slot of one person: the more important one gets it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from aftercart.policy.frequency_cap import Counted, FrequencyCap, next_free

LOOKAHEAD = timedelta(hours=24)
"""How far ahead a mail of higher priority is waited for."""

AFTER_RIVAL = timedelta(minutes=5)
"""How long after a rival's turn we ask again: it may not go after all (no picks, holdout), and the slot stays free."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another mail planned for the same person. `due_at`: when it will ask to go out."""

    due_at: datetime
    campaign: str
    topic: str
    priority: int


def yields_until(
    rivals: Iterable[Rival],
    *,
    priority: int,
    campaign: str,
    topic: str,
    caps: Sequence[FrequencyCap],
    counted: Sequence[Counted],
    now: datetime,
    zone: tzinfo,
) -> datetime | None:
    """When this mail may ask again because a more important one needs the slot; None where there is room for both.

    Only a rival of higher priority, due within `LOOKAHEAD`, that could go out itself, and that this mail would keep
    from going out, is waited for.
    """
    mine = Counted(now, campaign, topic)
    for rival in sorted(rivals, key=lambda other: (-other.priority, other.due_at)):
        theirs = Counted(max(rival.due_at, now), rival.campaign, rival.topic)
        if rival.priority <= priority or theirs.at > now + LOOKAHEAD:
            continue
        fits = next_free(caps, counted, theirs.at, zone, rival.campaign, rival.topic) is None
        fits_beside_me = next_free(caps, [*counted, mine], theirs.at, zone, rival.campaign, rival.topic) is None
        if fits and not fits_beside_me:
            return theirs.at + AFTER_RIVAL
    return None
