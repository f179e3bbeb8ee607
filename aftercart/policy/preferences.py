"""What a recipient may choose for themself: how often, a break, and what not to be offered. Pure."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from aftercart.policy.wall_clock import first_instant

LONGEST_SNOOZE = timedelta(days=100)
"""Three months and some days; a date further ahead was made up."""


class Pace(StrEnum):
    """How often at most, as the frequency cap of one person."""

    ANY = ""
    WEEKLY = "1 per 7d"
    MONTHLY = "1 per 30d"


class RefusalKind(StrEnum):
    """What a refusal names."""

    SKU = "sku"
    CATEGORY = "category"


class RefusalWhy(StrEnum):
    """What the person said."""

    LESS_LIKE_THIS = "less_like_this"
    HAVE_IT = "have_it"


@dataclass(frozen=True, slots=True, order=True)
class Refused:
    """One thing that a person does not want to be offered."""

    kind: RefusalKind
    value: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Everything that a person can choose, as it stands or as they want it. `topics`: those they want mail about."""

    topics: frozenset[str]
    at_most: Pace = Pace.ANY
    snoozed_until: datetime | None = None
    locale: str = ""
    time_zone: str = ""
    refused: frozenset[Refused] = frozenset()


def months_from(now: datetime, months: int, zone: tzinfo) -> datetime:
    """The beginning of the same day so many months later (of a shorter month its last day), by the person's clock."""
    today = now.astimezone(zone).date()
    index = today.year * 12 + today.month - 1 + months
    year, month = index // 12, index % 12 + 1
    day = min(today.day, monthrange(year, month)[1])
    return first_instant(today.replace(year=year, month=month, day=day), time(), zone)


def worth_keeping(until: datetime | None, now: datetime) -> datetime | None:
    """A break that lies ahead and is no longer than one that can be chosen; None for any other."""
    return until if until and now < until <= now + LONGEST_SNOOZE else None
