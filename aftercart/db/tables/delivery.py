"""How senders stand, and what waits for them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Text
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class Sender(Row, table=True):
    """How a sender stands, once there was a fault (see `aftercart/delivery/limits/breaker.py`). `fault`: in the
    provider's words."""

    __tablename__ = "senders"

    name: str = Field(primary_key=True)
    state: str
    faults: int
    fault_at: datetime | None = None
    fault: str = Field(default="", sa_type=Text)
    openings: int
    until: datetime | None = None


class SenderUsage(Row, table=True):
    """What a sender was given lately, in all (`scope` empty) and to some domains; see
    `aftercart/delivery/limits/quota.py`.

    `queued_until`: the turn of the last one that waits for a limit.
    """

    __tablename__ = "sender_usage"

    sender: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    counts: dict[str, Any] = Field(sa_type=JSON)
    queued_until: datetime | None = None


class Drain(Row, table=True):
    """One row: how far the dispatchers are where mail waits for senders (see `aftercart/delivery/store/drain.py`)."""

    __tablename__ = "drain"

    id: int | None = Field(default=None, primary_key=True)
    paced_until: datetime
    marked_until: datetime | None = None
    last_turn: datetime | None = None
    looked_at: datetime | None = None


senders = core(Sender)
sender_usage = core(SenderUsage)
drain = core(Drain)
