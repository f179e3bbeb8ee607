"""Plans that end, come back, or go to somebody else: sends without a hand-over."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, String, Update, bindparam, func, or_, select, update

from aftercart.db.among import among
from aftercart.db.tables import enrollments, orders, recipients, sends
from aftercart.ledger.states import CANCEL, ENDS, RESTORE, SKIP, SendState
from aftercart.ledger.store.moves import moved
from aftercart.transitions import Transition, leading_to


@dataclass(frozen=True, slots=True)
class Under:
    """The versions under which something is decided about a mail. `config_version` None: there is no file of its
    campaign, and it keeps the one that it has."""

    config_version: str | None
    configuration: str

    def bound(self) -> dict[str, str | None]:
        return {"campaign_as_it_is": self.config_version, "all_of_it": self.configuration}


_NAMES = {
    "config_version": func.coalesce(bindparam("campaign_as_it_is", type_=String), sends.c.config_version),
    "configuration": bindparam("all_of_it"),
}


def end(connection: Connection, ended: Mapping[UUID, tuple[SendState, str]], under: Mapping[UUID, Under]) -> None:
    """Give sends that were not handed over their last state. Frees their cap slot. Raises IllegalTransitionError.

    `under`: what that was decided under, for each.
    """
    chosen = {send_id: (leading_to(state, ENDS), why) for send_id, (state, why) in ended.items()}
    for transition in ENDS:
        rows = [
            {"send": send_id, "why": why, **under[send_id].bound()}
            for send_id, (this, why) in chosen.items()
            if this is transition
        ]
        if rows:
            connection.execute(_ended(transition).values(**_NAMES).where(sends.c.id == bindparam("send")), rows)


def _ended(transition: Transition[SendState]) -> Update:
    return moved(transition).values(reason=bindparam("why"), lease_until=None, counted_at=None)


def name_versions(connection: Connection, under: Mapping[UUID, Under]) -> None:
    """Let sends that have just been ended name what that was decided under. They are locked."""
    if under:
        of_send = update(sends).where(sends.c.id == bindparam("send")).values(**_NAMES)
        connection.execute(of_send, [{"send": id_, **each.bound()} for id_, each in sorted(under.items())])


def replace(connection: Connection, ids: Collection[UUID], reason: str) -> list[Any]:
    """End planned sends because another one took their slot; those that are (id, campaign, order and enrollment).

    Their people are locked, and so are they (`lock_due` with `all_planned`).
    """
    if not ids:
        return []
    ended = moved(SKIP).where(sends.c.id.in_(ids), sends.c.lease_until.is_(None)).values(reason=reason)
    columns = (sends.c.id, sends.c.campaign, sends.c.order_id, sends.c.enrollment_id)
    return sorted(connection.execute(ended.returning(*columns)))


def cancel(connection: Connection, exits: Mapping[int, str], under: Mapping[int, Under] | None = None) -> None:
    """Cancel what enrollments still have planned, for a reason each. A send already handed over stays as it is.

    `under`: what that was decided under, by enrollment; None where no file decides it, but the shop or the person.
    """
    if not exits:
        return
    _lock(connection, sends.c.enrollment_id.in_(list(exits)), sends.c.state.in_(CANCEL.sources))
    of_enrollment = _ended(CANCEL).where(sends.c.enrollment_id == bindparam("enrollment"))
    if under is not None:
        of_enrollment = of_enrollment.values(**_NAMES)
    names = {id_: each.bound() for id_, each in (under or {}).items()}
    rows = [{"enrollment": id_, "why": why, **names.get(id_, {})} for id_, why in sorted(exits.items())]
    connection.execute(of_enrollment, rows)


def restore(
    connection: Connection, enrollment_ids: Collection[int], canceled_for: Collection[str], now: datetime
) -> set[int]:
    """Plan again what these enrollments had canceled for such reasons and is still worth sending; which have any."""
    canceled = (sends.c.enrollment_id.in_(enrollment_ids), sends.c.state.in_(RESTORE.sources))
    worth_sending = (*canceled, sends.c.reason.in_(canceled_for), sends.c.valid_until > now)
    _lock(connection, *worth_sending)
    planned = moved(RESTORE).where(*worth_sending).values(reason=None, wake_at=sends.c.due_at)
    return set(connection.execute(planned.returning(sends.c.enrollment_id)).scalars())


def decide_anew(connection: Connection, order_ids: Collection[int]) -> None:
    """Take back the claims of mails whose hand-over has not begun, about these orders or to who placed them: something
    has changed.

    A line may have been refunded, somebody else be meant, or a person have come back who is missed in a mail about an
    earlier order. The hand-over sees that its lease is gone, and the gate is asked again at once.
    """
    asked = {"orders": list(order_ids)}
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_CLAIMED, asked)
    connection.execute(_TAKE_BACK_CLAIMED, asked)
    readdress(connection, order_ids)


def _claimed_for_buyers() -> tuple[ColumnElement[bool], ...]:
    """Claimed mails about `orders`, about any order of the same account, or to who placed them, at any address."""
    these = orders.c.id.in_(bindparam("orders", expanding=True))
    stands_for = func.coalesce(recipients.c.merged_into, recipients.c.id)
    buyers = select(stands_for).join(orders, orders.c.recipient_id == recipients.c.id).where(these)
    other = select(recipients.c.id).where(recipients.c.merged_into.in_(buyers))
    account = select(orders.c.customer_id).where(these, orders.c.customer_id.is_not(None))
    concerned = or_(
        sends.c.order_id.in_(bindparam("orders", expanding=True)),
        sends.c.order_id.in_(select(orders.c.id).where(orders.c.customer_id.in_(account))),
        sends.c.recipient_id.in_(buyers.union_all(other)),
    )
    return sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_not(None), concerned


# Built once: every order that comes in asks.
_FREED: Mapping[str, Any] = {"lease_until": None, "counted_at": None, "wake_at": sends.c.due_at}
_TAKE_BACK_CLAIMED = update(sends).where(*_claimed_for_buyers()).values(**_FREED)
_LOCK_CLAIMED = select(sends.c.id).where(*_claimed_for_buyers()).order_by(sends.c.id).with_for_update(key_share=True)


@dataclass(frozen=True, slots=True)
class Portion:
    """Which mails are meant. What is None does not matter: nothing said means all of them."""

    campaign: str | None = None
    experiment: str | None = None
    variant: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for a statement about `sends`."""
        said = (
            (sends.c.campaign, self.campaign),
            (sends.c.experiment, self.experiment),
            (sends.c.variant, self.variant),
        )
        return [column == value for column, value in said if value is not None]


