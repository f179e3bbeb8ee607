"""How each outlet stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from aftercart.db.tables import outbox, outlets
from aftercart.outward.happening import Happening
from aftercart.outward.patience import LEASE, Standing

FAULT_LIMIT = 300


@dataclass(frozen=True, slots=True)
class OutletRow:
    """An outlet, how it stands, and what waits for it. `oldest`: since when the oldest of it has been due."""

    name: str
    happenings: tuple[str, ...]
    standing: Standing
    told_at: datetime | None
    fault: str
    waiting: int = 0
    oldest: datetime | None = None
    gave_up: int = 0


def sync(connection: Connection, wanted: Mapping[str, Sequence[Happening]], now: datetime) -> None:
    """Let the table name these outlets and no others. One that is new hears what happens from now on; of one that is
    gone nothing waits any more."""
    known, words = _known(connection), _in_words(wanted)
    if gone := sorted(set(known) - set(words)):
        connection.execute(delete(outbox).where(outbox.c.outlet.in_(gone)))
        connection.execute(delete(outlets).where(outlets.c.name.in_(gone)))
    for name, happenings in words.items():
        if name not in known:
            fresh = {"happenings": happenings, "since": now, "failures": 0, "fault": ""}
            connection.execute(insert(outlets), {"name": name, **fresh})
        elif known[name] != happenings:
            connection.execute(update(outlets).where(outlets.c.name == name).values(happenings=happenings))


def is_in_step(connection: Connection, wanted: Mapping[str, Sequence[Happening]]) -> bool:
    """Whether `sync` would change nothing."""
    return _known(connection) == _in_words(wanted)


def _known(connection: Connection) -> dict[str, str]:
    return dict(connection.execute(select(outlets.c.name, outlets.c.happenings)).all())


def _in_words(wanted: Mapping[str, Sequence[Happening]]) -> dict[str, str]:
    return {name: " ".join(happenings) for name, happenings in wanted.items()}


def standing(connection: Connection, name: str) -> Standing | None:
    """How one stands; None: there is no such outlet (any more). Held until the transaction ends."""
    row = connection.execute(select(outlets).where(outlets.c.name == name).with_for_update()).first()
    return _standing(row) if row else None


def hold(connection: Connection, name: str, now: datetime) -> bool:
    """Have an outlet to oneself for as long as a lease lasts; False if somebody else has it."""
    free = or_(outlets.c.held_until.is_(None), outlets.c.held_until <= now)
    held = update(outlets).where(outlets.c.name == name, free).values(held_until=now + LEASE)
    return connection.execute(held).rowcount == 1


def let_go(connection: Connection, name: str) -> None:
    """Somebody else may tell it something."""
    connection.execute(update(outlets).where(outlets.c.name == name).values(held_until=None))


def outlet_rows(connection: Connection) -> list[OutletRow]:
    """All of them by name, with what waits for them."""
    waiting, gave_up = _waiting(connection), _gave_up(connection)
    return [
        OutletRow(
            name=row.name,
            happenings=tuple(row.happenings.split()),
            standing=_standing(row),
            told_at=row.told_at,
            fault=row.fault,
            waiting=waiting.get(row.name, (0, None))[0],
            oldest=waiting.get(row.name, (0, None))[1],
            gave_up=gave_up.get(row.name, 0),
        )
        for row in connection.execute(select(outlets).order_by(outlets.c.name)).all()
    ]


def _standing(row: Any) -> Standing:
    return Standing(row.failures, row.failing_since, row.rests_until, row.disabled_at)


def _waiting(connection: Connection) -> dict[str, tuple[int, datetime | None]]:
    query = select(outbox.c.outlet, func.count(), func.min(outbox.c.happened_at)).where(outbox.c.due_at.is_not(None))
    return {name: (count, oldest) for name, count, oldest in connection.execute(query.group_by(outbox.c.outlet))}


def _gave_up(connection: Connection) -> dict[str, int]:
    given_up = (outbox.c.ended_at.is_not(None), outbox.c.outcome == "gave_up")
    query = select(outbox.c.outlet, func.count()).where(*given_up).group_by(outbox.c.outlet)
    return dict(connection.execute(query).all())


def keep_standing(
    connection: Connection, name: str, standing: Standing, fault: str = "", told_at: datetime | None = None
) -> None:
    """How an outlet stands after what was tried. `fault`: empty where it works. `told_at`: None leaves it."""
    values = {
        "failures": standing.failures,
        "failing_since": standing.failing_since,
        "rests_until": standing.rests_until,
        "disabled_at": standing.disabled_at,
        "fault": fault[:FAULT_LIMIT],
    }
    more = {"told_at": told_at} if told_at else {}
    connection.execute(update(outlets).where(outlets.c.name == name).values(**values, **more))


def enable(connection: Connection, name: str, now: datetime) -> bool:
    """Tell it again what happens, and at once what waits for another try; False if there is no such outlet."""
    tried = (outbox.c.outlet == name, outbox.c.due_at > now, outbox.c.tries > 0)
    connection.execute(update(outbox).where(*tried).values(due_at=now))
    fresh = {"failures": 0, "failing_since": None, "rests_until": None, "disabled_at": None, "fault": ""}
    return connection.execute(update(outlets).where(outlets.c.name == name).values(**fresh)).rowcount == 1
