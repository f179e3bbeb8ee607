"""Sends and enrollments (and confirmations: see tests/consent) change their state by named transitions, and in no
other way."""

import ast
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, select, update

from aftercart.consent import states as of_confirmation
from aftercart.db.session import Database
from aftercart.db.tables import enrollments, sends
from aftercart.enrollment import states as of_enrollment
from aftercart.enrollment import store as enrollment
from aftercart.enrollment.states import EnrollmentState
from aftercart.errors import IllegalTransitionError
from aftercart.feedback import store as feedback
from aftercart.feedback.effect import Effect
from aftercart.ledger import states, store
from aftercart.ledger.states import SendState
from aftercart.ledger.store import Claim, Doubt, Failed, Settled, Start, Under
from aftercart.transitions import Transition, leading_to
from tests.drawing import DOCS, blocks, diagram, table
from tests.rows import MONDAY, Rows

CODE = Path(__file__).parents[2] / "aftercart"
LATER = MONDAY + timedelta(minutes=1)
OVERDUE = MONDAY + timedelta(days=1)

# ---------------------------------------------------------------- every change of a send, by the way it is made

Row = Mapping[str, Any]


def ended(state: SendState) -> Callable[[Connection, Row], Any]:
    return lambda connection, row: store.end(connection, {row["id"]: (state, "expired")}, {row["id"]: Under(None, "v")})


def settled(state: SendState) -> Callable[[Connection, Row], Any]:
    def settle(connection: Connection, row: Row) -> None:
        told = Settled(row["id"], row["attempt"], "<1@example.com>", "", "", state, "sent", LATER, LATER)
        store.settle(connection, [told], "test")

    return settle


def reported(change: Transition[SendState]) -> Callable[[Connection, Row], Any]:
    def report(connection: Connection, row: Row) -> None:
        (sent,) = feedback.lock_mails(connection, [row["id"]]).values()
        feedback.change(connection, sent, Effect(change), LATER)

    return report


def vouched(state: SendState) -> Callable[[Connection, Row], Any]:
    return lambda connection, row: store.settle_in_doubt(connection, {row["id"]: (state, "settled_sent")})


def begin(connection: Connection, row: Row) -> None:
    store.claim(
        connection, [Claim(row["id"], row["attempt"], "Subject", None, "t", "c", "recommendations")], MONDAY, None
    )
    store.begin(connection, [Start(row["id"], row["attempt"], "<1@example.com>")], "test", LATER)


def begin_again(connection: Connection, row: Row) -> None:
    doubt = Doubt(row["id"], row["attempt"], "test", OVERDUE)
    store.keep_doubts(connection, [doubt], MONDAY)
    store.begin_again(connection, doubt, "<1@example.com>", LATER)


def plan_anew(connection: Connection, row: Row) -> None:
    about = (row["enrollment_id"], row["campaign"], row["order_id"], None, OVERDUE, None, None)
    failed = Failed(row["id"], *about, was_accepted=False, is_archived=False)
    store.plan_anew(connection, [(failed, OVERDUE)], "replanned", LATER)


def abandon(connection: Connection, row: Row) -> None:
    lease = {"lease_until": MONDAY, "boot_id": "the boot before"}
    connection.execute(update(sends).where(sends.c.id == row["id"]).values(**lease))
    store.settle_abandoned(connection, LATER, "this boot")


def restore(connection: Connection, row: Row) -> None:
    store.restore(connection, [row["enrollment_id"]], ["why"], MONDAY)


WAYS: Mapping[Transition[SendState], Callable[[Connection, Row], Any]] = {
    states.SKIP: ended(SendState.SKIPPED),
    states.CANCEL: ended(SendState.CANCELED),
    states.RESTORE: restore,
    states.BEGIN: begin,
    states.ACCEPT: settled(SendState.SENT),
    states.TRY_AGAIN: settled(SendState.SCHEDULED),
    states.REFUSE: settled(SendState.FAILED),
    states.LOSE: settled(SendState.UNKNOWN),
    states.ABANDON: abandon,
    states.DOUBT: lambda connection, row: store.put_in_doubt(connection, [row["id"]], "may_have_been_sent"),
    states.BEGIN_AGAIN: begin_again,
    states.TAKE: reported(states.TAKE),
    states.DELIVER: reported(states.DELIVER),
    states.BOUNCE: reported(states.BOUNCE),
    states.COMPLAIN: reported(states.COMPLAIN),
    states.PLAN_ANEW: plan_anew,
    states.SETTLE_SENT: vouched(SendState.SENT),
    states.SETTLE_NOT_SENT: vouched(SendState.FAILED),
    states.LEAVE_UNKNOWN: vouched(SendState.UNKNOWN),
}
LOUD = {states.TAKE, states.DELIVER, states.BOUNCE, states.COMPLAIN}
"""Made of a send that is held, so that its state is known: what cannot be is a fault of ours."""


