"""What policy needs to know about many people at once, and keeps: one query per table and chunk."""

from aftercart.policy.store.guard import (
    Pause,
    ignored,
    keep_pauses,
    lift_pause,
    lifted_since,
    pauses,
    tolls,
    tolls_of_arms,
)
from aftercart.policy.store.people import (
    counted_sends,
    keys_missing,
    lift,
    planned_sends,
    suppress,
    suppressions_of,
)
from aftercart.policy.store.persons import addresses_of, lock_recipients, persons_of, suppressions_of_persons

__all__ = [
    "Pause",
    "addresses_of",
    "counted_sends",
    "ignored",
    "keep_pauses",
    "keys_missing",
    "lift",
    "lift_pause",
    "lifted_since",
    "lock_recipients",
    "pauses",
    "persons_of",
    "planned_sends",
    "suppress",
    "suppressions_of",
    "suppressions_of_persons",
    "tolls",
    "tolls_of_arms",
]
