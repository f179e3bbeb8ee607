"""The one statement that writes the state of a confirmation."""

from sqlalchemy import Update, update

from aftercart.consent.states import ConfirmationState
from aftercart.db.tables import confirmations
from aftercart.transitions import Transition


def moved(transition: Transition[ConfirmationState]) -> Update:
    """An update that makes a named change, and touches only confirmations in a state from which it may be made."""
    may_be_left = confirmations.c.state.in_(transition.sources)
    return update(confirmations).where(may_be_left).values(state=transition.target)