@pytest.fixture
def send_id(database: Database) -> UUID:
    """A mail to somebody who has agreed."""
    rows = Rows(database)
    ada = rows.recipient()
    rows.consent(ada)
    return rows.send(rows.order(ada), ada)


def put(database: Database, send_id: UUID, state: str) -> Row:
    """The send, brought into a state by force."""
    with database.write() as connection:
        about = {"state": state, "reason": "why", "attempt": 1, "lease_until": None, "boot_id": None}
        connection.execute(update(sends).where(sends.c.id == send_id).values(**about))
        connection.exec_driver_sql("DELETE FROM attempts")
        return dict(connection.execute(select(sends)).mappings().one())


def test_there_is_a_way_to_make_every_change_but_the_first() -> None:
    assert {*WAYS, states.PLAN} == set(states.TRANSITIONS)
    assert len({transition.name for transition in states.TRANSITIONS}) == len(states.TRANSITIONS)


def test_a_send_changes_as_the_table_says_and_else_not_at_all(database: Database, send_id: UUID) -> None:
    """Every change, from every state there is."""
    for transition, way in WAYS.items():
        for source in SendState:
            row = put(database, send_id, source)
            if source not in transition.sources and transition in LOUD:
                expected = f"what is {source} cannot {transition.name}"
                with pytest.raises(IllegalTransitionError, match=expected), database.write() as connection:
                    way(connection, row)
            else:
                with database.write() as connection:
                    way(connection, row)
            expected = transition.target if source in transition.sources else source
            (now,) = Rows(database).all(sends)
            assert now["state"] == expected, f"{transition.name} from {source}"


@pytest.mark.parametrize(
    ("way", "state"),
    [(ended, SendState.SENT), (settled, SendState.DELIVERED), (vouched, SendState.SCHEDULED)],
    ids=["end", "receipt", "settlement"],
)
def test_a_state_that_nothing_leads_to_from_here_is_an_error(
    database: Database, send_id: UUID, way: Callable[[SendState], Any], state: SendState
) -> None:
    row = put(database, send_id, SendState.SCHEDULED)
    with database.write() as connection, pytest.raises(IllegalTransitionError, match=f"ends in {state}"):
        way(state)(connection, row)
    assert Rows(database).all(sends)[0]["state"] == "scheduled"


# ---------------------------------------------------------------- enrollments

WAYS_OF_ENROLLMENTS: Mapping[Transition[EnrollmentState], Callable[[Connection, int], Any]] = {
    of_enrollment.COMPLETE: lambda connection, id_: enrollment.complete(connection, [id_], LATER),
    of_enrollment.EXIT: lambda connection, id_: enrollment.exit_(connection, {id_: "order_refunded"}, LATER),
    of_enrollment.RESTORE: lambda connection, id_: enrollment.restore(connection, [id_]),
    of_enrollment.REOPEN: lambda connection, id_: enrollment.reopen(connection, [id_]),
}


def test_an_enrollment_changes_as_the_table_says_and_else_not_at_all(database: Database, send_id: UUID) -> None:
    assert {*WAYS_OF_ENROLLMENTS, of_enrollment.ENTER} == set(of_enrollment.TRANSITIONS)
    put(database, send_id, "sent")
    for transition, way in WAYS_OF_ENROLLMENTS.items():
        for source in EnrollmentState:
            with database.write() as connection:
                connection.execute(update(enrollments).values(state=source))
                way(connection, connection.execute(select(enrollments.c.id)).scalar_one())
            expected = transition.target if source in transition.sources else source
            assert Rows(database).all(enrollments)[0]["state"] == expected, f"{transition.name} from {source}"


