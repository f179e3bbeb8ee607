"""What there is of a person in every table, and what becomes of it."""

from aftercart.rights.store.belongings import NOBODYS, OF_A_PERSON, find, people_of_shop
from aftercart.rights.store.erasing import (
    active_enrollments,
    blank_events,
    cancel_confirmations,
    detach_shop,
    erase_rows,
    in_flight,
    is_erased,
    rekey_suppressions,
    suppress_erased,
)
from aftercart.rights.store.exporting import everything_of
from aftercart.rights.store.forgetting import begin_forgetting, erased_shops_of, forgotten_among, keep_erased_shop
from aftercart.rights.store.keys import forgotten_orders, hide, kept_as, may_name_somebody, named_keys
from aftercart.rights.store.raw import RawEvent, asked, conclude, raw_events, serves_others

__all__ = [
    "NOBODYS",
    "OF_A_PERSON",
    "RawEvent",
    "active_enrollments",
    "asked",
    "begin_forgetting",
    "blank_events",
    "cancel_confirmations",
    "conclude",
    "detach_shop",
    "erase_rows",
    "erased_shops_of",
    "everything_of",
    "find",
    "forgotten_among",
    "forgotten_orders",
    "hide",
    "in_flight",
    "is_erased",
    "keep_erased_shop",
    "kept_as",
    "may_name_somebody",
    "named_keys",
    "people_of_shop",
    "raw_events",
    "rekey_suppressions",
    "serves_others",
    "suppress_erased",
]
