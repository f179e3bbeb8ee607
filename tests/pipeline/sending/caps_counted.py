"""What frequency caps allow, counted by brute force from the table of sends: beside it the engine is judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from aftercart.policy.frequency_cap import CalendarWindow, CapScope, FrequencyCap

PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True)
class Holding:
    """A mail that holds a slot, as the table has it."""

    id: UUID
    campaign: str
    topic: str
    at: datetime
    attempt: int
    recipient_id: int
    decided: int
    """Its place in the order in which mails were allowed to go. A cap binds the mails of its own campaign: what another
    campaign's mail does afterwards breaks none of theirs."""

    @property
    def is_marketing(self) -> bool:
        return self.campaign != "receipts"


@dataclass(frozen=True)
class Terms:
    """By what a mail got its slot: who its person was then, and the caps that held for it."""

    person: frozenset[int]
    caps: tuple[FrequencyCap, ...]


@dataclass(frozen=True)
class Person:
    """What the tables say of one person. `ignored`: marketing mails since they last clicked or ordered."""

    ids: frozenset[int]
    at_most: frozenset[str]
    snoozed_until: datetime | None
    ignored: int


def as_one(ids: frozenset[int], chosen: Iterable[Any], acts: Iterable[Any], got: Iterable[Any]) -> Person:
    theirs = [row for row in chosen if row["recipient_id"] in ids]
    last = max((at for id_, at in acts if id_ in ids), default=datetime.min.replace(tzinfo=UTC))
    return Person(
        ids=ids,
        at_most=frozenset(row["at_most"] for row in theirs) - {""},
        snoozed_until=max((row["snoozed_until"] for row in theirs if row["snoozed_until"]), default=None),
        ignored=sum(id_ in ids and at > last for id_, at in got),
    )


def may_be_ignored(row: Any) -> bool:
    return row["state"] in {"sent", "delivered", "complained"} and row["campaign"] != "receipts"


def counts(scope: CapScope, other: Holding, mail: Holding) -> bool:
    same = {CapScope.TOPIC: other.topic == mail.topic, CapScope.CAMPAIGN: other.campaign == mail.campaign}
    return same.get(scope, True)


def fullest(per: timedelta | CalendarWindow, mails: list[Holding], about: Holding) -> int:
    """The most mails in any window that holds one mail."""
    if isinstance(per, CalendarWindow):
        return sum(_period(per, mail.at) == _period(per, about.at) for mail in mails)
    ends = [mail.at for mail in mails if mail.at - per < about.at <= mail.at]
    return max(sum(end - per < mail.at <= end for mail in mails) for end in ends)


def _period(window: CalendarWindow, at: datetime) -> Any:
    day = at.astimezone(PARIS).date()
    return day if window is CalendarWindow.DAY else day.isocalendar()[:2]
