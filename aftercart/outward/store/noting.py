"""Noting what happened, for those who want to hear of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from aftercart.db.session import insert_new
from aftercart.db.tables import outbox, outlets, sends
from aftercart.ids import new_id
from aftercart.outward.happening import Happening

_NOTHING: Mapping[UUID, str] = {}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened. `key` tells it apart from every other of its kind: noted twice, it is told once.

    `about_id`: the click or the credit. `wait`: how long nobody is told yet, because it may turn out otherwise.
    """

    happening: Happening
    key: str
    recipient_id: int
    at: datetime
    send_id: UUID | None = None
    about_id: int | None = None
    topic: str = ""
    wait: timedelta = timedelta(0)


def note(connection: Connection, facts: Sequence[Fact], now: datetime) -> None:
    """Let every outlet that listens for them be told, once each. Without such an outlet nothing is written."""
    if not facts:
        return
    hearing = _hearing(connection)
    rows = [_row(outlet, fact, now) for fact in facts for outlet, heard in hearing.items() if fact.happening in heard]
    in_order = sorted(rows, key=lambda row: (row["outlet"], row["fact_key"]))  # two workers never wait in a circle
    insert_new(connection, outbox, in_order, unique=("outlet", "fact_key"))


def is_heard(connection: Connection, happening: Happening) -> bool:
    """Whether anybody listens for it."""
    return any(happening in heard for heard in _hearing(connection).values())


def note_mails(
    connection: Connection, at: Mapping[UUID, datetime], now: datetime, before: Mapping[UUID, str] = _NOTHING
) -> None:
    """Note of mails that they were sent, and delivered, as they stand by now; `at`: when that was found out.

    `before`: the states of those that may have left before. What these told was noted then, and may have been told
    and forgotten since.
    """
    heard = set().union(*_hearing(connection).values()) if at else set()
    if not heard & {Happening.MAIL_SENT, Happening.MAIL_DELIVERED}:
        return
    columns = (sends.c.id, sends.c.recipient_id, sends.c.state, sends.c.sent_at)
    left = connection.execute(select(*columns).where(sends.c.id.in_(sorted(at)), sends.c.sent_at.is_not(None)))
    note(connection, [fact for mail in left for fact in _facts(mail, at[mail.id], before.get(mail.id))], now)


def _facts(mail: Any, found_out: datetime, before: str | None) -> Iterator[Fact]:
    if mail.state not in _LEFT:
        return
    if before not in _LEFT:
        yield Fact(Happening.MAIL_SENT, str(mail.id), mail.recipient_id, mail.sent_at, mail.id)
    if mail.state == "delivered" and before != "delivered":
        yield Fact(Happening.MAIL_DELIVERED, str(mail.id), mail.recipient_id, found_out, mail.id)


_LEFT = ("sent", "delivered", "bounced", "complained")


def _hearing(connection: Connection) -> dict[str, set[str]]:
    rows = connection.execute(select(outlets.c.name, outlets.c.happenings).where(outlets.c.disabled_at.is_(None)))
    return {name: set(happenings.split()) for name, happenings in rows}


def _row(outlet: str, fact: Fact, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "outlet": outlet,
        "happening": fact.happening.value,
        "fact_key": f"{fact.happening}:{fact.key}",
        "recipient_id": fact.recipient_id,
        "send_id": fact.send_id,
        "about_id": fact.about_id,
        "topic": fact.topic,
        "happened_at": fact.at,
        "due_at": max(now, fact.at + fact.wait),
        "tries": 0,
        "body": None,
        "fault": "",
        "outcome": "",
        "ended_at": None,
    }
