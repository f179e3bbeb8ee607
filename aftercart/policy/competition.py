"""When two mails want the same slot of one person: the more important one gets it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from hashlib import blake2b
from uuid import UUID

from aftercart.policy.frequency_cap import Counted, FrequencyCap, next_free

LOOKAHEAD = timedelta(hours=24)
"""How far ahead a mail of higher priority is waited for, unless its campaign says otherwise."""

AFTER_RIVAL = timedelta(minutes=5)
"""How long after a rival's turn we ask again: it may not go after all (no picks, holdout), and the slot stays free."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another mail planned for the same person. `due_at`: when it will ask to go out. `caps`: those it must keep."""

    send_id: UUID
    due_at: datetime
    campaign: str
    topic: str
    priority: int
    caps: tuple[FrequencyCap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """A mail that may go now, as far as it is about itself, and what is known when it asks for its slot."""

    mail: Counted
    priority: int
    lookahead: timedelta
    counted: Sequence[Counted]
    zone: tzinfo


def turn_of(priority: int, due_at: datetime, send_id: UUID) -> tuple[int, datetime, bytes]:
    """The order in which mails compete: by priority, due time, and then a hash: no campaign always wins a tie."""
    return -priority, due_at, blake2b(send_id.bytes, digest_size=8).digest()


def yields_until(rivals: Iterable[Rival], bid: Bid) -> datetime | None:
    """When this mail may ask again because a more important one needs the slot; None where there is room for all.

    Only rivals of higher priority, due within the lookahead, that could go out themselves, and that this mail would
    keep from going out, are waited for.
    """
    kept_out = _kept_out([rival for rival in rivals if rival.priority > bid.priority], bid)
    return min(_turn(rival, bid) for rival in kept_out) + AFTER_RIVAL if kept_out else None


def replaced_by(rivals: Iterable[Rival], bid: Bid) -> list[UUID]:
    """The less important mails, due within the lookahead, that lose their slot when this mail goes now."""
    return [rival.send_id for rival in _kept_out(rivals, bid) if rival.priority < bid.priority]


def _kept_out(rivals: Iterable[Rival], bid: Bid) -> list[Rival]:
    """Those due within the lookahead that would go without this mail and do not beside it."""
    soon = [rival for rival in rivals if _turn(rival, bid) <= bid.mail.at + bid.lookahead]
    in_time = sorted(soon, key=lambda rival: (_turn(rival, bid), turn_of(rival.priority, rival.due_at, rival.send_id)))
    if not in_time:
        return []
    beside = {rival.send_id for rival in _going(in_time, [*bid.counted, bid.mail], bid)}
    return [rival for rival in _going(in_time, bid.counted, bid) if rival.send_id not in beside]


def _going(in_time: Iterable[Rival], counted: Sequence[Counted], bid: Bid) -> list[Rival]:
    """Those that find a free slot when their turn comes, one after the other."""
    taken, going = list(counted), list[Rival]()
    for rival in in_time:
        at = _turn(rival, bid)
        if next_free(rival.caps, taken, at, bid.zone, rival.campaign, rival.topic) is None:
            taken.append(Counted(at, rival.campaign, rival.topic))
            going.append(rival)
    return going


def _turn(rival: Rival, bid: Bid) -> datetime:
    return max(rival.due_at, bid.mail.at)
