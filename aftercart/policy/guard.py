"""Does a campaign, or the brand as a whole, annoy more people than it may? Pure.

A share of a few mails says little: the one complaint in a hundred mails is ten times the limit of 0.1 %, and chance. So
beside the share the number has to be there, of mails and of people who complained or left. A shop of which two mails in
ten thousand are called spam sees three in the thousand mails of a week by chance once in 870 weeks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from aftercart.quantity import counted


class PauseScope(StrEnum):
    """What has paused itself."""

    CAMPAIGN = "campaign"
    VARIANT = "variant"
    """An arm of an experiment."""
    BRAND = "brand"
    """All campaigns."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The limits: shares of the mails of the last `over` that nobody may pass.

    A share counts when there are `mails` of those at least, and as many complaints or unsubscribes as stand beside it.
    """

    complaints: float
    unsubscribes: float
    mails: int
    least_complaints: int
    least_unsubscribes: int
    over: timedelta


@dataclass(frozen=True, slots=True)
class Toll:
    """Mails that reached somebody, and what they did to them."""

    mails: int = 0
    complaints: int = 0
    unsubscribes: int = 0

    def __add__(self, other: "Toll") -> "Toll":
        return Toll(
            self.mails + other.mails, self.complaints + other.complaints, self.unsubscribes + other.unsubscribes
        )


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that was passed. `limit_of`: what the limit is."""

    what: str
    count: int
    mails: int
    limit: float
    limit_of: str = "the limit"

    def __str__(self) -> str:
        share = f"{self.count / self.mails * 100:.3g}% ({self.count:,} of {counted(self.mails, 'mail')})"
        return f"{self.what} came to {share}, and {self.limit_of} is {self.limit * 100:.10g}%"

    def figures(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def breach(guard: Guard, toll: Toll) -> Breach | None:
    """The first limit that is passed; complaints come first."""
    if toll.mails < guard.mails:
        return None
    return next(_breaches(guard, toll), None)


def _breaches(guard: Guard, toll: Toll) -> Iterator[Breach]:
    for what, count, least, limit in (
        ("complaints", toll.complaints, guard.least_complaints, guard.complaints),
        ("unsubscribes", toll.unsubscribes, guard.least_unsubscribes, guard.unsubscribes),
    ):
        if count >= least and count / toll.mails > limit:
            yield Breach(what, count, toll.mails, limit)
