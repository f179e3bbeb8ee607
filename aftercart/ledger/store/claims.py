"""Claiming: a lease on a send and a slot under the frequency caps, taken in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Update,
    and_,
    bindparam,
    or_,
    select,
    update,
)

from aftercart.db.among import among, among_given
from aftercart.db.prepared import Prepared
from aftercart.db.tables import sends
from aftercart.ledger.states import SendState
from aftercart.ledger.store.fences import IS_HELD

LEASE = timedelta(seconds=120)
"""How long a worker may hold a claimed send before another may take it."""
_DECIDED_BY = (
    sends.c.id,
    sends.c.enrollment_id,
    sends.c.campaign,
    sends.c.topic,
    sends.c.step,
    sends.c.experiment,
    sends.c.variant,
    sends.c.order_id,
    sends.c.recipient_id,
    sends.c.reason,
    sends.c.priority,
    sends.c.due_at,
    sends.c.valid_until,
    sends.c.lease_until,
    sends.c.attempt,
    sends.c.tries,
)
"""What has to be known of a send to decide about it."""
_NOW = bindparam("now", type_=sends.c.due_at.type, required=True)
_OF_THIS_BOOT = or_(sends.c.boot_id.is_(None), sends.c.boot_id == bindparam("boot_id"))
_FREE = or_(sends.c.lease_until.is_(None), and_(sends.c.lease_until <= _NOW, _OF_THIS_BOOT))
_THESE = and_(among_given(sends.c.id, "ids"), sends.c.due_at <= _NOW, _FREE)
_THEIRS = and_(among_given(sends.c.recipient_id, "people"), _OF_THIS_BOOT)


def _scheduled(concerned: ColumnElement[bool]) -> Select[Any]:
    open_ = (sends.c.state == SendState.SCHEDULED, ~IS_HELD)
    return select(*_DECIDED_BY).where(*open_, concerned).order_by(sends.c.id)


_DUE = _scheduled(_THESE)
_LOCK_DUE = _scheduled(or_(_THESE, and_(_THEIRS, sends.c.lease_until <= _NOW))).with_for_update(key_share=True)
_LOCK_ALL_PLANNED = _scheduled(or_(_THESE, _THEIRS)).with_for_update(key_share=True)


def due(connection: Connection, ids: Sequence[UUID], now: datetime, boot_id: str | None) -> list[dict[str, Any]]:
    """Of `ids`, the sends that may be decided now: scheduled, due, and leased to nobody; none while all is held.

    One that was claimed before this boot may be decided no more (see `settle_abandoned`).
    """
    return _rows(connection, _DUE, {"ids": ids, "now": now, "boot_id": boot_id or ""})


def recipients_of(connection: Connection, ids: Sequence[UUID]) -> set[int]:
    """The people of these sends."""
    return set(connection.scalars(select(sends.c.recipient_id).where(among(sends.c.id, ids))))


def lock_due(
    connection: Connection,
    ids: Collection[UUID],
    now: datetime,
    boot_id: str | None,
    people: Collection[int] = (),
    *,
    all_planned: bool = False,
) -> list[dict[str, Any]]:
    """The same, locked until commit, and with them the claims of these people whose lease ran out. These are taken
    back: they hold no slot any more, so their mails must not leave, even if the clock is set back.

    The people must be locked already: whoever takes slots of a person holds the person. `all_planned`: whatever is
    planned for them is locked too, for who may end some of it.
    """
    about = {"ids": list(ids), "people": list(people), "now": now, "boot_id": boot_id or ""}
    rows = _rows(connection, _LOCK_ALL_PLANNED if all_planned else _LOCK_DUE, about)
    stale = [row["id"] for row in rows if row["lease_until"] is not None and row["lease_until"] <= now]
    if stale:
        connection.execute(update(sends).where(sends.c.id.in_(stale)).values(counted_at=None, lease_until=None))
    wanted = set(ids) - ({row["id"] for row in rows if row["lease_until"] is not None} - set(stale))
    return [row for row in rows if row["id"] in wanted and row["due_at"] <= now]


def _rows(connection: Connection, statement: Select[Any], about: Mapping[str, Any]) -> list[dict[str, Any]]:
    result = connection.execute(statement, about)
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result.all()]


@dataclass(frozen=True, slots=True)
class Claim:
    """A send that passed the gate and is about to be handed over; `attempt` is its fencing token."""

    send_id: UUID
    attempt: int
    subject: str
    model_version: str | None
    template_version: str
    config_version: str
    topic: str
    takes_slot: bool = True
    """Whether frequency caps count it."""
    configuration: str | None = None


def claim(connection: Connection, claims: Sequence[Claim], now: datetime, boot_id: str | None) -> None:
    """Lease the sends and reserve their frequency-cap slots. The rows are locked by `lock_due`.

    `boot_id`: where the marks of their hand-over are only as safe as the machine.
    """
    if not claims:
        return
    lease = {"new_lease": now + LEASE, "new_boot": boot_id}
    _CLAIM.execute(connection, [{**lease, **_of(claimed, now)} for claimed in claims])


def _claim(_: Dialect) -> Update:
    lease_until = bindparam("new_lease", type_=sends.c.lease_until.type, required=True)
    return (
        update(sends)
        .where(sends.c.id == bindparam("send"), sends.c.state == SendState.SCHEDULED)
        .values(
            attempt=bindparam("new_attempt"),
            lease_until=lease_until,
            wake_at=lease_until,
            boot_id=bindparam("new_boot"),
            counted_at=bindparam("new_counted"),
            reason=None,
            topic=bindparam("new_topic"),
            subject=bindparam("new_subject"),
            model_version=bindparam("new_model"),
            template_version=bindparam("new_template"),
            config_version=bindparam("new_config"),
            configuration=bindparam("new_configuration"),
        )
    )


_CLAIM = Prepared(_claim)


def _of(claimed: Claim, now: datetime) -> dict[str, Any]:
    return {
        "send": claimed.send_id,
        "new_attempt": claimed.attempt,
        "new_topic": claimed.topic,
        "new_counted": now if claimed.takes_slot else None,
        "new_subject": claimed.subject,
        "new_model": claimed.model_version,
        "new_template": claimed.template_version,
        "new_config": claimed.config_version,
        "new_configuration": claimed.configuration,
    }


def defer(connection: Connection, until: Mapping[UUID, tuple[datetime, str]]) -> None:
    """Put sends off to an instant, for a reason."""
    if not until:
        return
    statement = (
        update(sends)
        .where(sends.c.id == bindparam("send"), sends.c.state == SendState.SCHEDULED)
        .values(
            due_at=bindparam("new_due"),
            wake_at=bindparam("new_due"),
            reason=bindparam("why"),
            lease_until=None,
            counted_at=None,
        )
    )
    connection.execute(statement, [{"send": i, "new_due": at, "why": why} for i, (at, why) in until.items()])
