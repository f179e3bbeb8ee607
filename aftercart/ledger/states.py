"""The states of a send, and every change between them (drawn in docs/states.md).

A claim is no state but a lease on a scheduled send, so that a crash before the hand-over needs no repair.
"""

from enum import StrEnum

from aftercart.transitions import Transition


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


_PLANNED, _SENDING, _UNKNOWN = SendState.SCHEDULED, SendState.SENDING, SendState.UNKNOWN

OPEN = (_PLANNED, _SENDING)
"""States in which something is still going to happen by itself."""
_IN_HAND = (*OPEN, _UNKNOWN)
"""What a receipt may speak of: a late one turns `unknown` into the truth."""
_ON_ITS_WAY = (*_IN_HAND, SendState.SENT)
"""What a report may speak of: a mail that was to be tried again has left all the same, if somebody reports of it."""

# ---------------------------------------------------------------- planned and decided

PLAN = Transition("plan", (), _PLANNED, "an order enters a campaign")
SKIP = Transition("skip", (_PLANNED,), SendState.SKIPPED, "the gate says never, or a more important mail took its slot")
CANCEL = Transition(
    "cancel",
    (_PLANNED,),
    SendState.CANCELED,
    "its order, its campaign or its person takes it back, or a cap ended another of its run (`on_drop: exit`)",
)
RESTORE = Transition("restore", (SendState.CANCELED,), _PLANNED, "its order stands again")

ENDS = (SKIP, CANCEL)

# ---------------------------------------------------------------- handed over

BEGIN = Transition("begin", (_PLANNED,), _SENDING, "the server said go ahead; the body is about to leave")
ACCEPT = Transition("accept", _IN_HAND, SendState.SENT, "the provider has taken it")
TRY_AGAIN = Transition("try_again", _IN_HAND, _PLANNED, "the provider cannot take it yet")
REFUSE = Transition("refuse", _IN_HAND, SendState.FAILED, "the provider never takes it, or not in time")
LOSE = Transition("lose", _IN_HAND, _UNKNOWN, "the connection broke during the hand-over")
ABANDON = Transition("abandon", OPEN, _UNKNOWN, "the worker or the machine died during the hand-over")
DOUBT = Transition("doubt", OPEN, _UNKNOWN, "the database was set back or copied; it may have left before")

BEGIN_AGAIN = Transition(
    "begin_again", (_UNKNOWN,), _SENDING, "its provider would know it again, and is about to get the very same"
)

RECEIPTS = (ACCEPT, TRY_AGAIN, REFUSE, LOSE)

# ---------------------------------------------------------------- reported

TAKE = Transition("take", _IN_HAND, SendState.SENT, "its provider reports that it has it")
DELIVER = Transition("deliver", _ON_ITS_WAY, SendState.DELIVERED, "the recipient's server has it")
BOUNCE = Transition("bounce", (*_ON_ITS_WAY, SendState.DELIVERED), SendState.BOUNCED, "it came back")
COMPLAIN = Transition(
    "complain",
    (*_ON_ITS_WAY, SendState.DELIVERED, SendState.BOUNCED),
    SendState.COMPLAINED,
    "its reader calls it spam",
)

# ---------------------------------------------------------------- said by a person

PLAN_ANEW = Transition("plan_anew", (SendState.FAILED,), _PLANNED, "somebody asks for another try")
SETTLE_SENT = Transition("settle_sent", (_UNKNOWN,), SendState.SENT, "it has left, as was found out")
SETTLE_NOT_SENT = Transition("settle_not_sent", (_UNKNOWN,), SendState.FAILED, "it has not, as was found out")
LEAVE_UNKNOWN = Transition("leave_unknown", (_UNKNOWN,), _UNKNOWN, "somebody looked; it cannot be known")

SETTLEMENTS = (SETTLE_SENT, SETTLE_NOT_SENT, LEAVE_UNKNOWN)

TRANSITIONS = (
    PLAN,
    *ENDS,
    RESTORE,
    BEGIN,
    *RECEIPTS,
    ABANDON,
    DOUBT,
    BEGIN_AGAIN,
    TAKE,
    DELIVER,
    BOUNCE,
    COMPLAIN,
    PLAN_ANEW,
    *SETTLEMENTS,
)


class Word(StrEnum):
    """What somebody says of an unknown send. `leave`: it cannot be known."""

    SENT = "sent"
    NOT_SENT = "not-sent"
    LEAVE = "leave"
