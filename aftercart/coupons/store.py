"""Finding codes for mails, and giving them away. Each function runs in the caller's transaction and takes a batch.

1. `propose` names a code for each mail, so that it can be rendered. Nothing is locked, and nothing promised.
2. `still_free` (in the transaction that claims the mails) says whose code is still theirs to take, and locks it.
3. `give` writes down which mail has which code.

Nobody hands a code back: one is free again once its mail has ended without having left, whatever ended it. So no way to
end a mail can lose a code. Codes are locked after sends (see `aftercart/ledger/store`).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, insert, or_, select, update

from aftercart.coupons.coupon import Code, Coupon, Pool, Want
from aftercart.db.tables import coupons, sends
from aftercart.ids import shuffled

NEVER_LEFT = ("skipped", "canceled", "failed")
"""States in which a mail ends that nobody has got. One that bounced may have been read before it came back."""

_WITH_ITS_MAIL = coupons.outerjoin(sends, sends.c.id == coupons.c.send_id)
_GIVEN_BACK = sends.c.state.in_(NEVER_LEFT)
_FREE = or_(coupons.c.given_at.is_(None), _GIVEN_BACK)
_COLUMNS = (coupons.c.id, coupons.c.pool, coupons.c.code, coupons.c.expires_at)


def propose(connection: Connection, wants: Sequence[Want]) -> dict[UUID, Coupon]:
    """A code for each mail, as far as they go. A mail that has one keeps it, however often it is tried."""
    held = _held(connection, wants)
    groups: dict[tuple[str, datetime], list[UUID]] = defaultdict(list)
    for want in wants:
        if want.send_id not in held:
            groups[want.pool, want.good_until].append(want.send_id)
    found = dict(held)
    taken: set[int] = set()
    for (pool, good_until), send_ids in groups.items():
        free = _free_codes(connection, pool, good_until, len(send_ids), taken, shuffled(send_ids[0]))
        taken |= {coupon.id for coupon in free}
        found.update(zip(send_ids, free, strict=False))
    return found


def _held(connection: Connection, wants: Sequence[Want]) -> dict[UUID, Coupon]:
    """What these mails were given before, where it still fits."""
    if not wants:
        return {}
    by_send = {want.send_id: want for want in wants}
    query = select(*_COLUMNS, coupons.c.send_id).where(coupons.c.send_id.in_(list(by_send)))
    found = {row.send_id: _coupon(row) for row in connection.execute(query)}
    return {id_: coupon for id_, coupon in found.items() if _fits(coupon, by_send[id_])}


def _fits(coupon: Coupon, want: Want) -> bool:
    return coupon.pool == want.pool and (coupon.expires_at is None or coupon.expires_at >= want.good_until)


def _free_codes(
    connection: Connection, pool: str, good_until: datetime, count: int, taken: Collection[int], dice: bytes
) -> list[Coupon]:
    """So many codes, or as many as there are: those never given first.

    From a place by chance on, or all workers would propose the same ones, and all but the first in vain.
    """
    good = or_(coupons.c.expires_at.is_(None), coupons.c.expires_at >= good_until)
    wanted = (coupons.c.pool == pool, good, coupons.c.id.not_in(taken))
    unused = select(*_COLUMNS).where(*wanted, coupons.c.given_at.is_(None)).order_by(coupons.c.id)
    ends = select(func.min(coupons.c.id), func.max(coupons.c.id))
    first, last = connection.execute(ends.where(coupons.c.pool == pool, coupons.c.given_at.is_(None))).one()
    found: list[Coupon] = []
    if first is not None:
        start = first + int.from_bytes(dice[:8]) % (last - first + 1)
        for part in (coupons.c.id >= start, coupons.c.id < start):
            query = unused.where(part).limit(count - len(found))
            found += map(_coupon, connection.execute(query) if len(found) < count else ())
    if len(found) < count:
        back = select(*_COLUMNS).select_from(_WITH_ITS_MAIL).where(*wanted, _GIVEN_BACK).order_by(coupons.c.id)
        found += map(_coupon, connection.execute(back.limit(count - len(found))))
    return found


def _coupon(row: Any) -> Coupon:
    return Coupon(row.id, row.pool, row.code, row.expires_at)


def still_free(connection: Connection, proposed: Mapping[UUID, Coupon]) -> set[UUID]:
    """The mails whose code is still theirs to take; these codes are locked until commit.

    What another worker holds at this moment is taken to be gone: nobody waits for it.
    """
    if not proposed:
        return set()
    owners = {coupon.id: send_id for send_id, coupon in proposed.items()}
    theirs = or_(*(and_(coupons.c.id == id_, coupons.c.send_id == send_id) for id_, send_id in owners.items()))
    query = select(coupons.c.id).select_from(_WITH_ITS_MAIL).where(coupons.c.id.in_(owners), or_(_FREE, theirs))
    locked = query.order_by(coupons.c.id).with_for_update(of=coupons, skip_locked=True)
    return {owners[id_] for id_ in connection.execute(locked).scalars()}


def give(connection: Connection, given: Mapping[UUID, Coupon], now: datetime) -> None:
    """Write down which mail has which code; they are locked by `still_free`. What a mail had before is free again."""
    if not given:
        return
    ids = [coupon.id for coupon in given.values()]
    other = (coupons.c.send_id.in_(list(given)), coupons.c.id.not_in(ids))
    connection.execute(update(coupons).where(*other).values(send_id=None, given_at=None))
    # First from whom they come, then to whom they go: a mail has one code, and two may change places.
    connection.execute(update(coupons).where(coupons.c.id.in_(ids)).values(send_id=None))
    statement = update(coupons).where(coupons.c.id == bindparam("coupon"))
    rows = [{"coupon": coupon.id, "mail": send_id} for send_id, coupon in given.items()]
    connection.execute(statement.values(send_id=bindparam("mail"), given_at=now), rows)


# ---------------------------------------------------------------- what the shop brings


def add_codes(connection: Connection, pool: str, codes: Sequence[Code], now: datetime) -> tuple[int, int, set[str]]:
    """Add codes to a pool: how many are new, of how many the end has changed, and which stand in another pool."""
    by_code = {one.code: one for one in codes}
    known = select(coupons.c.id, coupons.c.pool, coupons.c.code, coupons.c.expires_at)
    rows = connection.execute(known.where(coupons.c.code.in_(list(by_code)))).all()
    elsewhere = {row.code for row in rows if row.pool != pool}
    moved = [
        {"coupon": row.id, "ends": by_code[row.code].expires_at}
        for row in rows
        if row.pool == pool and row.expires_at != by_code[row.code].expires_at
    ]
    new = [
        {"pool": pool, "code": one.code, "expires_at": one.expires_at, "imported_at": now}
        for one in by_code.values()
        if one.code not in {row.code for row in rows}
    ]
    if new:
        connection.execute(insert(coupons), new)
    if moved:
        ends = bindparam("ends", type_=coupons.c.expires_at.type)
        connection.execute(update(coupons).where(coupons.c.id == bindparam("coupon")).values(expires_at=ends), moved)
    return len(new), len(moved), elsewhere


def pools(connection: Connection, now: datetime) -> list[Pool]:
    """How each pool stands, by name."""
    over = and_(coupons.c.expires_at.is_not(None), coupons.c.expires_at <= now)
    free = func.coalesce(_FREE, False)
    query = (
        select(coupons.c.pool, _count(and_(free, ~over)), _count(~free), _count(and_(free, over)))
        .select_from(_WITH_ITS_MAIL)
        .group_by(coupons.c.pool)
        .order_by(coupons.c.pool)
    )
    return [Pool(name, left, given, ended) for name, left, given, ended in connection.execute(query)]


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
