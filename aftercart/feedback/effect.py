"""What a report changes: the state of its mail, and whether its address may be mailed again. Pure.

A mail that its server has taken, and one in doubt, end as delivered, bounced or complained; a report about a mail that
was to be tried again proves that it left. Never the other way: what has bounced is not delivered after all, and a
complaint stays one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from aftercart.consent import states as of_confirmation
from aftercart.consent.states import ConfirmationState
from aftercart.delivery.address import as_compared
from aftercart.feedback.told import Kind
from aftercart.ledger import states as of_send
from aftercart.ledger.states import SendState
from aftercart.policy.reason import Reason
from aftercart.policy.suppression import SuppressionReason
from aftercart.transitions import Transition

SOFT_BOUNCES_TO_SUPPRESS = 5
SOFT_BOUNCE_WINDOW = timedelta(days=90)
BOUNCES_COME_WITHIN = timedelta(days=5)
"""How long servers try (RFC 5321 §4.5.4.1). A mail that has not come back by then has arrived."""

State = SendState | ConfirmationState
"""Of a planned mail, or of one that asks somebody to confirm their consent. They say the same in the same words."""
Change = Transition[Any]
"""Of the machine that the mail's state belongs to."""

IN_DOUBT = frozenset[StrEnum]({SendState.SCHEDULED, SendState.SENDING, SendState.UNKNOWN})
"""Of a mail in these states we do not know whether it has left, if it was tried."""
_NEVER_LEFT = frozenset[StrEnum]({SendState.SKIPPED, SendState.CANCELED})


def _proven(take: Change, deliver: Change, bounce: Change, complain: Change) -> Mapping[Kind, tuple[Change, Reason]]:
    return {
        Kind.TAKEN: (take, Reason.SETTLED_SENT),
        Kind.READ: (deliver, Reason.DELIVERED),
        Kind.DELIVERED: (deliver, Reason.DELIVERED),
        Kind.HARD_BOUNCE: (bounce, Reason.HARD_BOUNCE),
        Kind.SOFT_BOUNCE: (bounce, Reason.BOUNCED),
        Kind.REFUSED: (bounce, Reason.BOUNCED),
        Kind.COMPLAINT: (complain, Reason.COMPLAINED),
    }


_PROVES: Mapping[type[StrEnum], Mapping[Kind, tuple[Change, Reason]]] = {
    SendState: _proven(of_send.TAKE, of_send.DELIVER, of_send.BOUNCE, of_send.COMPLAIN),
    ConfirmationState: _proven(
        of_confirmation.TAKE, of_confirmation.DELIVER, of_confirmation.BOUNCE, of_confirmation.COMPLAIN
    ),
}
_SUPPRESSES: Mapping[Kind, SuppressionReason] = {
    Kind.HARD_BOUNCE: SuppressionReason.HARD_BOUNCE,
    Kind.COMPLAINT: SuppressionReason.COMPLAINT,
    Kind.UNSUBSCRIBE: SuppressionReason.UNSUBSCRIBED,
}


@dataclass(frozen=True, slots=True)
class Effect:
    """`proves` and `reason` None: the mail stays as it is. `why`: why nothing changes at all."""

    proves: Change | None = None
    reason: Reason | None = None
    suppress: SuppressionReason | None = None
    counts_softly: bool = False
    why: str = ""

    @property
    def state(self) -> State | None:
        """The mail's new state."""
        found: State | None = self.proves.target if self.proves else None
        return found

    @property
    def frees_slot(self) -> bool:
        """A mail that never came counts against no frequency cap."""
        return self.proves is of_send.BOUNCE


def effect(kind: Kind, told_of: str, state: State, tries: int, recipient: str) -> Effect:
    """`told_of`: the address that the report speaks of; `recipient`: the one that the mail went to.

    `tries`: how often its hand-over has ended; a planned mail with none has never left.
    """
    if told_of and as_compared(told_of) != as_compared(recipient):
        return Effect(why="another_address")
    if kind in (Kind.DELAYED, Kind.AUTO_REPLY, Kind.OTHER):
        return Effect(why="nothing_to_do")
    if state in _NEVER_LEFT or (state == SendState.SCHEDULED and not tries):
        return Effect(why="never_left")
    proves, reason = _PROVES[type(state)].get(kind, (None, None))
    if proves is not None and state not in proves.sources:
        proves = reason = None
    suppress = _SUPPRESSES.get(kind)
    if proves is None and suppress is None:
        return Effect(why="known_already")
    return Effect(proves, reason, suppress, counts_softly=kind is Kind.SOFT_BOUNCE)
