"""How enrollments end and go on. Each function runs in the caller's transaction, after their sends were changed.

Locks are taken in the order that `aftercart/ledger/store` names: an enrollment after its sends.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, Update, bindparam, exists, or_, select, update

from aftercart.db.among import among
from aftercart.db.tables import enrollments, sends
from aftercart.enrollment.states import COMPLETE, EXIT, REOPEN, RESTORE, EnrollmentState
from aftercart.ledger.states import OPEN
from aftercart.transitions import Transition


def moved(transition: Transition[EnrollmentState]) -> Update:
    """An update that makes a named change, and touches only enrollments in a state from which it may be made."""
    # Not an IN list: those cannot be run for many rows at once.
    may_be_left = or_(*(enrollments.c.state == source for source in transition.sources))
    return update(enrollments).where(may_be_left).values(state=transition.target)


def exit_(connection: Connection, exits: Mapping[int, str], now: datetime) -> None:
    """End enrollments before their last mail, for a reason each."""
    if exits:
        statement = moved(EXIT).where(enrollments.c.id == bindparam("enrollment"))
        rows = [{"enrollment": id_, "why": why} for id_, why in sorted(exits.items())]
        connection.execute(statement.values(exit_reason=bindparam("why"), ended_at=now), rows)


def exited(connection: Connection, order_ids: Collection[int], reasons: Collection[str]) -> dict[int, tuple[str, int]]:
    """Enrollment id → (campaign, order id) of those that these orders have left for such reasons."""
    query = select(enrollments.c.id, enrollments.c.campaign, enrollments.c.order_id).where(
        enrollments.c.order_id.in_(order_ids),
        enrollments.c.state.in_(RESTORE.sources),
        enrollments.c.exit_reason.in_(reasons),
    )
    return {id_: (campaign, order_id) for id_, campaign, order_id in connection.execute(query)}


def restore(connection: Connection, ids: Collection[int]) -> None:
    """Take back exits."""
    if ids:
        connection.execute(moved(RESTORE).where(enrollments.c.id.in_(ids)).values(exit_reason=None, ended_at=None))


def complete(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """Enrollments of which every send has ended are completed.

    Locked in a statement of its own: of two workers that end the last two sends of an enrollment at the same
    instant the second must see what the first has done.
    """
    concerned = sorted(set(ids))
    if not concerned:
        return
    those = among(enrollments.c.id, concerned)
    if connection.dialect.name == "postgresql":  # SQLite's write transaction holds everything already
        chosen = select(enrollments.c.id).where(those).order_by(enrollments.c.id)
        connection.execute(chosen.with_for_update(key_share=True))
    still_open = exists().where(sends.c.enrollment_id == enrollments.c.id, sends.c.state.in_(OPEN))
    connection.execute(moved(COMPLETE).where(those, ~still_open).values(ended_at=now))


def reopen(connection: Connection, ids: Iterable[int]) -> None:
    """Enrollments of which a mail is planned anew go on."""
    rows = [{"enrollment": id_} for id_ in sorted(set(ids))]
    if rows:
        statement = moved(REOPEN).where(enrollments.c.id == bindparam("enrollment"))
        connection.execute(statement.values(ended_at=None), rows)
