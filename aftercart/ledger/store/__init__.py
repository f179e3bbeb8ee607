"""Reading and moving sends. Each function runs in the caller's transaction and takes a batch.

Locks are always taken in this order, and within a table in the order of the ids, so that two workers never wait for
each other in a circle: recipients, customers, orders (see `aftercart/intake/store`), sends, enrollments.
"""

from aftercart.ledger.store.backlog import mark_waiting, postpone, take_expired
from aftercart.ledger.store.claims import LEASE, Claim, claim, defer, due, lock_due
from aftercart.ledger.store.dispatching import (
    NUDGE_AGAIN,
    is_busy,
    next_wake,
    settle_abandoned,
    take_due,
    take_over,
)
from aftercart.ledger.store.marks import REPLY_LEASE, Settled, Start, begin, release, settle
from aftercart.ledger.store.plans import (
    cancel_enrollments,
    complete_enrollments,
    decide_anew,
    end,
    lock_sends,
    readdress,
    restore_enrollments,
)
from aftercart.ledger.store.records import keep_content, keep_decisions, offered_since

__all__ = [
    "LEASE",
    "NUDGE_AGAIN",
    "REPLY_LEASE",
    "Claim",
    "Settled",
    "Start",
    "begin",
    "cancel_enrollments",
    "claim",
    "complete_enrollments",
    "decide_anew",
    "defer",
    "due",
    "end",
    "is_busy",
    "keep_content",
    "keep_decisions",
    "lock_due",
    "lock_sends",
    "mark_waiting",
    "next_wake",
    "offered_since",
    "postpone",
    "readdress",
    "release",
    "restore_enrollments",
    "settle",
    "settle_abandoned",
    "take_due",
    "take_expired",
    "take_over",
]