# ---------------------------------------------------------------- the table itself


def test_every_state_is_reached_and_every_open_one_is_left() -> None:
    assert {transition.target for transition in states.TRANSITIONS} == set(SendState)
    assert {transition.target for transition in of_enrollment.TRANSITIONS} == set(EnrollmentState)
    left = {source for transition in states.TRANSITIONS for source in transition.sources}
    assert set(states.OPEN) <= left


def test_a_mail_that_may_have_left_is_planned_again_by_nobody_but_a_person_or_a_provider() -> None:
    """The promise behind `unknown`: only a late answer of the provider leads back to another try."""
    back = {t.name for t in states.TRANSITIONS if SendState.UNKNOWN in t.sources and t.target is SendState.SCHEDULED}
    assert back == {"try_again"}


def test_what_cannot_happen_says_what_can() -> None:
    with pytest.raises(IllegalTransitionError, match="what is bounced cannot deliver; only scheduled"):
        states.DELIVER.leaves(SendState.BOUNCED)
    assert states.DELIVER.leaves(SendState.SENT) is SendState.DELIVERED
    assert leading_to(SendState.SENT, states.RECEIPTS) is states.ACCEPT


# ---------------------------------------------------------------- nobody else writes a state

WRITERS = {"ledger/store/moves.py", "enrollment/store.py", "consent/store/moves.py"}
TABLES = {"sends", "enrollments", "confirmations"}


def writes_of_states(file: Path) -> Iterator[str]:
    """Where a module that knows one of the tables sets `state`, other than to the target of a named change."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aftercart.db.tables")
        for alias in node.names
    }
    for node in ast.walk(tree) if imported & TABLES else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values":
            given = [(keyword.arg, keyword.value) for keyword in node.keywords]
        elif isinstance(node, ast.Dict):
            keys = [str(key.value) if isinstance(key, ast.Constant) else None for key in node.keys]
            given = list(zip(keys, node.values, strict=True))
        else:
            continue
        for name, value in given:
            if name == "state" and not (isinstance(value, ast.Attribute) and value.attr in ("target", "state")):
                yield f"{file.relative_to(CODE)}:{value.lineno}: {ast.unparse(value)}"


OTHER_TABLES = {
    "pipeline/record.py",  # of consents
    "pipeline/ingest.py",  # of events
    "ledger/store/tallying.py",  # of tallies
    "rights/store/erasing.py",  # of events
    "bench/click.py",  # rows that a measurement begins with
    "bench/claim.py",  # of an order; its send and its enrollment name their change
    "bench/gate.py",  # rows that a measurement begins with
    "bench/tidy.py",  # likewise
}


def test_no_other_place_writes_a_state() -> None:
    found = [
        place
        for file in sorted(CODE.rglob("*.py"))
        if str(file.relative_to(CODE)) not in WRITERS | OTHER_TABLES
        for place in writes_of_states(file)
    ]
    assert found == []


def test_such_a_place_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.CODE", tmp_path)
    head = "from aftercart.db.tables import sends\n"
    for text in ('update(sends).values(state="sent")', 'insert(sends).values({"state": "sent"})'):
        (tmp_path / "careless.py").write_text(head + text)
        assert list(writes_of_states(tmp_path / "careless.py")) == ["careless.py:2: 'sent'"]


def test_no_sql_text_writes_one_either() -> None:
    for file in CODE.rglob("*.py"):
        if "migrations" not in file.parts:
            text = file.read_text(encoding="utf-8").lower()
            assert "update sends" not in text, file
            assert "update enrollments" not in text, file
            assert "update confirmations" not in text, file


# ---------------------------------------------------------------- the docs


def test_the_docs_draw_the_machines_as_they_are() -> None:
    sends_, enrollments_, asked = states.TRANSITIONS, of_enrollment.TRANSITIONS, of_confirmation.TRANSITIONS
    drawn = [diagram(sends_), table(sends_), diagram(enrollments_), table(enrollments_)]
    wanted = [*drawn, diagram(asked), table(asked)]
    assert list(blocks()) == wanted, f"{DOCS.name} should hold:\n\n" + "\n\n".join(wanted)
