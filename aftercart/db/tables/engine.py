"""What the engine keeps of itself: what is over, packed; counts; whether it may send from this database."""

from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary, Text
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class Archive(Row, table=True):
    """The particulars of an order whose mails have long ended: decisions, attempts, picks, clicks and webhooks, packed.

    Its sends stay where they are, and so do their links, which people may still open. See `aftercart/db/packing.py`.
    """

    __tablename__ = "archives"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="orders.id", index=True)
    archived_at: datetime
    content: bytes = Field(sa_type=LargeBinary)


class Tally(Row, table=True):
    """How many `sends` or `events` there were by state and reason (or an empty one) when they were last counted."""

    __tablename__ = "tallies"

    what: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    number: int


class Fence(Row, table=True):
    """One row: that this database is the one that sends, or why nothing is sent from it (`held_because`).

    `place`: where the database lies, as the server or the disk says; a copy lies elsewhere. `beats`: a count that only
    grows; who has seen a greater one knows that the database was set back. `doubt_until`: what fell due until then may
    have been sent by an engine whose marks are lost (see `aftercart/ledger/fence.py`).
    """

    __tablename__ = "fence"

    id: int = Field(primary_key=True)
    place: str
    beats: int = Field(sa_type=BigInteger)
    beat_at: datetime
    held_because: str | None = Field(default=None, sa_type=Text)
    held_at: datetime | None = None
    doubt_until: datetime | None = None


archives = core(Archive)
tallies = core(Tally)
fence = core(Fence)
