"""The states of a confirmation (the mail of double opt-in), and every change between them (drawn in docs/states.md).

As with sends a claim is no state but a lease. What became of the question is told by consent itself, not here.
"""

from enum import StrEnum

from aftercart.transitions import Transition


class ConfirmationState(StrEnum):
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


_PLANNED, _SENDING, _UNKNOWN = ConfirmationState.SCHEDULED, ConfirmationState.SENDING, ConfirmationState.UNKNOWN
OPEN = (_PLANNED, _SENDING)
"""States in which something is still going to happen by itself."""
_IN_HAND = (*OPEN, _UNKNOWN)
"""What a receipt may speak of: a late one turns `unknown` into the truth."""
_ON_ITS_WAY = (*_IN_HAND, ConfirmationState.SENT)
"""What a report may speak of, as with sends."""

ASK = Transition("ask", (), _PLANNED, "somebody agrees where a yes has to be confirmed")
SKIP = Transition("skip", (_PLANNED,), ConfirmationState.SKIPPED, "nothing is left to ask, or nobody may be")
BEGIN = Transition("begin", (_PLANNED,), _SENDING, "the server said go ahead; the body is about to leave")
ACCEPT = Transition("accept", _IN_HAND, ConfirmationState.SENT, "the provider has taken it")
TRY_AGAIN = Transition("try_again", _IN_HAND, _PLANNED, "it cannot go yet")
REFUSE = Transition("refuse", _IN_HAND, ConfirmationState.FAILED, "the provider never takes it, or not in time")
LOSE = Transition("lose", _IN_HAND, _UNKNOWN, "the connection broke during the hand-over")
ABANDON = Transition("abandon", (_SENDING,), _UNKNOWN, "the worker died during the hand-over")
DOUBT = Transition("doubt", OPEN, _UNKNOWN, "the database was set back or copied; it may have left before")

TAKE = Transition("take", _IN_HAND, ConfirmationState.SENT, "its provider reports that it has it")
DELIVER = Transition("deliver", _ON_ITS_WAY, ConfirmationState.DELIVERED, "the recipient's server has it")
BOUNCE = Transition("bounce", (*_ON_ITS_WAY, ConfirmationState.DELIVERED), ConfirmationState.BOUNCED, "it came back")
COMPLAIN = Transition(
    "complain",
    (*_ON_ITS_WAY, ConfirmationState.DELIVERED, ConfirmationState.BOUNCED),
    ConfirmationState.COMPLAINED,
    "its reader calls it spam",
)

PLAN_ANEW = Transition("plan_anew", (ConfirmationState.FAILED,), _PLANNED, "somebody asks for another try")
SETTLE_SENT = Transition("settle_sent", (_UNKNOWN,), ConfirmationState.SENT, "it has left, as was found out")
SETTLE_NOT_SENT = Transition("settle_not_sent", (_UNKNOWN,), ConfirmationState.FAILED, "it has not, as was found out")
LEAVE_UNKNOWN = Transition("leave_unknown", (_UNKNOWN,), _UNKNOWN, "somebody looked; it cannot be known")

TRANSITIONS = (
    ASK,
    SKIP,
    BEGIN,
    ACCEPT,
    TRY_AGAIN,
    REFUSE,
    LOSE,
    ABANDON,
    DOUBT,
    TAKE,
    DELIVER,
    BOUNCE,
    COMPLAIN,
    PLAN_ANEW,
    SETTLE_SENT,
    SETTLE_NOT_SENT,
    LEAVE_UNKNOWN,
)
