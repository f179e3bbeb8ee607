"""The port to what all workers share about senders: who is out of order, and how much each was given lately."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aftercart.delivery.base import Held
from aftercart.delivery.limits.breaker import Sign
from aftercart.delivery.limits.quota import Limit, Per


@dataclass(frozen=True, slots=True)
class Wait:
    """A sender takes no more before `until`."""

    sender: str
    until: datetime
    held: Held
    words: str
    """The limit, or the fault, as a person reads it."""
    limit: Limit | None = None
    scope: str = ""
    """Which mail the limit is about: empty for all, else what `Mailboxes.scope` says."""

    @property
    def is_pace(self) -> bool:
        """A limit by the second: it is waited for, and no reason to take another sender."""
        return self.limit is not None and self.limit.per is Per.SECOND


@dataclass(frozen=True, slots=True)
class View:
    """How a sender stands towards one mail."""

    wait: Wait | None = None
    needs_probe: bool = False
    """It was out of order and may be tried with one mail."""
    is_limited: bool = False
    """Each mail must be taken."""


class Traffic(Protocol):
    """Safe to use from many threads, and from many processes at once."""

    def view(self, sender: str, domain: str) -> View:
        """Whether a mail to this domain may be given to the sender, as far as this process knows; takes nothing."""
        ...

    def take(self, sender: str, domain: str) -> Wait | None:
        """Count one mail that leaves now; where a limit forbids it, count nothing and say what to wait for."""
        ...

    def probe(self, sender: str) -> bool:
        """Become the one who tries a sender that was out of order; False if somebody else does."""
        ...

    def report(self, sender: str, sign: Sign, words: str) -> None:
        """Tell what the fate of a mail says about its sender. `words`: the provider's."""
        ...

    def queue(self, wait: Wait) -> datetime:
        """The instant to come back at: behind those who wait for the same limit already."""
        ...
