"""Permission to market: held, refused, or asked for and not yet given."""

from enum import StrEnum


class ConsentState(StrEnum):
    """What a person last said about marketing mail."""

    GRANTED = "granted"
    DENIED = "denied"
    PENDING = "pending"
    """Asked (double opt-in) and not answered."""


def may_market(state: ConsentState | None) -> bool:
    """Only a clear yes is a yes; somebody who was never asked (None) has not given one."""
    return state is ConsentState.GRANTED
