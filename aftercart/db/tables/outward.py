"""What others are told: where it goes, and what still has to be told there."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class Outlet(Row, table=True):
    """A place that is told what happens. `happenings`: which, with blanks between. `failures`: in a row.

    `held_until`: a worker tells it something, and nobody else does meanwhile. `rests_until`: nothing is told there
    before; `disabled_at`: nothing at all any more, until somebody says so.
    """

    __tablename__ = "outlets"

    name: str = Field(primary_key=True)
    happenings: str = Field(sa_type=Text)
    since: datetime
    failures: int = 0
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    disabled_at: datetime | None = None
    held_until: datetime | None = None
    told_at: datetime | None = None
    fault: str = Field(default="", sa_type=Text)


class Notice(Row, table=True):
    """One happening that one outlet is to be told, once: noted in the transaction of the fact itself.

    `fact_key` names the fact. `about_id`: the click or the credit that it is about. `due_at` NULL: nothing more is to
    come of it; then `outcome` says what did (told, gave_up). `body`: what is told, from the first try to the last.
    It refers to nothing: it may outlive its mail.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("outlet", "fact_key"),
        Index(
            "ix_outbox_due",
            "outlet",
            "due_at",
            sqlite_where=sql("due_at IS NOT NULL"),
            postgresql_where=sql("due_at IS NOT NULL"),
        ),
        Index(
            "ix_outbox_ended",
            "ended_at",
            sqlite_where=sql("ended_at IS NOT NULL"),
            postgresql_where=sql("ended_at IS NOT NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    outlet: str
    happening: str
    fact_key: str
    recipient_id: int = Field(index=True)
    send_id: UUID | None = None
    about_id: int | None = None
    topic: str = ""
    happened_at: datetime
    due_at: datetime | None
    tries: int = 0
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    fault: str = Field(default="", sa_type=Text)
    outcome: str = ""
    ended_at: datetime | None = None


outlets = core(Outlet)
outbox = core(Notice)
