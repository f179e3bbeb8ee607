"""Arms once given stay: the first exposure of a person decides, whatever the shares become."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from aftercart.db.session import insert_new
from aftercart.db.tables import exposures
from aftercart.experiments.assignment import in_holdout


class Arm(StrEnum):
    """The two arms of a holdout experiment."""

    HOLDOUT = "holdout"
    """Is sent nothing, to measure what the mails change."""
    TREATED = "treated"


def assigned(
    connection: Connection,
    experiment: str,
    people: Mapping[int, Mapping[int, str]],
    share: float,
    secret: str,
    config_hash: str,
    now: datetime,
    *,
    version: str = "1",
) -> dict[int, Arm]:
    """The arm of each recipient, assigned and stored at their first exposure.

    `people`: recipient id → the addresses of the person, by recipient id, the oldest first. Somebody who has a new
    address since stays in the arm of the oldest one that has one; who has none yet falls into that of the oldest.
    At most three queries for any number of people. When two workers expose a person at the same instant, both get
    the arm of whoever was first. `version` starts an experiment anew; a changed share does not.
    """
    stored = _stored(connection, experiment, {id_ for theirs in people.values() for id_ in theirs})
    first = {who: next((stored[id_] for id_ in theirs if id_ in stored), None) for who, theirs in people.items()}
    new = {id_: theirs for id_, theirs in people.items() if id_ not in stored}
    known = {id_: arm for id_, arm in first.items() if arm is not None}
    if not new:
        return known
    rows = [
        {
            "experiment": experiment,
            "recipient_id": id_,
            "arm": first[id_]
            or (Arm.HOLDOUT if in_holdout(secret, experiment, version, _oldest(theirs), share) else Arm.TREATED),
            "config_hash": config_hash,
            "at": now,
        }
        for id_, theirs in sorted(new.items())
    ]
    insert_new(connection, exposures, rows, unique=("experiment", "recipient_id"))
    return _stored(connection, experiment, new.keys()) | known


def _oldest(theirs: Mapping[int, str]) -> str:
    return next(iter(theirs.values()))


def _stored(connection: Connection, experiment: str, people: Collection[int]) -> dict[int, Arm]:
    rows = connection.execute(
        select(exposures.c.recipient_id, exposures.c.arm).where(
            exposures.c.experiment == experiment, exposures.c.recipient_id.in_(people)
        )
    )
    return {recipient_id: Arm(name) for recipient_id, name in rows}
