"""The states of a send and the outcomes of an attempt, as they stand in the database."""

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
