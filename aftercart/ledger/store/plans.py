"""Plans that end, or go to somebody else: sends without a hand-over, and their enrollments."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, bindparam, exists, select, update

from aftercart.db.tables import enrollments, orders, sends
from aftercart.ledger.states import OPEN, SendState


def end(connection: Connection, ended: Mapping[UUID, tuple[SendState, str]]) -> None:
    """Give sends that were not handed over their last state. Frees their cap slot."""
    if not ended:
        return
    statement = (
        update(sends)
        .where(sends.c.id == bindparam("send"), sends.c.state == SendState.SCHEDULED)
        .values(state=bindparam("new_state"), reason=bindparam("why"), lease_until=None, counted_at=None)
    )
    connection.execute(statement, [{"send": i, "new_state": state, "why": why} for i, (state, why) in ended.items()])


def replace(connection: Connection, ids: Collection[UUID], reason: str) -> list[Any]:
    """End planned sends because another one took their slot; those that are (id, campaign, order and enrollment).

    Their people are locked, and so are they (`lock_due` with `all_planned`).
    """
    if not ids:
        return []
    unclaimed = (sends.c.id.in_(ids), sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_(None))
    ended = update(sends).where(*unclaimed).values(state=SendState.SKIPPED, reason=reason)
    columns = (sends.c.id, sends.c.campaign, sends.c.order_id, sends.c.enrollment_id)
    return sorted(connection.execute(ended.returning(*columns)))


def cancel_enrollments(connection: Connection, exits: Mapping[int, str], now: datetime) -> None:
    """Exit enrollments and cancel what they still had planned. A send already handed over stays as it is."""
    if not exits:
        return
    rows = [{"enrollment": i, "why": why} for i, why in sorted(exits.items())]
    _lock(connection, sends, sends.c.enrollment_id.in_(list(exits)), sends.c.state == SendState.SCHEDULED)
    connection.execute(
        update(sends)
        .where(sends.c.enrollment_id == bindparam("enrollment"), sends.c.state == SendState.SCHEDULED)
        .values(state=SendState.CANCELED, reason=bindparam("why"), lease_until=None, counted_at=None),
        rows,
    )
    connection.execute(
        update(enrollments)
        .where(enrollments.c.id == bindparam("enrollment"), enrollments.c.state == "active")
        .values(state="exited", exit_reason=bindparam("why"), ended_at=now),
        rows,
    )


def restore_enrollments(
    connection: Connection, order_ids: Collection[int], exited_for: Collection[str], now: datetime
) -> dict[int, tuple[str, int]]:
    """Take back exits of these orders for such reasons: what is still worth sending is planned again.

    Enrollment id → (campaign, order id) of those that go on; one of which nothing is worth sending stays out.
    """
    left = (enrollments.c.order_id.in_(order_ids), enrollments.c.state == "exited")
    query = select(enrollments.c.id, enrollments.c.campaign, enrollments.c.order_id).where(
        *left, enrollments.c.exit_reason.in_(exited_for)
    )
    exited = {id_: (campaign, order_id) for id_, campaign, order_id in connection.execute(query)}
    if not exited:
        return {}
    canceled = (sends.c.enrollment_id.in_(list(exited)), sends.c.state == SendState.CANCELED)
    worth_sending = (*canceled, sends.c.reason.in_(exited_for), sends.c.valid_until > now)
    _lock(connection, sends, *worth_sending)
    planned = update(sends).where(*worth_sending).values(state=SendState.SCHEDULED, reason=None, wake_at=sends.c.due_at)
    restored = set(connection.execute(planned.returning(sends.c.enrollment_id)).scalars())
    connection.execute(
        update(enrollments)
        .where(enrollments.c.id.in_(restored))
        .values(state="active", exit_reason=None, ended_at=None)
    )
    return {id_: about for id_, about in exited.items() if id_ in restored}


def complete_enrollments(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """Enrollments of which every send has ended are completed.

    Locked in a statement of its own: of two workers that end the last two sends of an enrollment at the same
    instant the second must see what the first has done.
    """
    concerned = sorted(set(ids))
    if not concerned:
        return
    _lock(connection, enrollments, enrollments.c.id.in_(concerned))
    still_open = exists().where(sends.c.enrollment_id == enrollments.c.id, sends.c.state.in_(OPEN))
    connection.execute(
        update(enrollments)
        .where(enrollments.c.id.in_(concerned), enrollments.c.state == "active", ~still_open)
        .values(state="completed", ended_at=now)
    )


def decide_anew(connection: Connection, order_ids: Collection[int]) -> None:
    """Take back the claims of mails about these orders whose hand-over has not begun: something has changed.

    A line may have been refunded, or somebody else be meant. The hand-over sees that its lease is gone, and the gate
    is asked again at once.
    """
    claimed = (sends.c.order_id.in_(order_ids), sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_not(None))
    _lock(connection, sends, *claimed)
    freed: dict[str, Any] = {"lease_until": None, "counted_at": None, "wake_at": sends.c.due_at}
    connection.execute(update(sends).where(*claimed).values(**freed))
    readdress(connection, order_ids)


def readdress(connection: Connection, order_ids: Collection[int]) -> int:
    """Where the shop has given an order another recipient, planned mails go to them; how many do."""
    moved = (
        select(sends.c.id, sends.c.enrollment_id, orders.c.recipient_id)
        .join(orders, orders.c.id == sends.c.order_id)
        .where(orders.c.id.in_(order_ids), sends.c.state == SendState.SCHEDULED)
        .where(sends.c.recipient_id != orders.c.recipient_id)
        .order_by(sends.c.id)
    )
    rows = [row._asdict() for row in connection.execute(moved.with_for_update(of=sends, key_share=True))]
    if rows:
        to: dict[str, Any] = {"recipient_id": bindparam("to")}
        sends_ = [{"send": row["id"], "to": row["recipient_id"]} for row in rows]
        connection.execute(update(sends).where(sends.c.id == bindparam("send")).values(**to), sends_)
        enrolled = sorted({(row["enrollment_id"], row["recipient_id"]) for row in rows})
        of_enrollment = update(enrollments).where(enrollments.c.id == bindparam("enrollment")).values(**to)
        connection.execute(of_enrollment, [{"enrollment": id_, "to": whom} for id_, whom in enrolled])
    return len(rows)


def lock_sends(connection: Connection, ids: Collection[UUID]) -> None:
    """Hold sends until commit. For who changes several one after the other, in an order of their own."""
    _lock(connection, sends, sends.c.id.in_(ids))


def _lock(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> None:
    """Hold rows until commit, taken in the order of their ids. SQLite's write transaction holds everything already."""
    if connection.dialect.name == "postgresql":
        chosen = select(table.c.id).where(*conditions).order_by(table.c.id)
        connection.execute(chosen.with_for_update(key_share=True))
