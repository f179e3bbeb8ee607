"""Reading and moving sends. Each function runs in the caller's transaction and takes a batch.

Locks are always taken in this order, and within a table in the order of the ids, so that two workers never wait for
each other in a circle: recipients, customers, orders (see `aftercart/intake/store`), sends, enrollments.
"""

from aftercart.ledger.store.backlog import mark_waiting, postpone, take_expired, take_to_probe
from aftercart.ledger.store.by_hand import Choice, Failed, InDoubt, failed, in_doubt, plan_anew, settle_in_doubt
from aftercart.ledger.store.claims import LEASE, Claim, claim, defer, due, lock_due, recipients_of
from aftercart.ledger.store.dispatching import (
    NUDGE_AGAIN,
    due_campaigns,
    is_busy,
    next_wake,
    settle_abandoned,
    take_due,
    take_over,
)
from aftercart.ledger.store.doubts import (
    Doubt,
    arrived,
    ask_later,
    begin_again,
    find_doubts,
    forget_doubt,
    keep_doubts,
    may_begin_again,
    take_doubts,
)
from aftercart.ledger.store.fences import beat, due_until, hold_all, let_go, planned_late, put_in_doubt, standing
from aftercart.ledger.store.marks import REPLY_LEASE, Settled, Start, begin, release, settle
from aftercart.ledger.store.plans import (
    cancel,
    decide_anew,
    end,
    lock_sends,
    readdress,
    replace,
    restore,
    take_back,
    wake_up,
)
from aftercart.ledger.store.records import NOT_AGAIN_FOR, keep_content, keep_decisions, keep_templates, offered_since

__all__ = [
    "LEASE",
    "NOT_AGAIN_FOR",
    "NUDGE_AGAIN",
    "REPLY_LEASE",
    "Choice",
    "Claim",
    "Doubt",
    "Failed",
    "InDoubt",
    "Settled",
    "Start",
    "arrived",
    "ask_later",
    "beat",
    "begin",
    "begin_again",
    "cancel",
    "claim",
    "decide_anew",
    "defer",
    "due",
    "due_campaigns",
    "due_until",
    "end",
    "failed",
    "find_doubts",
    "forget_doubt",
    "hold_all",
    "in_doubt",
    "is_busy",
    "keep_content",
    "keep_decisions",
    "keep_doubts",
    "keep_templates",
    "let_go",
    "lock_due",
    "lock_sends",
    "mark_waiting",
    "may_begin_again",
    "next_wake",
    "offered_since",
    "plan_anew",
    "planned_late",
    "postpone",
    "put_in_doubt",
    "readdress",
    "recipients_of",
    "release",
    "replace",
    "restore",
    "settle",
    "settle_abandoned",
    "settle_in_doubt",
    "standing",
    "take_back",
    "take_doubts",
    "take_due",
    "take_expired",
    "take_over",
    "take_to_probe",
    "wake_up",
]
