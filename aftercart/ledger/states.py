"""The states of a send, as they stand in the database, and the words by which one in doubt is settled."""

from enum import StrEnum


class SendState(StrEnum):
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


OPEN = (SendState.SCHEDULED, SendState.SENDING)
"""States in which something is still going to happen by itself."""


class Word(StrEnum):
    """What somebody says of an unknown send. `leave`: it cannot be known."""

    SENT = "sent"
    NOT_SENT = "not-sent"
    LEAVE = "leave"