def take_back(connection: Connection, of: Portion) -> None:
    """Take back the claims of these mails whose hand-over has not begun; the gate is asked again."""
    claimed = [sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_not(None), *of.conditions()]
    _lock(connection, *claimed)
    connection.execute(update(sends).where(*claimed).values(**_FREED))


def wake_up(connection: Connection, of: Portion, reason: str, now: datetime) -> None:
    """Let those of these mails that wait for a reason be decided now: it is gone."""
    waiting = [sends.c.state == SendState.SCHEDULED, sends.c.reason == reason, sends.c.lease_until.is_(None)]
    waiting += of.conditions()
    _lock(connection, *waiting)
    connection.execute(update(sends).where(*waiting).values(due_at=now, wake_at=now))


@dataclass(frozen=True, slots=True)
class NewTime:
    """When a planned mail shall be due, until when it is worth sending, under which versions that was decided, and in
    which arm of which experiment."""

    due_at: datetime
    valid_until: datetime
    config_version: str
    configuration: str
    experiment: str | None = None
    variant: str | None = None


def retime(connection: Connection, times: Mapping[UUID, NewTime]) -> None:
    """Give planned mails other times. They are locked; what is claimed goes as it was."""
    if not times:
        return
    waits = (sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_(None), sends.c.reason.is_(None))
    statement = (
        update(sends)
        .where(sends.c.id == bindparam("send"), *waits)
        .values(
            due_at=bindparam("due"),
            wake_at=bindparam("due"),
            valid_until=bindparam("until"),
            config_version=bindparam("version"),
            configuration=bindparam("all_of_it"),
            experiment=bindparam("trial"),
            variant=bindparam("arm"),
        )
    )
    connection.execute(statement, [{"send": send_id, **_bound(new)} for send_id, new in times.items()])


def _bound(new: NewTime) -> dict[str, Any]:
    times = {"due": new.due_at, "until": new.valid_until, "version": new.config_version}
    return {**times, "all_of_it": new.configuration, "trial": new.experiment, "arm": new.variant}


def reconfigure(connection: Connection, under: Mapping[UUID, Under]) -> None:
    """Planned mails stay as they are, and go under these versions. They are locked; what is claimed goes as it was."""
    if under:
        waits = (sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_(None))
        of_send = update(sends).where(sends.c.id == bindparam("send"), *waits).values(**_NAMES)
        connection.execute(of_send, [{"send": id_, **each.bound()} for id_, each in under.items()])


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
        of_another = {"experiment": None, "variant": None}  # the lot was drawn for somebody else
        connection.execute(update(sends).where(sends.c.id == bindparam("send")).values(**to, **of_another), sends_)
        enrolled = sorted({(row["enrollment_id"], row["recipient_id"]) for row in rows})
        of_enrollment = update(enrollments).where(enrollments.c.id == bindparam("enrollment")).values(**to)
        connection.execute(of_enrollment, [{"enrollment": id_, "to": whom} for id_, whom in enrolled])
    return len(rows)


def lock_sends(connection: Connection, ids: Collection[UUID]) -> None:
    """Hold sends until commit. For who changes several one after the other, in an order of their own."""
    _lock(connection, among(sends.c.id, ids))


def _lock(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    """Hold sends until commit, taken in the order of their ids. SQLite's write transaction holds everything already."""
    if connection.dialect.name == "postgresql":
        chosen = select(sends.c.id).where(*conditions).order_by(sends.c.id)
        connection.execute(chosen.with_for_update(key_share=True))
