"""The outbox: what happened is noted in the transaction of the fact, and told later.

Each function runs in the caller's transaction and takes a batch.
"""

from aftercart.outward.store.content import subjects
from aftercart.outward.store.noting import Fact, is_heard, note, note_mails
from aftercart.outward.store.outlets import (
    OutletRow,
    enable,
    hold,
    is_in_step,
    keep_standing,
    let_go,
    outlet_rows,
    standing,
    sync,
)
from aftercart.outward.store.telling import drop, forget_old, give_back, is_due, keep_body, resend, settle, take

__all__ = [
    "Fact",
    "OutletRow",
    "drop",
    "enable",
    "forget_old",
    "give_back",
    "hold",
    "is_due",
    "is_heard",
    "is_in_step",
    "keep_body",
    "keep_standing",
    "let_go",
    "note",
    "note_mails",
    "outlet_rows",
    "resend",
    "settle",
    "standing",
    "subjects",
    "sync",
    "take",
]
