"""A confirmation changes its state by named changes, and in no other way."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from aftercart.consent import states
from aftercart.consent import store as consent
from aftercart.consent.states import ConfirmationState
from aftercart.consent.store import Asking
from aftercart.consent.store.confirmations import plan
from aftercart.db.session import Database
from aftercart.db.tables import confirmations
from aftercart.feedback import store as feedback
from aftercart.feedback.effect import effect
from aftercart.feedback.told import Kind
from aftercart.transitions import Transition
from tests.rows import MONDAY, Rows

LATER = MONDAY + timedelta(minutes=1)

Way = Callable[[Connection, Asking], Any]


def settled(change: Transition[ConfirmationState]) -> Way:
    return lambda connection, asking: consent.settle(connection, asking, change, wake_at=LATER)


def told(kind: Kind) -> Way:
    """Somebody reports of it; of what it is already, or no longer can be, the report changes nothing."""

    def tell(connection: Connection, asking: Asking) -> None:
        sent = feedback.lock_mails(connection, [asking.id])[asking.id]
        feedback.change(connection, sent, effect(kind, "", sent.state, 1, sent.email), LATER)

    return tell


def vouched(change: Transition[ConfirmationState]) -> Way:
    return lambda connection, asking: consent.settle_in_doubt(connection, [asking.id], change, "why")


def planned_anew(connection: Connection, _: Asking) -> None:
    chosen = [(asked, asked.valid_until) for asked in consent.failed(connection, None, None)]
    consent.plan_anew(connection, chosen, "replanned", LATER)


REPORTED: Mapping[Kind, Transition[ConfirmationState]] = {
    Kind.TAKEN: states.TAKE,
    Kind.DELIVERED: states.DELIVER,
    Kind.SOFT_BOUNCE: states.BOUNCE,
    Kind.COMPLAINT: states.COMPLAIN,
}
WAYS: Mapping[Transition[ConfirmationState], Way] = {
    states.SKIP: lambda connection, asking: consent.skip(connection, [(asking, "unsubscribed")]),
    states.BEGIN: lambda connection, asking: consent.begin(connection, [asking], LATER),
    states.DOUBT: lambda connection, _: consent.put_in_doubt(connection, LATER, "may_have_been_sent"),
    states.ABANDON: lambda connection, _: consent.settle_abandoned(connection, MONDAY + timedelta(days=1)),
    states.PLAN_ANEW: planned_anew,
    **{change: vouched(change) for change in (states.SETTLE_SENT, states.SETTLE_NOT_SENT, states.LEAVE_UNKNOWN)},
    **{change: told(kind) for kind, change in REPORTED.items()},
    **{change: settled(change) for change in (states.ACCEPT, states.TRY_AGAIN, states.REFUSE, states.LOSE)},
}


@pytest.fixture
def ada(database: Database) -> int:
    """She is asked."""
    recipient_id = Rows(database).recipient()
    with database.write() as connection:
        plan(connection, [recipient_id], MONDAY)
    return recipient_id


def put(connection: Connection, state: str) -> Asking:
    """The confirmation, claimed and brought into a state by force."""
    about = {"attempt": 1, "lease_until": LATER + timedelta(minutes=5), "wake_at": LATER}
    connection.execute(update(confirmations).values(state=state, **about))
    row = connection.execute(select(confirmations)).one()
    return Asking(row.id, row.recipient_id, 1, 0, row.valid_until, "ada@example.com", "", "")


@pytest.mark.usefixtures("ada")
def test_a_confirmation_changes_as_the_table_says_and_else_not_at_all(database: Database) -> None:
    """Every change, from every state there is."""
    assert {*WAYS, states.ASK} == set(states.TRANSITIONS)
    for transition, way in WAYS.items():
        for source in ConfirmationState:
            with database.write() as connection:
                way(connection, put(connection, source))
            expected = transition.target if source in transition.sources else source
            assert Rows(database).all(confirmations)[0]["state"] == expected, f"{transition.name} from {source}"


def test_who_is_asked_is_asked_from_the_first_state_on(database: Database, ada: int) -> None:
    (row,) = Rows(database).all(confirmations)
    assert (row["recipient_id"], row["state"]) == (ada, states.ASK.target)


def test_one_that_may_have_left_is_asked_again_only_where_its_provider_says_that_it_has_not() -> None:
    back = {change for change in states.TRANSITIONS if ConfirmationState.UNKNOWN in change.sources}
    assert {change for change in back if change.target is ConfirmationState.SCHEDULED} == {states.TRY_AGAIN}
    assert {change.target for change in states.TRANSITIONS} == set(ConfirmationState)
