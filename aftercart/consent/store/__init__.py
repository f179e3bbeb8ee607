"""Consent in the database: what people said, and the mails that ask them to confirm it."""

from aftercart.consent.store.by_hand import Asked, failed, in_doubt, plan_anew, settle_in_doubt
from aftercart.consent.store.confirmations import (
    CONFIRM_WITHIN,
    NUDGE_AGAIN,
    Asking,
    answered,
    begin,
    claim,
    confirm,
    next_wake,
    put_in_doubt,
    put_late_in_doubt,
    settle,
    settle_abandoned,
    skip,
    take_due,
)
from aftercart.consent.store.ledger import histories, lock_person, record, record_consent, standings

__all__ = [
    "CONFIRM_WITHIN",
    "NUDGE_AGAIN",
    "Asked",
    "Asking",
    "answered",
    "begin",
    "claim",
    "confirm",
    "failed",
    "histories",
    "in_doubt",
    "lock_person",
    "next_wake",
    "plan_anew",
    "put_in_doubt",
    "put_late_in_doubt",
    "record",
    "record_consent",
    "settle",
    "settle_abandoned",
    "settle_in_doubt",
    "skip",
    "standings",
    "take_due",
]
