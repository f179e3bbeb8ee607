"""The port to whoever carries the mail: an SMTP server, a mail service, a file, the console.

A sender takes messages and answers with one receipt each. It never raises for a single message: a refusal is a receipt.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered mail, ready to hand over. `message_id` is the same on every attempt: `<send_id@domain>`."""

    send_id: UUID
    message_id: str
    sender: str
    """The From address, with or without a display name: `Aftercart Bikes <hello@example.com>`."""
    recipient: str
    """The bare address of the one person this goes to."""
    subject: str
    html: str
    text: str
    date: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers (List-Unsubscribe, Feedback-ID ...), unfolded."""
    bounce_to: str = ""
    """The envelope sender (Return-Path); the From address where empty."""
    campaign: str = ""
    """What a mail service may count it under."""
    via: str = ""
    """The name of the sender that was chosen for it, where there are several."""
    tries: int = 0
    """How often it was tried before, in vain."""
    is_repeat: bool = False
    """The same message was handed over before, and no answer came."""

    @property
    def domain(self) -> str:
        """Of the recipient, in small letters: limits are counted by it."""
        return self.recipient.rpartition("@")[2].lower()


class Outcome(StrEnum):
    """What became of the hand-over of one message."""

    ACCEPTED = "accepted"
    """The provider took responsibility for it."""
    DEFERRED = "deferred"
    """Not taken, worth trying again (4xx, no connection). Nothing was delivered."""
    REJECTED = "rejected"
    """Refused for good (5xx). Nothing was delivered."""
    UNKNOWN = "unknown"
    """The body was handed over and no answer came: it may or may not have been taken. Never blindly sent again."""
    WITHHELD = "withheld"
    """`go` said no at the last instant. Nothing was delivered."""
    HELD = "held"
    """Offered to no sender: each is out of order or has as much as it may be given. It waits unharmed."""


class Held(StrEnum):
    """Why a mail waits for a sender."""

    THROTTLED = "provider_throttled"
    DOWN = "provider_down"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message. `response` is the provider's own words, at most 500 characters."""

    send_id: UUID
    outcome: Outcome
    response: str
    code: int | None = None
    """The provider's numeric reply (SMTP or HTTP status), where it gave one."""
    hard_bounce: bool = False
    """The provider said clearly that there is no such address: it must never be mailed again."""
    fault_is_ours: bool = False
    """Not the recipient's and not the provider's: it refused us (login, relaying, blocklist, policy, no connection), or
    the message cannot be made into a mail. Worth trying again once somebody has mended it, whatever the outcome."""
    broke_over_it: bool = False
    """The connection stood, and broke when the provider had heard who this mail is for. That may be the provider's
    fault or this mailbox's alone: other mails will tell."""
    retry_after: timedelta | None = None
    """How long the provider asks us to wait before the next try."""
    via: str = ""
    """The name of the sender that it is from, where there are several."""
    known_for: timedelta | None = None
    """Of an UNKNOWN message: for how long, from the start of its hand-over, the provider would know it again. If the
    same message is given to the same account within that time, the provider answers and does not send it twice."""
    held: Held | None = None
    held_until: datetime | None = None
    """Of a HELD message: why, and when it is worth trying again."""


class Go(Protocol):
    """Asked at the last instant at which messages can be held back (SMTP: after the 354 and before the body).

    It records that their hand-over begins, and which receipts have been yielded before; so a sender that has to wait
    long asks it with no message at all.
    """

    def __call__(self, *messages: Message) -> Collection[UUID]:
        """The ids of those that may go; the others must not be sent."""
        ...


class Sender(Protocol):
    """Safe to use from many threads."""

    name: str
    """Short and stable, stored with every attempt: `smtp:mail.example.com`, `file`, `console`."""

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        """Hand over the messages; yields one receipt each, as soon as it is known. They begin in their order.

        Each message is taken from `messages` when its turn has come: one that must no longer go is not there then.
        """
        ...

    def close(self) -> None:
        """Close kept connections. The sender may be used again afterwards."""
        ...


@runtime_checkable
class HasAccount(Protocol):
    """A sender whose provider keeps what it knows of mails apart for each account."""

    name: str

    def account(self, secret: str) -> str:
        """A keyed mark of the account that mails go to: the same for the same one, and nobody can read a key in it."""
        ...


class Found(StrEnum):
    """What a provider knows of a mail by its Message-ID."""

    TAKEN = "taken"
    """It took responsibility for it, whatever became of it then."""
    NEVER_CAME = "never_came"
    """It is certain that it never got it. To know nothing of a mail is not that: logs are late, and they end."""
    CANNOT_TELL = "cannot_tell"


@runtime_checkable
class LooksUp(Protocol):
    """A sender that can be asked later what became of a hand-over whose answer was lost."""

    name: str

    def look_up(self, message_ids: Sequence[str]) -> Mapping[str, Found]:
        """What the provider knows of these mails; it cannot tell about one that is missing from the answer.

        Never raises for a single mail; DeliveryError where the provider does not answer at all.
        """
        ...
