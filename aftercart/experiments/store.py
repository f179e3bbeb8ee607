"""Arms once given stay: the first exposure of a person decides, whatever the shares become."""

from collections.abc import Mapping
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
    people: Mapping[int, str],
    share: float,
    secret: str,
    config_hash: str,
    now: datetime,
    *,
    version: str = "1",
) -> dict[int, Arm]:
    """The arm of each person (recipient id → address), assigned and stored at their first exposure.

    At most three queries for any number of people. When two workers expose a person at the same instant, both get
    the arm of whoever was first. `version` starts an experiment anew; a changed share does not.
    """
    known = _stored(connection, experiment, people)
    new = {id_: email for id_, email in people.items() if id_ not in known}
    if not new:
        return known
    rows = [
        {
            "experiment": experiment,
            "recipient_id": id_,
            "arm": Arm.HOLDOUT if in_holdout(secret, experiment, version, email, share) else Arm.TREATED,
            "config_hash": config_hash,
            "at": now,
        }
        for id_, email in sorted(new.items())
    ]
    insert_new(connection, exposures, rows, unique=("experiment", "recipient_id"))
    return known | _stored(connection, experiment, new)


def _stored(connection: Connection, experiment: str, people: Mapping[int, str]) -> dict[int, Arm]:
    rows = connection.execute(
        select(exposures.c.recipient_id, exposures.c.arm).where(
            exposures.c.experiment == experiment, exposures.c.recipient_id.in_(people)
        )
    )
    return {recipient_id: Arm(name) for recipient_id, name in rows}
