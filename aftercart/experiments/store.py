"""Arms once given stay: the first lot of a person decides, whatever the shares become."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, update

from aftercart.db.session import insert_new
from aftercart.db.tables import bandit_shares, exposures
from aftercart.experiments.assignment import in_holdout

BRAND = "brand"
"""The holdout of all mail."""
_BRAND_HELD = "holdout:"

Addresses = Mapping[int, Mapping[int, str]]
"""Recipient id → the addresses of the person, by recipient id, the oldest first."""
Draw = Callable[[str], str]
"""Address → arm."""


class Arm(StrEnum):
    """The two arms of a holdout experiment."""

    HOLDOUT = "holdout"
    """Is sent nothing, to measure what the mails change."""
    TREATED = "treated"


def brand_hash(share: float) -> str:
    """What is kept as the configuration of the brand's holdout, of which there are no versions: its share."""
    return f"{_BRAND_HELD}{share:.10g}"


def brand_share(config_hash: str) -> float | None:
    """The share that `brand_hash` has written; None where it was not kept yet."""
    return float(config_hash.removeprefix(_BRAND_HELD)) if config_hash.startswith(_BRAND_HELD) else None


def assigned(
    connection: Connection,
    experiment: str,
    people: Addresses,
    share: float,
    secret: str,
    config_hash: str,
    now: datetime,
    *,
    version: str = "1",
) -> dict[int, Arm]:
    """Who belongs to a holdout, assigned and counted from their first exposure on.

    At most three queries for any number of people. When two workers expose a person at the same instant, both get
    the arm of whoever was first. `version` starts an experiment anew; a changed share does not.
    """

    arms = foretold(connection, experiment, people, share, secret, version=version)
    arms |= keep_lots(connection, experiment, arms, config_hash, now, counted=True)
    return {id_: Arm(arm) for id_, arm in arms.items()}


def foretold(
    connection: Connection, experiment: str, people: Addresses, share: float, secret: str, *, version: str = "1"
) -> dict[int, str]:
    """The arms that `assigned` would give them. Keeps nothing; one query."""

    def draw(address: str) -> str:
        return Arm.HOLDOUT if in_holdout(secret, experiment, version, address, share) else Arm.TREATED

    return lots(connection, experiment, people, draw)


def lots(connection: Connection, experiment: str, people: Addresses, draw: Draw) -> dict[int, str]:
    """The arm of each recipient: as it was drawn before, else as `draw` has it. Keeps nothing; one query.

    Somebody who has a new address since stays in the arm of the oldest one that has one; who has none yet falls into
    that of the oldest.
    """
    stored = _stored(connection, experiment, {id_ for theirs in people.values() for id_ in theirs})
    return {id_: _before(stored, theirs) or draw(next(iter(theirs.values()))) for id_, theirs in people.items()}


def _before(stored: Mapping[int, str], theirs: Mapping[int, str]) -> str | None:
    return next((stored[id_] for id_ in theirs if id_ in stored), None)


def keep_lots(
    connection: Connection,
    experiment: str,
    arms: Mapping[int, str],
    config_hash: str,
    now: datetime,
    *,
    counted: bool,
) -> dict[int, str]:
    """Keep the arms of those who have none yet for good; which of these hold, should another worker have been first.

    `counted`: these people are part of the result from now on.
    """
    about = {"experiment": experiment, "config_hash": config_hash, "at": now, "counted_at": now if counted else None}
    known = _stored(connection, experiment, arms)
    new = {id_: arm for id_, arm in sorted(arms.items()) if id_ not in known}
    if not new:
        return {}
    rows: list[dict[str, Any]] = [{**about, "recipient_id": id_, "arm": arm} for id_, arm in new.items()]
    insert_new(connection, exposures, rows, unique=("experiment", "recipient_id"))
    return _stored(connection, experiment, new)


def count(connection: Connection, experiment: str, recipient_ids: Collection[int], now: datetime) -> None:
    """These people are part of the result from now on, if they were not before."""
    mine = (exposures.c.experiment == experiment, exposures.c.recipient_id.in_(sorted(recipient_ids)))
    connection.execute(update(exposures).where(*mine, exposures.c.counted_at.is_(None)).values(counted_at=now))


def newest_shares(connection: Connection, experiment: str) -> dict[str, float] | None:
    """Which shares the arms of a bandit get now; None before it has learned anything."""
    query = select(bandit_shares.c.shares).where(bandit_shares.c.experiment == experiment)
    return connection.execute(query.order_by(bandit_shares.c.at.desc()).limit(1)).scalar()


def last_learned(connection: Connection) -> dict[str, datetime]:
    """Bandit → when its shares were last changed."""
    found: dict[str, datetime] = {}
    for name, at in connection.execute(select(bandit_shares.c.experiment, bandit_shares.c.at)):
        found[name] = max(at, found.get(name, at))
    return found


def keep_shares(
    connection: Connection,
    experiment: str,
    shares: Mapping[str, float],
    results: Mapping[str, tuple[int, int]],
    now: datetime,
) -> None:
    """Give the arms of a bandit these shares of new people from now on."""
    row = {
        "experiment": experiment,
        "at": now,
        "shares": dict(shares),
        "results": {k: [*v] for k, v in results.items()},
    }
    insert_new(connection, bandit_shares, [row], unique=("experiment", "at"))


def _stored(connection: Connection, experiment: str, people: Collection[int]) -> dict[int, str]:
    query = select(exposures.c.recipient_id, exposures.c.arm)
    rows = connection.execute(query.where(exposures.c.experiment == experiment, exposures.c.recipient_id.in_(people)))
    return dict(rows.all())
