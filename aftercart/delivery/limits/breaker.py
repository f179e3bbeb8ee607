"""When a sender is out of order, it is left alone for a while; then one mail tries it again. Pure.

    closed ──several faults in a row──▶ open ──its time is over──▶ one mail probes ──taken──▶ closed
                                          ▲                             │       ▲  │
                                          ├──── for twice as long ──────┤       └──┘ it broke over this mail:
                                          │     a fault again           │            another mail probes
                                          └──── for as long as at first ┘
                                                the fifth mail over which it broke

What a provider says of a recipient is no fault of the provider. One that refuses somebody works. One that breaks the
connection when it hears of a recipient may be ill, or stumble over this mailbox alone; one mail cannot tell. So it
takes several, of different people, each for the first time: a mailbox that breaks every connection is known after its
first mail, and must not close the way for all others with every retry. And such a sender is tried again soon each time:
it can be reached, a few mails cost nobody much, and if most of those that wait are poison the good ones must be found.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from aftercart.delivery.base import Outcome, Receipt
from aftercart.delivery.limits.quota import SET_BACK

FAULTS_TO_OPEN = 5
"""In a row, of all workers together. One alone may be a connection too many or a server that restarts."""
FAULTS_BELONG_TOGETHER = timedelta(minutes=5)
"""A fault that is older says nothing about now."""
MAILS_TO_PROBE = FAULTS_TO_OPEN
"""How many mails are kept ready to try a sender: over some of them it may break."""
FIRST_REST = timedelta(seconds=15)
LONGEST_REST = timedelta(minutes=5)
PROBE_LEASE = timedelta(minutes=2)
"""A worker that was to try the sender and has said nothing for so long is taken for dead."""

_THROTTLED_OR_CLOSING = frozenset({421, 429, 454})
OF_ONE_MAIL = frozenset({400, 409, 413, 414, 415, 422})
"""HTTP's refusals of a request for what it holds (RFC 9110 §15.5). A bad template must not hold other campaigns."""
_OF_THE_SYSTEM = re.compile(r"4\d\d[ -]#?4\.3\.\d")
"""RFC 3463 §3.4: the mail system itself is full, or takes no mail at the moment."""


class Sign(StrEnum):
    """What a receipt says about the sender that gave it."""

    WORKS = "works"
    FAULT = "fault"
    DOUBT = "doubt"
    """Its fault, or that of the mailbox over which it broke."""
    NOTHING = "nothing"


def sign_of(receipt: Receipt) -> Sign:
    """Whether a sender works, by what became of one mail."""
    if receipt.fault_is_ours and _is_about_this_mail(receipt):
        return Sign.NOTHING
    match receipt.outcome:
        case Outcome.ACCEPTED:
            return Sign.WORKS
        case Outcome.REJECTED if not receipt.fault_is_ours:
            return Sign.WORKS
        case Outcome.DEFERRED if receipt.broke_over_it:
            return Sign.DOUBT
        case Outcome.DEFERRED if not receipt.fault_is_ours:
            return Sign.FAULT if _is_about_all_mail(receipt) else Sign.NOTHING
        case Outcome.WITHHELD | Outcome.HELD:
            return Sign.NOTHING
        case _:
            return Sign.FAULT


def _is_about_this_mail(receipt: Receipt) -> bool:
    """Of what we could mend: the mail could not be made, or the provider looked at it and works."""
    if receipt.outcome is Outcome.REJECTED and (receipt.code is None or 200 <= receipt.code < 300):
        return True
    return receipt.code in OF_ONE_MAIL


def _is_about_all_mail(receipt: Receipt) -> bool:
    """Of a "not now": the provider is busy, closing or ill (HTTP 5xx), whoever the mail is for."""
    code = receipt.code or 0
    return code in _THROTTLED_OR_CLOSING or code >= 500 or bool(_OF_THE_SYSTEM.match(receipt.response))


class State(StrEnum):
    """Whether a sender is given mail."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class Breaker:
    """How a sender stands, for all workers."""

    state: State = State.CLOSED
    faults: int = 0
    """In a row."""
    fault_at: datetime | None = None
    fault: str = ""
    """The provider's words."""
    openings: int = 0
    """In a row."""
    until: datetime | None = None
    """OPEN: when it is to be tried again. PROBING: when whoever tries it is taken for dead."""

    def shut_until(self, now: datetime) -> datetime | None:
        """Until when it gets nothing; None where it works or may be tried.

        Nobody rests for longer than five minutes. Where one seems to, the clock was set back since.
        """
        if self.state is State.CLOSED or self.until is None:
            return None
        return self.until if now < self.until <= now + LONGEST_REST + SET_BACK else None

    def may_probe(self, now: datetime) -> bool:
        return self.state is not State.CLOSED and self.shut_until(now) is None


def probing(breaker: Breaker, now: datetime) -> Breaker:
    """One mail is on its way to try it."""
    return replace(breaker, state=State.PROBING, until=now + PROBE_LEASE)


def after(breaker: Breaker, sign: Sign, words: str, now: datetime) -> Breaker:
    """What one receipt makes of it."""
    match sign:
        case Sign.WORKS:
            return Breaker()
        case Sign.FAULT:
            return _after_fault(breaker, words, now)
        case Sign.DOUBT:
            return _after_doubt(breaker, words, now)
        case Sign.NOTHING:  # a probe that told nothing: the next mail probes
            return replace(breaker, state=State.OPEN, until=now) if breaker.state is State.PROBING else breaker


def _after_fault(breaker: Breaker, words: str, now: datetime) -> Breaker:
    told = _told(breaker, words, now)
    if breaker.state is State.PROBING or (breaker.state is State.CLOSED and told.faults >= FAULTS_TO_OPEN):
        rest = min(FIRST_REST * 2 ** min(breaker.openings, 10), LONGEST_REST)
        return replace(told, state=State.OPEN, openings=breaker.openings + 1, until=now + rest)
    return told


def _after_doubt(breaker: Breaker, words: str, now: datetime) -> Breaker:
    match breaker.state:
        case State.CLOSED:
            return _after_fault(breaker, words, now)
        case State.OPEN:  # of a mail that was under way
            return breaker
        case State.PROBING:
            told = _told(breaker, words, now)
            is_enough = told.faults % FAULTS_TO_OPEN == 0
            return replace(told, state=State.OPEN, until=now + FIRST_REST if is_enough else now)


def _told(breaker: Breaker, words: str, now: datetime) -> Breaker:
    fresh = breaker.fault_at is not None and now - breaker.fault_at <= FAULTS_BELONG_TOGETHER
    faults = breaker.faults + 1 if fresh or breaker.state is not State.CLOSED else 1
    return replace(breaker, faults=faults, fault_at=now, fault=words)
