"""The one statement that writes the state of a send."""

from sqlalchemy import Update, or_, update

from aftercart.db.tables import sends
from aftercart.ledger.states import SendState
from aftercart.transitions import Transition


def moved(transition: Transition[SendState]) -> Update:
    """An update that makes a named change, and touches only sends in a state from which it may be made."""
    # Not an IN list: those cannot be prepared.
    may_be_left = or_(*(sends.c.state == source for source in transition.sources))
    return update(sends).where(may_be_left).values(state=transition.target)
