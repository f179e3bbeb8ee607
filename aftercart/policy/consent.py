"""Permission to market: held, or not."""

from aftercart.consent.statement import ConsentState


def may_market(state: ConsentState | None) -> bool:
    """Only a clear yes is a yes; somebody who was never asked (None) has not given one."""
    return state is ConsentState.GRANTED
